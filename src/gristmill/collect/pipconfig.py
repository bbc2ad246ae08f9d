"""Which package indexes pip is configured for: its environment variables and configuration files.

The order of precedence is pip's (pip documentation, "Configuration"): global files, the user's, the
environment's (site), the file in PIP_CONFIG_FILE, then PIP_INDEX_URL and PIP_EXTRA_INDEX_URL; later ones
win. Where nothing is configured pip itself is asked for its default.
"""

from __future__ import annotations

import configparser
import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from gristmill.errors import OriginError

SECTIONS = ("global", "install")


def index_urls() -> list[str]:
    """The index and then the extra indexes, without trailing '/', each once; URLs may carry credentials.

    Raises OriginError if a configuration file cannot be parsed, or nothing is configured and there is no pip.
    """
    settings: dict[str, str] = {}
    for path in _config_files():
        settings.update(_read(path))
    for key in ("index-url", "extra-index-url"):
        value = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            settings[key] = value
    urls = [settings.get("index-url") or default_index(), *settings.get("extra-index-url", "").split()]
    return list(dict.fromkeys(url.strip().rstrip("/") for url in urls))


@functools.cache
def default_index() -> str:
    """The index that pip uses where none is configured, as its help text states it."""
    command = [sys.executable, "-I", "-m", "pip", "install", "--help"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
        found = re.search(r"--index-url.*?\(default\s+(\S+?)\)", shown, re.DOTALL)
    except (OSError, subprocess.SubprocessError):
        found = None
    if found is None:
        raise OriginError(
            "no package index is configured and pip does not name its default; set PIP_INDEX_URL"
        )
    return found[1].rstrip("/")


def _config_files() -> Iterator[Path]:
    named = os.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    home = Path.home()
    for folder in filter(None, os.environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(os.pathsep)):
        yield Path(folder, "pip", "pip.conf")
    yield Path("/etc/pip.conf")
    yield home / ".pip" / "pip.conf"
    if sys.platform == "darwin":
        yield home / "Library" / "Application Support" / "pip" / "pip.conf"
    yield Path(os.environ.get("XDG_CONFIG_HOME") or home / ".config", "pip", "pip.conf")
    yield Path(sys.prefix, "pip.conf")
    if named:
        yield Path(named)


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, configparser.Error, UnicodeDecodeError) as error:
        # The parser's message quotes the line, which may hold a password.
        raise OriginError(f"pip's configuration {path} cannot be read: {type(error).__name__}") from None
    found: dict[str, str] = {}
    for section in SECTIONS:
        if parser.has_section(section):
            found.update({key.replace("_", "-").lower(): value or "" for key, value in parser.items(section)})
    return {key: value for key, value in found.items() if key in ("index-url", "extra-index-url")}
