"""A scan as SARIF 2.1.0 (OASIS Standard, errata 01): what code-scanning services read.

Columns are counted in UTF-16 code units (section 3.14.17). Paths are relative references (RFC 3986) to the folder
that was scanned. The fingerprint goes into ``partialFingerprints``; no value is told.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from gristmill import __version__
from gristmill.annotate.findings.sensitivity import THRESHOLDS
from gristmill.secrets.detect import Finding, Scan

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "gristmillSecret/v1"


def to_sarif(scan: Scan) -> str:
    """The scan as a SARIF log of one run; equal scans give equal text."""
    types: dict[str, set[str]] = {}
    for one in scan.findings:
        types.setdefault(one.rule, set()).add(one.type)
    order = {rule: number for number, rule in enumerate(sorted(types))}
    run = {
        "tool": {
            "driver": {
                "name": "gristmill",
                "version": __version__,
                "rules": [_rule(rule, types[rule]) for rule in order],
            }
        },
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    {"level": "warning", "message": {"text": f"{path}: {why}"}} for path, why in scan.unread
                ],
            }
        ],
        "columnKind": "utf16CodeUnits",
        "results": [_result(one, order[one.rule]) for one in scan.findings],
    }
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _rule(rule: str, types: set[str]) -> dict[str, Any]:
    kinds = sorted(types)
    told = " or ".join(kinds).replace("_", " ")
    return {
        "id": rule,
        "shortDescription": {"text": f"What looks like {told}: rule {rule}"},
        "help": {
            "text": "Withdraw the value where it was issued, then take it out of the code and its history. "
            "If it is none, mark its line with the comment: gristmill: allow-secret"
        },
        "properties": {"tags": ["security", *kinds]},
    }


def _result(one: Finding, index: int) -> dict[str, Any]:
    properties: dict[str, Any] = {"type": one.type, "score": round(one.score, 4)}
    since = ""
    if one.commit is not None:
        properties["commit"] = one.commit.id
        properties["authorDate"] = one.commit.author_date
        since = f", first in commit {one.commit.id}"
    return {
        "ruleId": one.rule,
        "ruleIndex": index,
        "level": _level(one.score),
        "rank": round(one.score * 100, 2),
        "message": {"text": f"{one.type.replace('_', ' ')} found (score {one.score:.2f}){since}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(one.path)},
                    "region": {
                        "startLine": one.start.line,
                        "startColumn": one.start.column,
                        "endLine": one.end.line,
                        "endColumn": one.end.column,
                    },
                }
            }
        ],
        "partialFingerprints": {FINGERPRINT: one.fingerprint},
        "properties": properties,
    }


def _level(score: float) -> str:
    if score >= THRESHOLDS["low"]:
        return "error"
    return "warning" if score >= THRESHOLDS["medium"] else "note"


def _uri(path: str) -> str:
    """A relative reference; a colon is escaped, or the first segment could read as a scheme."""
    return quote(path, safe="/", errors="surrogatepass")
