"""What people decided about licence statements: a file that builds honour and that releases cite.

A decision is about contents, so it holds wherever these bytes stand, in this build and in later ones; a content
that differs by one byte is another one, and nobody has looked at it yet. It takes the place of the statements
that were found in the content, but for those of manifests, which say their licence in a field. The file is
TOML::

    version = 1

    [[decision]]
    id = "house-licence"
    contents = ["swh:1:cnt:94a9ed024d3859793618152ea559a168bbcbb5e2"]
    expression = "MIT"            # or NONE: the content states nothing
    reviewer = "Ada Author"
    date = 2026-11-23
    reason = "the text of MIT with another title"
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gristmill.errors import RecipeError
from gristmill.spdx import expressions, statements

VERSION = 1
NONE = "NONE"
RULE = "decision/"
"""what the rule of a match begins with that comes from a decision; its id follows"""
MAX_BYTES = 16_000_000

_KEYS = ("id", "contents", "expression", "reviewer", "date", "reason")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CONTENT = re.compile(r"(?:swh:1:cnt:)?([0-9a-f]{40})")


@dataclass(frozen=True, slots=True)
class Decision:
    """What one reviewer decided about contents; the expression is normalised, None if they state nothing."""

    id: str
    contents: tuple[str, ...]
    expression: str | None
    reviewer: str
    date: dt.date
    reason: str


def read_decisions(path: Path) -> list[Decision]:
    """The decisions of a file, by id.

    Raises:
        RecipeError: it cannot be read, a key is missing, unknown or makes no sense, an id stands twice, or two
            decisions are about one content.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: decisions cannot be read: {error}") from error
    if len(data) > MAX_BYTES:
        raise RecipeError(f"{path}: larger than {MAX_BYTES:,} bytes; split it into files of their own")
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    return parse_decisions(values, str(path))


def parse_decisions(values: dict[str, Any], name: str) -> list[Decision]:
    """Check what TOML gave for a file of decisions; ``name`` stands in the messages. Raises RecipeError."""
    if values.get("version") != VERSION:
        raise RecipeError(f"{name}: version = {values.get('version')!r}: write version = {VERSION}")
    for key in values:
        if key not in ("version", "decision"):
            raise RecipeError(f"{name}: unknown key {key}; known keys here: decision, version")
    rows = values.get("decision", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise RecipeError(f"{name}: decision must be an array of tables: write [[decision]]")
    found: dict[str, Decision] = {}
    owners: dict[str, str] = {}
    for number, row in enumerate(rows, 1):
        one = _decision(row, f"{name}: decision {number}")
        if one.id in found:
            raise RecipeError(f"{name}: id = {one.id!r} stands twice; rename one of them")
        for content in one.contents:
            if content in owners:
                raise RecipeError(
                    f"{name}: content {content} is in {owners[content]!r} and {one.id!r}; remove it from one"
                )
            owners[content] = one.id
        found[one.id] = one
    return [found[key] for key in sorted(found)]


def as_toml(decision: Decision) -> str:
    """One decision as it stands in a file of decisions."""
    lines = [
        "",
        "[[decision]]",
        f"id = {_quoted(decision.id)}",
        f"contents = [{', '.join(_quoted(f'swh:1:cnt:{one}') for one in decision.contents)}]",
        f"expression = {_quoted(decision.expression or NONE)}",
        f"reviewer = {_quoted(decision.reviewer)}",
        f"date = {decision.date.isoformat()}",
        f"reason = {_quoted(decision.reason)}",
    ]
    return "\n".join(lines) + "\n"


def record(path: Path, decision: Decision) -> None:
    """Add a decision to a file of decisions, which is made if it is missing.

    What stands in the file stays as it is, comments too. Raises RecipeError as ``read_decisions`` does, and
    then the file is as it was.
    """
    known = read_decisions(path) if path.exists() else []
    head = "" if path.exists() else f"version = {VERSION}\n"
    row = tomllib.loads(as_toml(decision))["decision"][0]
    rows = [tomllib.loads(as_toml(one))["decision"][0] for one in known]
    parse_decisions({"version": VERSION, "decision": [*rows, row]}, str(path))
    with path.open("a", encoding="utf-8") as file:
        file.write(head + as_toml(decision))


def digest_of(decisions: Iterable[Decision]) -> str:
    """SHA-256 of what was decided, whatever the order and layout of the file."""
    text = "".join(as_toml(one) for one in sorted(decisions, key=lambda one: one.id))
    return hashlib.sha256(text.encode()).hexdigest()


def rows_of(decisions: Sequence[Decision]) -> list[tuple[str, str | None, str]]:
    """(content_id, expression, rule) of every content that was decided, in order."""
    return sorted((content, one.expression, RULE + one.id) for one in decisions for content in one.contents)


def _decision(row: dict[str, Any], name: str) -> Decision:
    for key in row:
        if key not in _KEYS:
            raise RecipeError(f"{name}: unknown key {key}; known keys here: {', '.join(_KEYS)}")
    for key in _KEYS:
        if key not in row:
            raise RecipeError(f"{name}: {key} is missing; write who decided what, when and why")
    for key in ("id", "expression", "reviewer", "reason"):
        if not isinstance(row[key], str) or not row[key].strip():
            raise RecipeError(f"{name}: {key} = {row[key]!r}: write a text that is not empty")
    if not _ID.fullmatch(row["id"]):
        raise RecipeError(
            f"{name}: id = {row['id']!r}: use at most 64 letters, digits, '-', '_' and '.', a letter or digit first"
        )
    if type(row["date"]) is not dt.date:
        raise RecipeError(f"{name}: date = {row['date']!r}: write a date without quotes, such as 2026-11-23")
    contents = row["contents"]
    if not isinstance(contents, list) or not contents:
        raise RecipeError(f"{name}: contents = {contents!r}: write a list of SWHIDs of contents")
    ids = []
    for content in contents:
        match = _CONTENT.fullmatch(content) if isinstance(content, str) else None
        if match is None:
            raise RecipeError(f"{name}: contents holds {content!r}: write swh:1:cnt: and 40 hex digits")
        ids.append(match[1])
    return Decision(
        row["id"],
        tuple(dict.fromkeys(ids)),
        _expression(row["expression"], name),
        row["reviewer"],
        row["date"],
        row["reason"],
    )


def _expression(text: str, name: str) -> str | None:
    if text == NONE:
        return None
    normal = expressions.normalise(text)
    own = text.startswith("LicenseRef-") and " " not in text
    if normal is None or not (own or statements.is_understood(normal)):
        raise RecipeError(
            f"{name}: expression = {text!r} is not an SPDX expression; write one, a LicenseRef- of your own, or {NONE}"
        )
    return normal


def _quoted(text: str) -> str:
    """A basic string of TOML: JSON's escapes are a part of TOML's, but for DEL and lone surrogates."""
    clean = text.encode("utf-8", "replace").decode()
    return json.dumps(clean, ensure_ascii=False).replace("\x7f", "\\u007f")
