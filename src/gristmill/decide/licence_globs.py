"""Which files the statements of ``REUSE.toml``, ``.reuse/dep5`` and ``debian/copyright`` reach.

Globs become regular expressions of RE2, whose time is linear in the path whatever the glob. In each file of globs the
last one that matches a path speaks for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.decide.licence_evidence import Finding

MAX_STATEMENTS = 2048
"""of one origin; those of deeper directories are left out first"""


class Stated(NamedTuple):
    """What a statement says of a file, and how it stands beside others: "closest" where the file says nothing, "aggregate"
    beside what it says, "override" in its place, "default" where its directory says nothing either."""

    finding: Finding
    precedence: str


@dataclass(frozen=True)
class Covering:
    """The statements of one file of globs; ``chosen`` is the number of the one that speaks for each path, or -1."""

    statements: tuple[Stated, ...]
    chosen: np.ndarray


def find_coverings(
    entries: Iterable[tuple[str, str, str]],
    by_content: Mapping[str, Sequence[Mapping[str, Any]]],
    paths: pa.Array,
) -> list[Covering]:
    """The files of globs that speak for any of some paths, the highest directory first.

    Args:
        entries: (path, name, content id) of files that may hold globs.
        by_content: rows of ``tables.LICENCE_MATCHES`` by content.
        paths: what the globs are matched with.
    """
    found = []
    for path, name, content_id in entries:
        root = _root(path, name)
        rows = [row for row in by_content.get(content_id, ()) if is_covering(row)]
        if root is not None and rows:
            rows.sort(key=lambda row: row["start"])
            found.append((root.count("/") + bool(root), root, path, rows))
    coverings = []
    left = MAX_STATEMENTS
    for _, root, path, rows in sorted(found, key=lambda one: one[:3]):
        chosen = np.full(len(paths), -1, np.int64)
        for number, row in enumerate(rows[:left]):
            pattern = _pattern(root, row["paths"], row["rule"])
            hits = pc.match_substring_regex(paths, pattern)
            chosen[hits.to_numpy(zero_copy_only=False)] = number
        left -= len(rows[:left])
        if (chosen >= 0).any():
            statements = tuple(
                Stated(Finding(row["expression"], (_evidence(path, row),)), row["precedence"]) for row in rows
            )
            coverings.append(Covering(statements, chosen))
    return coverings


def is_covering(row: Mapping[str, Any]) -> bool:
    """Whether a row of ``tables.LICENCE_MATCHES`` speaks of other files by globs."""
    return row["kind"] == "manifest" and row["paths"] is not None


def _root(path: str, name: str) -> str | None:
    """The directory that the globs of a file start from; None if a file of this name is no such file there."""
    directory = path.rpartition("/")[0]
    above, _, last = directory.rpartition("/")
    if name == "REUSE.toml":
        return directory
    return above if (name, last) in (("dep5", ".reuse"), ("copyright", "debian")) else None


def _evidence(path: str, row: Mapping[str, Any]) -> str:
    globs = list(row["paths"])
    shown = " ".join(globs[:3]) + (" ..." if len(globs) > 3 else "")
    return f"{path}: {row['rule']} {shown[:200]}"


def _pattern(root: str, globs: Sequence[str], rule: str) -> str:
    """A regular expression of RE2 that matches the paths below ``root`` which one of the globs matches."""
    read = _dep5_glob if rule == "dep5" else _reuse_glob
    prefix = re.escape(f"{root}/") if root else ""
    return rf"(?s)\A{prefix}(?:{'|'.join(map(read, globs))})\z"


def _reuse_glob(glob: str) -> str:
    """``*`` stands for anything but a slash, ``**`` for anything, a backslash takes a character as it is."""
    parts = re.findall(r"\\.|\*{2,}|.", glob.removeprefix("./"), re.DOTALL)
    return "".join(".*" if one[:2] == "**" else "[^/]*" if one == "*" else _literal(one) for one in parts)


def _dep5_glob(glob: str) -> str:
    """``*`` stands for anything, ``?`` for any character, a backslash takes a character as it is."""
    parts = re.findall(r"\\.|\*+|.", glob.removeprefix("./"), re.DOTALL)
    return "".join(".*" if one[0] == "*" else "." if one == "?" else _literal(one) for one in parts)


def _literal(part: str) -> str:
    return re.escape(part[1:] if len(part) == 2 else part)
