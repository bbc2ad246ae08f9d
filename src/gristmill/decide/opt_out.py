"""The opt-out list: accounts, repositories, paths and contents that must not be in a release.

One entry a string: ``account:NAME``, ``repository:URL`` or ``repository:OWNER/NAME``, ``path:GLOB``,
``content:SWHID``; ``@FILE`` reads one a line. In a glob ``*`` and ``?`` stay within a segment, ``**``
crosses segments; a glob without '/' is matched against the file name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gristmill.collect.metadata import normalise_url
from gristmill.errors import RecipeError

KINDS = ("account", "repository", "path", "content")
_CONTENT = re.compile(r"(?:swh:1:cnt:)?([0-9a-f]{40})")


@dataclass(frozen=True)
class OptOut:
    """One entry: what kind of subject, and which."""

    kind: str
    subject: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.subject}"


def parse_opt_outs(texts: Iterable[str], base: Path) -> list[OptOut]:
    """Parse entries and list files (relative to ``base``); sorted, without repetitions.

    Raises RecipeError naming the entry, or the file and line.
    """
    found = {entry for text in texts for entry in _expand(text, base)}
    return sorted(found, key=str)


def match_origin(entries: Iterable[OptOut], url: str, name: str, kind: str) -> OptOut | None:
    """The first entry that names this origin (or its account), else None. Case is ignored.

    An account is the first segment of a git URL's path, or the scope of an npm package.
    """
    normal = normalise_url(url)
    names = {name.lower(), normal, "/".join(normal.split("/")[-2:])}
    owner = _account(normal, kind)
    for entry in entries:
        subject = entry.subject.lower()
        if entry.kind == "account" and subject == owner:
            return entry
        if entry.kind == "repository" and (subject in names or normalise_url(subject) in names):
            return entry
    return None


def glob_pattern(glob: str) -> str:
    """An RE2 pattern that matches whole paths as the glob says."""
    prefix = "(?:.*/)?" if "/" not in glob else ""
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", glob.lstrip("/"))
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return prefix + "".join(meaning.get(part, re.escape(part)) for part in parts)


def _account(url: str, kind: str) -> str | None:
    segments = [segment for segment in url.split("/")[1:] if segment]
    if kind == "npm":
        return next((segment for segment in segments if segment.startswith("@")), None)
    return segments[0] if kind == "git" and len(segments) > 1 and not url.startswith("/") else None


def _expand(text: str, base: Path) -> Iterator[OptOut]:
    if not text.startswith("@"):
        yield _parse(text, f"policy.opt_out: {text!r}")
        return
    path = base / text[1:]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"policy.opt_out: list file {path} cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield _parse(entry, f"{path}, line {number}: {entry!r}")


def _parse(text: str, where: str) -> OptOut:
    kind, _, subject = text.strip().partition(":")
    subject = subject.strip()
    if kind not in KINDS or not subject:
        raise RecipeError(f"{where}: write account:NAME, repository:URL, path:GLOB or content:SWHID")
    if kind == "content":
        match = _CONTENT.fullmatch(subject)
        if match is None:
            raise RecipeError(f"{where}: a content is named by swh:1:cnt: and 40 hexadecimal digits")
        subject = match[1]
    return OptOut(kind, subject)
