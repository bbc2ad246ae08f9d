"""A report as an SPDX 3.0.1 document in JSON-LD: one package, its files, licence expressions and texts."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator
from typing import Any

from gristmill import __version__
from gristmill.collect.swhid import swhid
from gristmill.scan.identifiers import found_text, legal, namespace, own_ids, path_id, timestamp
from gristmill.scan.report import File, Report

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
NO_ASSERTION = "https://spdx.org/rdf/3.0.1/terms/ExpandedLicensing/NoAssertionLicense"
_CREATION = "_:creationinfo"

Element = dict[str, Any]


def to_spdx3(report: Report, created: dt.datetime) -> str:
    """The document.

    What was concluded for a file is what applies to it; what is declared for it is what it states itself, and
    for the package what its licence files and manifests say. Nothing is asserted where nothing was found.

    Args:
        report: what a scan found.
        created: stands in the document as the time of its creation; equal arguments give equal bytes.

    Returns:
        JSON text.
    """
    base = namespace(report, created)
    package = f"{base}#Package"
    elements = [
        _element("SoftwareAgent", f"{base}#Gristmill", name=f"Gristmill {__version__}"),
        _package(package, report),
        *(_file(base, one) for one in report.files),
        *_texts(base, report),
        *_expressions(base, report),
        *_relationships(base, package, report),
    ]
    document = _element(
        "SpdxDocument",
        base,
        name=report.name,
        rootElement=[package],
        element=[one["spdxId"] for one in elements],
        profileConformance=["core", "software", "simpleLicensing"],
        dataLicense=f"{base}#{_expression_id('CC0-1.0')}",
    )
    creation = {
        "type": "CreationInfo",
        "@id": _CREATION,
        "specVersion": "3.0.1",
        "created": timestamp(created),
        "createdBy": [f"{base}#Gristmill"],
    }
    graph = {"@context": CONTEXT, "@graph": [creation, document, *elements]}
    return json.dumps(graph, indent=1, ensure_ascii=False) + "\n"


def _element(kind: str, identifier: str, **properties: Any) -> Element:
    return {"type": kind, "spdxId": identifier, "creationInfo": _CREATION, **properties}


def _package(identifier: str, report: Report) -> Element:
    package = _element(
        "software_Package",
        identifier,
        name=report.name,
        software_contentIdentifier=[_content_identifier(report.root)],
    )
    if report.unread:
        package["comment"] = "\n".join(
            ["Not read:", *(f"{one.path}: {one.why}" if one.path else one.why for one in report.unread)]
        )
    return package


def _file(base: str, one: File) -> Element:
    file = _element("software_File", _file_id(base, one), name=one.path, software_fileKind="file")
    if one.sha1:
        file["software_contentIdentifier"] = [_content_identifier(swhid("cnt", one.content_id))]
        file["verifiedUsing"] = [
            {"type": "Hash", "algorithm": name, "hashValue": value}
            for name, value in (("sha1", one.sha1), ("sha256", one.sha256))
        ]
    if one.licence.evidence:
        file["comment"] = "\n".join(one.licence.evidence)
    return file


def _content_identifier(value: str) -> Element:
    return {
        "type": "software_ContentIdentifier",
        "software_contentIdentifierType": "swhid",
        "software_contentIdentifierValue": value,
    }


def _file_id(base: str, one: File) -> str:
    return f"{base}#File-{path_id(one.path)}"


def _expression_id(expression: str) -> str:
    return f"Licence-{path_id(expression)}"


def _stated(one: File) -> str | None:
    """What a file declares: what applies to it, if that is its own statement."""
    return one.licence.expression if one.licence.scope == "file" else None


def _used(report: Report) -> list[str]:
    """Every expression of the document."""
    found = {one.licence.expression for one in report.files} | {report.licence.expression, "CC0-1.0"}
    return sorted(one for one in found if one is not None)


def _texts(base: str, report: Report) -> Iterator[Element]:
    for identifier, stands_for in sorted(_own(_used(report)).items()):
        yield _element(
            "simplelicensing_SimpleLicensingText",
            f"{base}#{identifier}",
            name=identifier,
            simplelicensing_licenseText=found_text(report, stands_for),
        )


def _own(expressions: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for expression in expressions:
        found |= own_ids(expression, "3.0.1")
    return found


def _expressions(base: str, report: Report) -> Iterator[Element]:
    for expression in _used(report):
        own = [
            {"type": "DictionaryEntry", "key": identifier, "value": f"{base}#{identifier}"}
            for identifier in sorted(_own([expression]))
        ]
        custom = {"simplelicensing_customIdToUri": own} if own else {}
        yield _element(
            "simplelicensing_LicenseExpression",
            f"{base}#{_expression_id(expression)}",
            simplelicensing_licenseExpression=legal(expression, "3.0.1"),
            **custom,
        )


def _relationships(base: str, package: str, report: Report) -> Iterator[Element]:
    def related(subject: str, kind: str, to: list[str], name: str) -> Element:
        identifier = f"{base}#Relationship-{name}"
        return _element("Relationship", identifier, **{"from": subject}, relationshipType=kind, to=to)

    def licence(expression: str | None) -> list[str]:
        return [NO_ASSERTION if expression is None else f"{base}#{_expression_id(expression)}"]

    if report.files:
        yield related(package, "contains", [_file_id(base, one) for one in report.files], "contains")
    yield related(package, "hasDeclaredLicense", licence(report.licence.expression), "declared")
    yield related(package, "hasConcludedLicense", licence(None), "concluded")
    for one in report.files:
        subject, number = _file_id(base, one), path_id(one.path)
        yield related(subject, "hasConcludedLicense", licence(one.licence.expression), f"concluded-{number}")
        yield related(subject, "hasDeclaredLicense", licence(_stated(one)), f"declared-{number}")
