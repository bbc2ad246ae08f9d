"""What a person has allowed: comments in the file itself, and an allow-list of paths and rules.

The comment ``gristmill: allow-secret`` allows what starts on its line; on a line of its own, what starts on the next
one, too. ``gristmill: allow-secret[RULE, RULE]`` allows these rules only. Of the comments that people may have
already, ``pragma: allowlist secret`` and ``gitleaks:allow`` do the same. The allow-list is TOML::

    version = 1

    [[allow]]
    paths = ["tests/fixtures/**", "*.md"]   # any of them; without: every path
    rules = ["assignment"]                  # any of them; without: every rule
    reason = "made up for tests"
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import RecipeError
from gristmill.scan.walk import left_out

VERSION = 1
MAX_BYTES = 1_000_000
_REACH = 1_000
"""bytes before and behind the start of a value in which its line, and the line before, are looked at"""

_COMMENT = re.compile(
    rb"gristmill: ?allow-secret(?:\[(?P<rules>[A-Za-z0-9_, -]{1,200})\])?|pragma: ?allowlist secret|gitleaks:allow\b"
)
_WORD = re.compile(rb"[A-Za-z0-9]")
_KEYS = ("paths", "rules", "reason")


@dataclass(frozen=True, slots=True)
class Allowed:
    """One entry: which paths, and which rules (empty: all)."""

    paths: Callable[[str], bool] | None
    rules: frozenset[str]


def commented(text: bytes, at: int, end: int, rule: str) -> bool:
    """Whether a comment allows the finding of ``rule`` whose value is ``text[at:end]``."""
    floor = max(0, at - _REACH)
    start = text.rfind(b"\n", floor, at) + 1
    stop = text.find(b"\n", end, end + _REACH)
    stop = min(end + _REACH, len(text)) if stop < 0 else stop
    # The value itself allows nothing, nor does a line of its own within a value.
    own = (text[start or floor : at], text[end:stop])
    if any(_names(found, rule) for part in own for found in _COMMENT.finditer(part)):
        return True
    if not start:
        return False
    above = text[text.rfind(b"\n", floor, start - 1) + 1 or floor : start - 1]
    found = _COMMENT.search(above)
    return found is not None and not _WORD.search(above, 0, found.start()) and _names(found, rule)


def _names(found: re.Match[bytes], rule: str) -> bool:
    rules = found["rules"]
    return rules is None or rule in rules.decode("ascii").replace(",", " ").split()


def listed(entries: Sequence[Allowed], path: str, rule: str) -> bool:
    """Whether an entry of the allow-list allows a rule's finding in a path."""
    return any(
        (one.paths is None or one.paths(path)) and (not one.rules or rule in one.rules) for one in entries
    )


def read_allow_list(path: Path) -> list[Allowed]:
    """The entries of an allow-list.

    Raises:
        RecipeError: it cannot be read, or a key is missing, unknown or of the wrong type.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise RecipeError(f"{path}: larger than {MAX_BYTES:,} bytes; name folders, not files")
        values = tomllib.loads(data.decode("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: allow-list cannot be read: {error}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    if values.get("version") != VERSION:
        raise RecipeError(f"{path}: version = {values.get('version')!r}: write version = {VERSION}")
    for key in values:
        if key not in ("version", "allow"):
            raise RecipeError(f"{path}: unknown key {key}; known keys here: allow, version")
    rows = values.get("allow", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecipeError(f"{path}: allow must be an array of tables: write [[allow]]")
    return [_entry(row, f"{path}: allow {number}") for number, row in enumerate(rows, 1)]


def _entry(row: dict[str, Any], name: str) -> Allowed:
    for key in row:
        if key not in _KEYS:
            raise RecipeError(f"{name}: unknown key {key}; known keys here: {', '.join(_KEYS)}")
    if not isinstance(row.get("reason"), str) or not row["reason"].strip():
        raise RecipeError(f"{name}: reason is missing: say why it is allowed")
    if "paths" not in row and "rules" not in row:
        raise RecipeError(f"{name}: allows everything: name paths, rules or both")
    paths, rules = _texts(row, "paths", name), _texts(row, "rules", name)
    return Allowed(left_out(paths) if paths else None, frozenset(rules))


def _texts(row: dict[str, Any], key: str, name: str) -> list[str]:
    value = row.get(key)
    if key not in row:
        return []
    if not isinstance(value, list) or not value or not all(isinstance(one, str) and one for one in value):
        raise RecipeError(f'{name}: {key} = {value!r}: write a list of texts, such as {key} = ["..."]')
    return value
