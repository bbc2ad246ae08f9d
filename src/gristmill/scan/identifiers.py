"""Expressions as SPDX documents may hold them, and the ids, names and digests of a document.

Our expressions may hold what the grammar of a version does not: exceptions that SPDX does not list after
WITH, and exceptions that stand alone. There, SPDX asks for ids of the document's own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from functools import lru_cache
from typing import Any, Literal

from gristmill.scan.report import Report, to_json
from gristmill.spdx import expressions

Version = Literal["2.3", "3.0.1"]

NAMESPACE = "https://spdx.org/spdxdocs/"
_OF_OURS = ("LicenseRef-", "AdditionRef-")


@lru_cache(maxsize=65536)
def legal(expression: str, version: Version) -> str:
    """A normalised expression in the grammar of an SPDX version."""
    return _render(expressions.tree(expression), version, inner=False)


def licence_ids(expression: str, version: Version) -> frozenset[str]:
    """The licence ids of a legal expression, exceptions left out: what licenseInfoInFiles may hold."""
    return expressions.licences(legal(expression, version))


def own_ids(expression: str, version: Version) -> dict[str, str]:
    """The ids of the document's own in a legal expression, each with the id that it stands for here."""
    found: dict[str, str] = {}
    _collect(expressions.tree(expression), version, found)
    return found


def namespace(report: Report, created: dt.datetime) -> str:
    """A URI that no other document has: by the tool, what was found and the time of creation."""
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", report.name).strip("-.")[:64] or "scan"
    digest = hashlib.sha256(f"{timestamp(created)}\n{to_json(report)}".encode()).hexdigest()
    return f"{NAMESPACE}{name}-{digest}"


def timestamp(moment: dt.datetime) -> str:
    """A moment as SPDX writes it: UTC, whole seconds."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def path_id(path: str) -> str:
    """An id for a path, of letters that every format takes; the order of files has no say in it."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def found_text(report: Report, identifier: str) -> str:
    """The words found for an id that SPDX does not list, or that there are none."""
    return report.texts.get(identifier) or f"No text was found for {identifier}."


def _render(node: Any, version: Version, inner: bool) -> str:
    operator = type(node).__name__
    if operator not in ("AND", "OR"):
        return _leaf(node, version)[0]
    text = f" {operator} ".join(_render(child, version, inner=True) for child in node.args)
    return f"({text})" if inner else text


def _leaf(node: Any, version: Version) -> tuple[str, dict[str, str]]:
    """A licence, perhaps with an exception, as the grammar has it, and the ids of ours in it."""
    if not hasattr(node, "exception_symbol"):
        key = str(node.key)
        identifier = expressions.reference(key) if expressions.is_exception(key) else key
        return identifier, {identifier: key} if identifier.startswith(_OF_OURS) else {}
    licence, exception = str(node.license_symbol.key), str(node.exception_symbol.key)
    if version == "2.3" and exception.startswith(_OF_OURS):
        identifier = expressions.reference(f"{_bare(licence)}-with-{_bare(exception)}")
        return identifier, {identifier: exception}
    own = {licence: licence} if licence.startswith(_OF_OURS) else {}
    if not exception.startswith(_OF_OURS):
        return f"{licence} WITH {exception}", own
    identifier = expressions.reference(_bare(exception), "AdditionRef-")
    return f"{licence} WITH {identifier}", own | {identifier: exception}


def _bare(identifier: str) -> str:
    return re.sub(r"\A(?:LicenseRef|AdditionRef)-", "", identifier)


def _collect(node: Any, version: Version, found: dict[str, str]) -> None:
    if type(node).__name__ in ("AND", "OR"):
        for child in node.args:
            _collect(child, version, found)
    else:
        for identifier, stands_for in _leaf(node, version)[1].items():
            found.setdefault(identifier, stands_for)
