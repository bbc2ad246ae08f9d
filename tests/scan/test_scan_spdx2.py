"""SPDX 2.3 documents. They were also checked with SPDX's own JSON schema and with spdx-tools 0.8.5, which are not
installed here; what these ask for is asked for below."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from typing import Any

import pytest
from scanned import CREATED, empty, report

from gristmill.scan.report import Report
from gristmill.scan.spdx2 import to_spdx2


def document(scanned: Report) -> dict[str, Any]:
    made = json.loads(to_spdx2(scanned, CREATED))
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize("scanned", [report(), empty()], ids=["full", "empty"])
def test_what_the_specification_requires(scanned: Report) -> None:
    made = document(scanned)
    assert (made["spdxVersion"], made["dataLicense"], made["SPDXID"]) == (
        "SPDX-2.3",
        "CC0-1.0",
        "SPDXRef-DOCUMENT",
    )
    assert re.fullmatch(r"https://[^#\s]+", made["documentNamespace"])
    assert made["creationInfo"]["created"] == "2026-01-02T03:04:05Z"
    assert re.fullmatch(r"Tool: gristmill-\S+", made["creationInfo"]["creators"][0])
    (package,) = made["packages"]
    for key in ("name", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText"):
        assert package[key]
    ids = [made["SPDXID"], *(one["SPDXID"] for one in (*made["packages"], *made["files"]))]
    assert len(set(ids)) == len(ids)
    for one in ids[1:]:
        assert re.fullmatch(r"SPDXRef-[A-Za-z0-9.-]+", one)
    for one in made["files"]:
        assert one["fileName"].startswith("./")
        assert [(c["algorithm"], len(c["checksumValue"])) for c in one["checksums"]] == [
            ("SHA1", 40),
            ("SHA256", 64),
        ]
        assert one["copyrightText"] == "NOASSERTION"
    for one in made["relationships"]:
        assert {one["spdxElementId"], one["relatedSpdxElement"]} <= set(ids)
    contained = [
        one["relatedSpdxElement"] for one in made["relationships"] if one["relationshipType"] == "CONTAINS"
    ]
    assert contained == [one["SPDXID"] for one in made["files"]]
    assert made["relationships"][0] == {
        "spdxElementId": "SPDXRef-DOCUMENT",
        "relationshipType": "DESCRIBES",
        "relatedSpdxElement": package["SPDXID"],
    }


def test_licences_of_files_and_package() -> None:
    made = document(report())
    files = {one["fileName"]: one for one in made["files"]}
    assert {path: (one["licenseConcluded"], one["licenseInfoInFiles"]) for path, one in files.items()} == {
        "./COPYING": ("MIT OR LicenseRef-House", ["LicenseRef-House", "MIT"]),
        "./a b/ü.c": ("LicenseRef-GPL-2.0-only-with-extra", ["LicenseRef-GPL-2.0-only-with-extra"]),
        "./plain.txt": ("NOASSERTION", ["NONE"]),
        "./z.c": ("MIT", ["NONE"]),
    }
    assert files["./z.c"]["licenseComments"] == "z.c: spdx-tag 1.00"
    (package,) = made["packages"]
    assert (package["licenseDeclared"], package["licenseConcluded"]) == (
        "MIT OR LicenseRef-House",
        "NOASSERTION",
    )
    assert package["licenseInfoFromFiles"] == [
        "LicenseRef-GPL-2.0-only-with-extra",
        "LicenseRef-House",
        "MIT",
    ]


def test_every_id_of_its_own_has_its_text() -> None:
    made = document(report())
    told = {one["licenseId"]: one["extractedText"] for one in made["hasExtractedLicensingInfos"]}
    used = set(re.findall(r"LicenseRef-[\w.-]+", json.dumps([made["packages"], made["files"]])))
    assert set(told) == used
    assert told["LicenseRef-House"] == "Our house, our rules."
    assert all(told.values())
    assert "hasExtractedLicensingInfos" not in document(empty())


def test_what_was_not_read_is_told_and_left_out() -> None:
    (package,) = document(report())["packages"]
    assert package["comment"] == "Not read:\ngone: Permission denied\nfolder 'x' cannot be read"
    assert package["packageVerificationCode"]["packageVerificationCodeExcludedFiles"] == ["./gone"]


def test_the_verification_code_is_that_of_the_specification() -> None:
    digests = sorted(hashlib.sha1(p.encode()).hexdigest() for p in ("COPYING", "a b/ü.c", "plain.txt", "z.c"))
    (package,) = document(report())["packages"]
    code = package["packageVerificationCode"]["packageVerificationCodeValue"]
    assert code == hashlib.sha1("".join(digests).encode()).hexdigest()


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert to_spdx2(report(), CREATED) == to_spdx2(report(), CREATED)
    assert to_spdx2(report(), CREATED) != to_spdx2(report(), CREATED + dt.timedelta(days=1))
