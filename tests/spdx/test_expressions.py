from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.spdx import expressions

LISTED = ("MIT", "Apache-2.0", "BSD-3-Clause", "GPL-2.0-only", "GPL-3.0-or-later", "LicenseRef-x")
nested = st.recursive(
    st.sampled_from(LISTED),
    lambda inner: st.tuples(inner, st.sampled_from(("AND", "OR")), inner).map(
        lambda part: f"({part[0]} {part[1]} {part[2]})"
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("mit", "MIT"),
        ("GPL-2.0", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("GFDL-1.3+", "GFDL-1.3-or-later"),
        ("Apache-2.0+", "Apache-2.0+"),
        ("GPL-2.0-with-classpath-exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
        ("gpl-2.0+ with classpath-exception-2.0", "GPL-2.0-or-later WITH Classpath-exception-2.0"),
        ("BSD-2-Clause-FreeBSD", "BSD-2-Clause-Views"),
        ("MIT or GPL-2.0", "MIT OR GPL-2.0-only"),
        ("MIT AND (ISC OR Zlib)", "MIT AND (ISC OR Zlib)"),
        ("MIT AND (ISC AND (MIT))", "MIT AND ISC"),
        ("ISC OR MIT AND Zlib", "ISC OR (MIT AND Zlib)"),
        ("(MIT OR MIT) AND ISC", "MIT AND ISC"),
        ("FooBar_1", "LicenseRef-FooBar-1"),
        ("MIT WITH Made-Up", "MIT WITH AdditionRef-Made-Up"),
        ("licenseref-own", "LicenseRef-own"),
    ],
)
def test_normal_forms(text: str, normal: str) -> None:
    assert expressions.normalise(text) == normal


@pytest.mark.parametrize("text", ["", "  ", "NONE", "NOASSERTION", "noassertion"])
def test_no_statement_is_none(text: str) -> None:
    assert expressions.normalise(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "(" * 1_000_000,
        "(" * 40 + "MIT" + ")" * 40,
        "M" * 1_000_000,
        "MIT AND " * 1000 + "MIT",
        "MIT AND",
        "MIT MIT",
        "WITH",
        "(MIT",
        "(A OR B) WITH Classpath-exception-2.0",
    ],
)
def test_what_is_no_expression_or_too_large_is_unknown(text: str) -> None:
    assert expressions.normalise(text) == expressions.UNKNOWN


@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(st.sampled_from((*LISTED, "(", ")", "AND", "or", "WITH", "+", "\0"))).map(" ".join),
    )
)
def test_any_text_gives_none_or_a_stable_expression(text: str) -> None:
    normal = expressions.normalise(text)
    if normal is not None:
        assert expressions.normalise(normal) == normal
        assert expressions.licences(normal)


@given(nested)
def test_normalising_keeps_the_licences(text: str) -> None:
    normal = expressions.normalise(text)
    assert normal is not None
    assert expressions.licences(normal) == {name for name in LISTED if name in text}


def test_conjunction_keeps_choices_and_drops_repeats() -> None:
    assert expressions.conjunction(["MIT OR ISC", None, "Zlib", "MIT OR ISC"]) == "(MIT OR ISC) AND Zlib"
    assert expressions.conjunction(["MIT AND ISC", "ISC"]) == "MIT AND ISC"
    assert expressions.disjunction(["MIT", "GPL-2.0"]) == "MIT OR GPL-2.0-only"
    assert expressions.conjunction([None]) is None


def test_conjunction_beyond_the_bounds_is_unknown() -> None:
    assert expressions.conjunction(f"LicenseRef-{i}" for i in range(2000)) == expressions.UNKNOWN
