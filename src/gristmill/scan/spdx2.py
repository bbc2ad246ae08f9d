"""A report as an SPDX 2.3 document in JSON: one package, its files, and the texts of unlisted licences."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import Any

from gristmill import __version__
from gristmill.scan.identifiers import (
    found_text,
    legal,
    licence_ids,
    namespace,
    own_ids,
    path_id,
    timestamp,
)
from gristmill.scan.report import File, Licence, Report

_DOCUMENT, _PACKAGE = "SPDXRef-DOCUMENT", "SPDXRef-Package"
_NO_ASSERTION = "NOASSERTION"


def to_spdx2(report: Report, created: dt.datetime) -> str:
    """The document.

    What was concluded for a file is what applies to it; what stands in it is what it states itself. A file
    that could not be read has no checksum and cannot be listed, so the package tells of it. Nothing is
    asserted of copyright, nor concluded for the package as a whole: its licences are those of its files.

    Args:
        report: what a scan found.
        created: stands in the document as the time of its creation; equal arguments give equal bytes.

    Returns:
        JSON text.
    """
    files = [one for one in report.files if one.sha1]
    document = {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": _DOCUMENT,
        "name": report.name,
        "documentNamespace": namespace(report, created),
        "creationInfo": {"created": timestamp(created), "creators": [f"Tool: gristmill-{__version__}"]},
        "packages": [_package(report, files)],
        "files": [_file(one) for one in files],
        "relationships": [
            _relationship(_DOCUMENT, "DESCRIBES", _PACKAGE),
            *(_relationship(_PACKAGE, "CONTAINS", _file_id(one)) for one in files),
        ],
    }
    extracted = _extracted(report)
    if extracted:
        document["hasExtractedLicensingInfos"] = extracted
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _package(report: Report, files: list[File]) -> dict[str, Any]:
    # Section 7.9 of the specification: the SHA-1 values in order, without anything between them.
    joined = "".join(sorted(one.sha1 for one in files)).encode()
    left_out = [f"./{one.path}" for one in report.files if not one.sha1]
    code: dict[str, Any] = {
        "packageVerificationCodeValue": hashlib.sha1(joined, usedforsecurity=False).hexdigest()
    }
    if left_out:
        code["packageVerificationCodeExcludedFiles"] = left_out
    package = {
        "SPDXID": _PACKAGE,
        "name": report.name,
        "downloadLocation": _NO_ASSERTION,
        "filesAnalyzed": True,
        "packageVerificationCode": code,
        "licenseConcluded": _NO_ASSERTION,
        "licenseDeclared": _concluded(report.licence),
        "licenseInfoFromFiles": _ids(expression for one in files for expression in one.stated),
        "copyrightText": _NO_ASSERTION,
        "externalRefs": [
            {
                "referenceCategory": "PERSISTENT-ID",
                "referenceType": "swh",
                "referenceLocator": report.root,
            }
        ],
    }
    if report.unread:
        package["comment"] = "\n".join(
            ["Not read:", *(f"{one.path}: {one.why}" if one.path else one.why for one in report.unread)]
        )
    return package


def _file(one: File) -> dict[str, Any]:
    row = {
        "SPDXID": _file_id(one),
        "fileName": f"./{one.path}",
        "checksums": [
            {"algorithm": "SHA1", "checksumValue": one.sha1},
            {"algorithm": "SHA256", "checksumValue": one.sha256},
        ],
        "licenseConcluded": _concluded(one.licence),
        "licenseInfoInFiles": _ids(one.stated),
        "copyrightText": _NO_ASSERTION,
    }
    if one.licence.evidence:
        row["licenseComments"] = "\n".join(one.licence.evidence)
    return row


def _file_id(one: File) -> str:
    return f"SPDXRef-File-{path_id(one.path)}"


def _concluded(licence: Licence) -> str:
    return _NO_ASSERTION if licence.expression is None else legal(licence.expression, "2.3")


def _ids(stated: Any) -> list[str]:
    found = {identifier for expression in stated for identifier in licence_ids(expression, "2.3")}
    return sorted(found) or ["NONE"]


def _relationship(subject: str, kind: str, other: str) -> dict[str, str]:
    return {"spdxElementId": subject, "relationshipType": kind, "relatedSpdxElement": other}


def _extracted(report: Report) -> list[dict[str, str]]:
    own: dict[str, str] = {}
    for licence in (report.licence, *(one.licence for one in report.files)):
        if licence.expression is not None:
            own |= own_ids(licence.expression, "2.3")
    for one in report.files:
        for expression in one.stated:
            own |= own_ids(expression, "2.3")
    return [
        {
            "licenseId": identifier,
            "name": identifier.removeprefix("LicenseRef-"),
            "extractedText": found_text(report, stands_for),
        }
        for identifier, stands_for in sorted(own.items())
    ]
