from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.decide import licence_evidence as evidence
from gristmill.decide.licence_evidence import Finding
from gristmill.spdx import classes

RANK = {"restricted": 0, "unknown": 1, "permissive": 2}


def row(kind: str, expression: str, rule: str = "r", start: int = 0, score: float = 1.0) -> dict[str, Any]:
    return {
        "kind": kind,
        "expression": expression,
        "rule": rule,
        "start": start,
        "end": start + 1,
        "score": score,
        "paths": None,
    }


def finding(expression: str) -> Finding:
    return Finding(expression, (expression,))


@pytest.mark.parametrize(
    ("stated", "found", "expected"),
    [
        ("MIT OR Apache-2.0", "MIT AND Apache-2.0", "MIT OR Apache-2.0"),
        ("MIT OR GPL-2.0-only", "MIT", "MIT OR GPL-2.0-only"),
        ("GPL-2.0-or-later", "GPL-2.0-only", "GPL-2.0-or-later"),
        ("MIT", "GPL-3.0-only", "MIT AND GPL-3.0-only"),
        ("MIT", "MIT AND Apache-2.0", "MIT AND Apache-2.0"),
        ("MIT", "MIT AND LicenseRef-added-restriction", "MIT AND LicenseRef-added-restriction"),
        ("MIT", "LicenseRef-unknown", "MIT AND LicenseRef-unknown"),
        ("LicenseRef-bsd-unspecified", "BSD-3-Clause", "BSD-3-Clause"),
        ("LicenseRef-bsd-unspecified", "BSD-Protection", "LicenseRef-bsd-unspecified AND BSD-Protection"),
        ("LicenseRef-bsd-unspecified", "MIT", "LicenseRef-bsd-unspecified AND MIT"),
        ("GPL-1.0-or-later", "GPL-3.0-only", "GPL-3.0-only"),
    ],
)
def test_statement_and_texts(stated: str, found: str, expected: str) -> None:
    result = evidence.reconcile(finding(stated), finding(found))
    assert result is not None
    assert result.expression == expected
    assert result.evidence == (stated, found)


def test_one_side_alone() -> None:
    assert evidence.reconcile(None, finding("MIT")) == finding("MIT")
    assert evidence.reconcile(finding("MIT"), None) == finding("MIT")
    assert evidence.reconcile(None, None) is None


@given(
    st.sampled_from(["MIT", "GPL-2.0-only", "LicenseRef-bsd-unspecified", "LicenseRef-x"]),
    st.sampled_from(["MIT", "GPL-2.0-only", "BSD-3-Clause", "LicenseRef-x", "MIT AND GPL-2.0-only"]),
)
def test_a_single_licence_never_undoes_worse_texts(stated: str, found: str) -> None:
    result = evidence.reconcile(finding(stated), finding(found))
    assert result is not None
    assert RANK[classes.classify(result.expression)] <= RANK[classes.classify(found)]


def test_of_file_names_path_rule_and_score() -> None:
    result = evidence.of_file(
        "a/LICENSE", "LICENSE", [row("text", "MIT", "licenseclassifier/MIT", score=0.981)]
    )
    assert result == Finding("MIT", ("a/LICENSE: licenseclassifier/MIT 0.98",))


def test_of_file_leaves_manifests_out_and_references_last() -> None:
    reference = row("reference", "LicenseRef-see-file")
    assert evidence.of_file("p", "package.json", [row("manifest", "MIT", "package.json")]) is None
    only = evidence.of_file("p", "a.c", [reference])
    assert only is not None
    assert only.reference
    both = evidence.of_file("p", "a.c", [reference, row("tag", "MIT", start=5)])
    assert both is not None
    assert (both.expression, both.reference) == ("MIT", False)


def test_of_file_tag_chooses_among_the_notices() -> None:
    rows = [
        row("notice", "Apache-2.0", start=9),
        row("tag", "MIT OR Apache-2.0"),
        row("notice", "MIT", start=30),
    ]
    result = evidence.of_file("p", "a.rs", rows)
    assert result is not None
    assert result.expression == "MIT OR Apache-2.0"


def test_an_unrecognised_licence_counts_only_under_a_licence_name() -> None:
    rows = [row("text", "LicenseRef-unknown", "unrecognised", score=0.0)]
    assert evidence.of_file("data.txt", "data.txt", rows) is None
    assert evidence.of_file("LICENSE", "LICENSE", rows) is not None


def test_of_manifest_takes_its_own_format_only() -> None:
    rows = [row("manifest", "MIT", "package.json"), row("manifest", "GPL-3.0-only", "composer.json")]
    result = evidence.of_manifest("x/package.json", "package.json", rows)
    assert result is not None
    assert result.expression == "MIT"
    assert evidence.of_manifest("x.gemspec", "x.gemspec", rows) is None


def test_all_of_adds_up_and_bounds_the_evidence() -> None:
    many = evidence.all_of(finding(f"LicenseRef-{i}") for i in range(40))
    assert many is not None
    assert len(many.evidence) == evidence.MAX_EVIDENCE
    assert many.evidence[-1] == "and more"
    assert "LicenseRef-39" in many.expression
    assert evidence.all_of([None]) is None
