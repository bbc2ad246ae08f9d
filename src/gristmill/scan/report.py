"""What a scan found, and its JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from gristmill import __version__
from gristmill.collect.swhid import swhid
from gristmill.scan.policy import Policy, allows
from gristmill.scan.walk import Unread
from gristmill.spdx.classes import LicenceClass

SCHEMA = "gristmill-licence-scan/1"
"""of the JSON; a change that a reader of it could stumble over gives another number"""


@dataclass(frozen=True, slots=True)
class Licence:
    """What applies: an expression (None if nothing was found), its class, where it comes from, and the evidence.

    ``scope`` is "file" or "directory", None if nothing was found.
    """

    expression: str | None
    licence_class: LicenceClass
    scope: str | None
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A file, its hashes (empty if it could not be read), what applies to it and what it states itself."""

    path: str
    length: int
    content_id: str
    sha1: str
    sha256: str
    licence: Licence
    stated: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """All of a scan: name and SWHID of what was scanned, what applies to it as a whole, and its files by path.

    ``texts`` holds the words found for each id that SPDX does not list.
    """

    name: str
    root: str
    licence: Licence
    files: tuple[File, ...]
    unread: tuple[Unread, ...]
    texts: Mapping[str, str]


def summary(files: Iterable[File]) -> list[tuple[str | None, LicenceClass, int]]:
    """Expression, class and number of files, the most frequent first."""
    counts = Counter((one.licence.expression, one.licence.licence_class) for one in files)
    ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0][0] or ""))
    return [(expression, licence_class, count) for (expression, licence_class), count in ordered]


def refused_by(policy: Policy, files: Iterable[File]) -> list[File]:
    """The files that a policy does not allow."""
    return [one for one in files if not allows(policy, one.licence.expression)]


def to_json(report: Report, policy: Policy | None = None) -> str:
    """The report as JSON; docs/commands.md tells its keys. Equal reports give equal text."""
    refused = [] if policy is None else [one.path for one in refused_by(policy, report.files)]
    document: dict[str, Any] = {
        "schema": SCHEMA,
        "tool": f"gristmill {__version__}",
        "name": report.name,
        "swhid": report.root,
        "licence": _licence(report.licence),
        "summary": [
            {"expression": expression, "class": licence_class, "files": count}
            for expression, licence_class, count in summary(report.files)
        ],
        "files": [_file(one) for one in report.files],
        "unread": [{"path": one.path or None, "why": one.why} for one in report.unread],
        "policy": None
        if policy is None
        else {
            "allow": list(policy.allow),
            "deny": list(policy.deny),
            "met": not refused,
            "refused": refused,
        },
    }
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _file(one: File) -> dict[str, Any]:
    read = bool(one.sha1)
    return {
        "path": one.path,
        "length": one.length,
        "swhid": swhid("cnt", one.content_id) if read else None,
        "sha1": one.sha1 or None,
        "sha256": one.sha256 or None,
        **_licence(one.licence),
        "stated": list(one.stated),
    }


def _licence(licence: Licence) -> dict[str, Any]:
    return {
        "expression": licence.expression,
        "class": licence.licence_class,
        "scope": licence.scope,
        "evidence": list(licence.evidence),
    }
