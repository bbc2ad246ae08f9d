"""What a scan found as JSON, and as lines for a person. No value is in either."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from gristmill import __version__
from gristmill.secrets.detect import Finding, Scan

SCHEMA = "gristmill-secret-scan/1"
"""of the JSON; a change that a reader of it could stumble over gives another number"""


def to_json(scan: Scan, known: int) -> str:
    """The scan as JSON; docs/commands.md tells its keys. ``known`` findings were left out as in the baseline."""
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": f"gristmill {__version__}",
        "documents": scan.documents,
        "binary": scan.binary,
        "allowed": scan.allowed,
        "known": known,
        "findings": [_row(one) for one in scan.findings],
        "unread": [{"path": path, "why": why} for path, why in scan.unread],
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def lines(scan: Scan, known: int) -> Iterator[str]:
    """A line for each finding, then what there was in all."""
    for one in scan.findings:
        words = [f"{one.path}:{one.start.line}:{one.start.column}: {one.type} ({one.rule}, {one.score:.2f})"]
        if one.commit is not None:
            words.append(f"since {one.commit.id[:12]} of {one.commit.author_date or 'no date'}")
        yield " ".join((*words, one.fingerprint))
    types = Counter(one.type for one in scan.findings)
    told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(types.items())) or "none"
    yield f"findings: {told}; contents read: {scan.documents:,}, of them binary: {scan.binary:,}"
    if known or scan.allowed:
        yield f"not told: {known:,} in the baseline, {scan.allowed:,} allowed"


def _row(one: Finding) -> dict[str, Any]:
    row: dict[str, Any] = {
        "path": one.path,
        "line": one.start.line,
        "column": one.start.column,
        "end_line": one.end.line,
        "end_column": one.end.column,
        "start": one.start.byte,
        "end": one.end.byte,
        "rule": one.rule,
        "type": one.type,
        "score": round(one.score, 4),
        "fingerprint": one.fingerprint,
        "occurrences": one.occurrences,
    }
    if one.commit is not None:
        row["commit"] = {"id": one.commit.id, "author_date": one.commit.author_date}
    return row
