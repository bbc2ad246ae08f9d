"""Which package indexes pip is configured for: its environment variables and configuration files.

Read here rather than asked from pip, which need not be installed beside Gristmill. The order of precedence
is pip's (pip documentation, "Configuration"): global files, the user's, the environment's (site), the file
in PIP_CONFIG_FILE, then PIP_INDEX_URL and PIP_EXTRA_INDEX_URL; later ones win.
"""

from __future__ import annotations

import configparser
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gristmill.errors import OriginError

DEFAULT_INDEX = "https://pypi.org/simple"  # what pip documents as the default of --index-url
SECTIONS = ("global", "install")


def index_urls() -> list[str]:
    """The index and then the extra indexes, without trailing '/', each once; URLs may carry credentials.

    Raises OriginError if a configuration file cannot be parsed.
    """
    settings: dict[str, str] = {}
    for path in _config_files():
        settings.update(_read(path))
    for key in ("index-url", "extra-index-url"):
        value = os.environ.get("PIP_" + key.upper().replace("-", "_"))
        if value:
            settings[key] = value
    urls = [settings.get("index-url") or DEFAULT_INDEX, *settings.get("extra-index-url", "").split()]
    return list(dict.fromkeys(url.strip().rstrip("/") for url in urls))


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
