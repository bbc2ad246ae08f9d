from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import RecipeError
from gristmill.scan.policy import CLASSES, Policy, allows, make
from gristmill.spdx import classes, expressions


def allowed(expression: str | None, allow: str = "", deny: str = "") -> bool:
    return allows(make(filter(None, allow.split(",")), filter(None, deny.split(","))), expression)


@pytest.mark.parametrize(
    ("expression", "allow", "deny", "verdict"),
    [
        ("MIT", "permissive", "", True),
        ("GPL-3.0-only", "permissive", "", False),
        ("GPL-3.0-only", "", "", True),
        (None, "permissive", "", False),
        (None, "permissive,none", "", True),
        (None, "", "none", False),
        ("LicenseRef-unknown", "", "unknown", False),
        ("LicenseRef-house", "permissive,LicenseRef-house", "", True),
        # A choice takes the part that is fine, a sum needs both.
        ("MIT OR GPL-3.0-only", "permissive", "", True),
        ("MIT AND GPL-3.0-only", "permissive", "", False),
        ("MIT OR GPL-3.0-only", "", "restricted", True),
        ("(MIT AND GPL-3.0-only) OR Apache-2.0", "MIT", "", False),
        ("(MIT AND GPL-3.0-only) OR Apache-2.0", "MIT,GPL-3.0-only", "", True),
        # What is named outweighs a class, and a denial a permission.
        ("MPL-2.0", "permissive,MPL-2.0", "restricted", True),
        ("BSD-4-Clause", "permissive", "BSD-4-Clause", False),
        ("MIT", "MIT", "MIT", False),
        # Whole expressions, in any order of their parts.
        ("GPL-3.0-only AND MIT", "permissive,MIT AND GPL-3.0-only", "", True),
        ("GPL-3.0-only", "permissive,MIT AND GPL-3.0-only", "", False),
        ("Apache-2.0 OR MIT", "permissive", "MIT OR Apache-2.0", False),
        # Exceptions.
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", "", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only WITH Classpath-exception-2.0", "GPL-2.0-only", True),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "", "GPL-2.0-only", False),
        ("MIT WITH AdditionRef-house", "MIT", "", False),
        ("mit", "permissive", "", True),
        # Ratings and categories, as recipes have them.
        ("MIT", "blue-oak:silver", "", True),
        ("GPL-3.0-only", "blue-oak:lead", "", False),
        ("GPL-3.0-only", "", "category:copyleft", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", "", "category:copyleft", False),
        ("GPL-3.0-only", "GPL-3.0-only", "category:copyleft", True),
        ("LGPL-2.1-only", "permissive,category:copyleft limited", "", True),
    ],
)  # fmt: skip
def test_terms(expression: str | None, allow: str, deny: str, verdict: bool) -> None:
    assert allowed(expression, allow, deny) is verdict


@pytest.mark.parametrize("term", ["permisive", "MIT OR", "", "NONE OF THIS", "blue"])
def test_a_term_that_is_none_is_an_error(term: str) -> None:
    with pytest.raises(RecipeError, match=r"is no licence|is not on the SPDX licence list|nor an SPDX"):
        make([term], [])


def test_terms_are_normalised() -> None:
    assert make(["Permissive", "mit OR apache-2.0", "Blue-Oak:Gold"], ["gpl-2.0+"]) == Policy(
        ("permissive", "MIT OR Apache-2.0", "blue-oak:gold"), ("GPL-2.0-or-later",)
    )


_IDS = st.sampled_from(["MIT", "Apache-2.0", "GPL-3.0-only", "MPL-2.0", "LicenseRef-unknown", "Zlib"])
_EXPRESSIONS = st.recursive(
    _IDS,
    lambda inner: st.builds(lambda a, b, o: f"({a}) {o} ({b})", inner, inner, st.sampled_from(["AND", "OR"])),
    max_leaves=6,
)


@given(_EXPRESSIONS, st.sets(st.sampled_from(CLASSES[:3]), min_size=1))
def test_permissive_alone_is_the_class(expression: str, allow: set[str]) -> None:
    permissive = classes.classify(expression) == "permissive"
    assert allows(make(["permissive"], []), expression) is permissive
    if permissive and "permissive" in allow:
        assert allows(make(sorted(allow), []), expression)


@given(_EXPRESSIONS, _EXPRESSIONS, st.sets(_IDS.filter(expressions.known_id), min_size=1))
def test_or_is_any_and_and_is_all(left: str, right: str, ids: set[str]) -> None:
    policy = make(sorted(ids), [])
    one, other = allows(policy, left), allows(policy, right)
    assert allows(policy, expressions.disjunction([left, right])) is (one or other)
    assert allows(policy, expressions.conjunction([left, right])) is (one and other)
