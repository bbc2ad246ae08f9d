"""What the statements in one file, and those in one directory, amount to.

Two kinds of evidence meet: *statements* (SPDX tags, manifest fields) say what the author wants, in an
expression that can hold a choice; *texts* (licence texts, notices) are what was found, and only their sum is
known. Where the texts are among the licences of the statement, the statement tells how they combine and
wins: LICENSE-MIT and LICENSE-APACHE beside ``MIT OR Apache-2.0`` are a choice. Where they are not, both
hold, joined by AND: a manifest that says MIT does not undo a GPL text. Without a statement, texts add up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gristmill.spdx import agreement, expressions, filenames

# Beyond these, evidence is cut short; the expression still counts all of it.
MAX_EVIDENCE = 16

# Rules that say "this file should hold a licence": they count for a file whose name promises one.
_PROMISED = frozenset({"unrecognised", "unrecognised-rest"})


@dataclass(frozen=True, slots=True)
class Finding:
    """An expression and what it rests on; ``reference`` if it only points to another file, which ``names`` may name."""

    expression: str
    evidence: tuple[str, ...]
    reference: bool = False
    names: tuple[str, ...] = ()


def of_file(path: str, name: str, matches: Iterable[Mapping[str, Any]]) -> Finding | None:
    """What a file's own tags, notices and texts state; manifests' fields are not among them.

    Args:
        path: for the evidence.
        name: last segment of the path.
        matches: rows of ``tables.LICENCE_MATCHES`` of its content.
    """
    rows = [row for row in matches if row["rule"] not in _PROMISED or filenames.promises_licence(name)]
    stated = _sum(path, (row for row in rows if row["kind"] == "tag"))
    found = _sum(path, (row for row in rows if row["kind"] in ("text", "notice")))
    if stated is None and found is None:
        pointers = [row for row in rows if row["kind"] == "reference"]
        pointer = _sum(path, pointers, reference=True)
        named = dict.fromkeys(name for row in pointers for name in row["paths"] or ())
        return pointer and replace(pointer, names=tuple(named))
    return reconcile(stated, found)


def of_manifest(path: str, name: str, matches: Iterable[Mapping[str, Any]]) -> Finding | None:
    """What the manifest of this name states; a content may also occur under another manifest's name."""
    rule = "gemspec" if name.endswith(".gemspec") else name
    return _sum(
        path,
        (
            row
            for row in matches
            if row["kind"] == "manifest" and row["rule"] == rule and row["paths"] is None
        ),
    )


def all_of(findings: Iterable[Finding | None]) -> Finding | None:
    """All findings together; of references only if there is nothing else."""
    present = [one for one in findings if one is not None]
    chosen = [one for one in present if not one.reference] or present
    if len(chosen) < 2:
        return chosen[0] if chosen else None
    expression = expressions.conjunction(one.expression for one in chosen)
    return Finding(
        agreement.sharpen(expression or expressions.UNKNOWN),
        _cut(line for one in chosen for line in one.evidence),
        chosen[0].reference,
    )


def reconcile(stated: Finding | None, found: Finding | None) -> Finding | None:
    """A statement and the texts beside it, as the module explains."""
    if stated is None or found is None:
        return stated or found
    expression = agreement.reconcile(stated.expression, found.expression)
    return Finding(expression, _cut([*stated.evidence, *found.evidence]))


def _sum(path: str, rows: Iterable[Mapping[str, Any]], reference: bool = False) -> Finding | None:
    ordered = sorted(rows, key=lambda row: (row["start"], row["end"], row["rule"]))
    if not ordered:
        return None
    expression = expressions.conjunction(row["expression"] for row in ordered)
    lines = dict.fromkeys(f"{path}: {row['rule']} {row['score']:.2f}" for row in ordered)
    return Finding(agreement.sharpen(expression or expressions.UNKNOWN), _cut(lines), reference)


def _cut(evidence: Iterable[str]) -> tuple[str, ...]:
    lines = tuple(dict.fromkeys(evidence))
    return lines if len(lines) <= MAX_EVIDENCE else (*lines[: MAX_EVIDENCE - 1], "and more")
