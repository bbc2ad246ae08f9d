"""Which registry npm is configured for: its environment variables and .npmrc files, tokens included."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gristmill.collect.download import origin_of, split_login
from gristmill.errors import OriginError

VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Registry:
    """A registry: its URL without credentials or trailing '/', and the Authorization header for its host."""

    url: str
    logins: Mapping[str, str]


def find_registry(package: str) -> Registry:
    """The registry for a package: that of its scope, else the general one.

    The order of precedence is npm's (npm documentation, "config"): environment, .npmrc of the working
    folder, the user's, the global one.
    """
    settings: dict[str, str] = {}
    for path in _config_files():
        settings.update(_read(path))
    settings.update(
        {
            name[len("npm_config_") :].lower(): value
            for name, value in sorted(os.environ.items())
            if name.lower().startswith("npm_config_") and value
        }
    )
    scope = package.partition("/")[0] if package.startswith("@") else ""
    stated = settings.get(f"{scope}:registry") or settings.get("registry") or default_registry()
    url, logins = split_login(stated.rstrip("/"))
    return Registry(url, logins or _login(url, settings))


@functools.cache
def default_registry() -> str:
    """The registry that npm uses where none is configured, as npm itself states it."""
    command = ["npm", "config", "get", "registry", "--location=global"]
    try:
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        shown = ""
    if not shown.startswith(("http://", "https://")):
        raise OriginError(
            "no npm registry is configured and there is no npm to name its default; set npm_config_registry"
        )
    return shown.rstrip("/")


def _config_files() -> Iterator[Path]:
    """Configuration files, the weakest first."""
    yield Path(_variable("globalconfig") or "/etc/npmrc")
    yield Path(_variable("userconfig") or Path.home() / ".npmrc")
    yield Path(".npmrc")


def _variable(name: str) -> str:
    return os.environ.get(f"npm_config_{name}") or os.environ.get(f"NPM_CONFIG_{name.upper()}") or ""


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.strip().partition("=")
        if equals and not key.startswith((";", "#")):
            text = value.strip().strip("\"'")
            found[key.strip()] = VARIABLE.sub(lambda name: os.environ.get(name[1], name[0]), text)
    return found


def _login(url: str, settings: Mapping[str, str]) -> dict[str, str]:
    """The login that a configuration keeps for ``//host/path/``, the nearest path first."""
    place = url.partition(":")[2]
    while place.strip("/"):
        for slash in ("/", ""):
            token = settings.get(f"{place}{slash}:_authToken")
            basic = settings.get(f"{place}{slash}:_auth")
            if token or basic:
                return {origin_of(url): f"Bearer {token}" if token else f"Basic {basic}"}
        place = place.rpartition("/")[0]
    return {}
