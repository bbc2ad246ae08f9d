"""SPDX 3.0.1 documents. They were also checked with SPDX's own JSON schema and SHACL shapes, which are not installed
here; what these ask for is asked for below."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from scanned import CREATED, empty, report

from gristmill.scan.report import Report
from gristmill.scan.spdx3 import CONTEXT, NO_ASSERTION, to_spdx3

Element = dict[str, Any]


def graph(scanned: Report) -> list[Element]:
    made = json.loads(to_spdx3(scanned, CREATED))
    assert list(made) == ["@context", "@graph"]
    assert made["@context"] == CONTEXT
    elements = made["@graph"]
    assert isinstance(elements, list)
    return elements


def of_type(elements: list[Element], kind: str) -> list[Element]:
    return [one for one in elements if one["type"] == kind]


def related(elements: list[Element], kind: str) -> dict[str, list[str]]:
    """What is related to what in this way: names, and expressions of licences."""
    names = {
        one["spdxId"]: one.get("name") or one.get("simplelicensing_licenseExpression")
        for one in elements
        if "spdxId" in one
    } | {NO_ASSERTION: "no assertion"}
    return {
        names[one["from"]]: [names[other] for other in one["to"]]
        for one in of_type(elements, "Relationship")
        if one["relationshipType"] == kind
    }


@pytest.mark.parametrize("scanned", [report(), empty()], ids=["full", "empty"])
def test_what_the_specification_requires(scanned: Report) -> None:
    elements = graph(scanned)
    (creation,) = of_type(elements, "CreationInfo")
    assert (creation["specVersion"], creation["created"]) == ("3.0.1", "2026-01-02T03:04:05Z")
    (agent,) = of_type(elements, "SoftwareAgent")
    assert creation["createdBy"] == [agent["spdxId"]]
    (document,) = of_type(elements, "SpdxDocument")
    (package,) = of_type(elements, "software_Package")
    assert document["rootElement"] == [package["spdxId"]]
    rest = [one for one in elements if one["type"] not in ("CreationInfo", "SpdxDocument")]
    ids = [one["spdxId"] for one in rest]
    assert document["element"] == ids
    assert len({document["spdxId"], *ids}) == len(ids) + 1
    assert document["dataLicense"] in ids
    for one in rest:
        assert one["creationInfo"] == creation["@id"]
        assert re.fullmatch(r"https://\S+#[A-Za-z0-9.-]+", one["spdxId"])
    for one in of_type(elements, "Relationship"):
        assert {one["from"], *one["to"]} <= {*ids, NO_ASSERTION}


def test_files_have_hashes_and_swhids() -> None:
    files = {one["name"]: one for one in of_type(graph(report()), "software_File")}
    assert list(files) == ["COPYING", "a b/ü.c", "gone", "plain.txt", "z.c"]
    for name, one in files.items():
        if name == "gone":
            assert "verifiedUsing" not in one
            continue
        assert [(h["algorithm"], len(h["hashValue"])) for h in one["verifiedUsing"]] == [
            ("sha1", 40),
            ("sha256", 64),
        ]
        (identifier,) = one["software_contentIdentifier"]
        assert re.fullmatch(r"swh:1:cnt:[0-9a-f]{40}", identifier["software_contentIdentifierValue"])
    assert files["z.c"]["comment"] == "z.c: spdx-tag 1.00"


def test_relationships_tell_what_was_concluded_and_declared() -> None:
    elements = graph(report())
    assert related(elements, "contains") == {"it": ["COPYING", "a b/ü.c", "gone", "plain.txt", "z.c"]}
    assert related(elements, "hasConcludedLicense") == {
        "it": ["no assertion"],
        "COPYING": ["MIT OR LicenseRef-House"],
        "a b/ü.c": ["GPL-2.0-only WITH AdditionRef-extra"],
        "gone": ["MIT"],
        "plain.txt": ["no assertion"],
        "z.c": ["MIT"],
    }
    assert related(elements, "hasDeclaredLicense") == {
        "it": ["MIT OR LicenseRef-House"],
        "COPYING": ["MIT OR LicenseRef-House"],
        "a b/ü.c": ["GPL-2.0-only WITH AdditionRef-extra"],
        "gone": ["no assertion"],
        "plain.txt": ["no assertion"],
        "z.c": ["no assertion"],
    }
    assert "contains" not in {one["relationshipType"] for one in of_type(graph(empty()), "Relationship")}


def test_every_id_of_its_own_has_its_text() -> None:
    elements = graph(report())
    texts = {one["spdxId"]: one for one in of_type(elements, "simplelicensing_SimpleLicensingText")}
    assert [one["name"] for one in texts.values()] == ["AdditionRef-extra", "LicenseRef-House"]
    assert [one["simplelicensing_licenseText"] for one in texts.values()][1] == "Our house, our rules."
    for one in of_type(elements, "simplelicensing_LicenseExpression"):
        own = re.findall(r"(?:LicenseRef|AdditionRef)-[\w.-]+", one["simplelicensing_licenseExpression"])
        entries = one.get("simplelicensing_customIdToUri", [])
        assert [entry["key"] for entry in entries] == own
        assert {entry["value"] for entry in entries} <= set(texts)


def test_the_same_arguments_give_the_same_bytes() -> None:
    assert to_spdx3(report(), CREATED) == to_spdx3(report(), CREATED)
