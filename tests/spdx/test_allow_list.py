"""Allow-lists: each kind of term, choice on OR, all on AND, exceptions, and what is no term."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.spdx import classes, expressions
from gristmill.spdx.allow_list import allows, parse_allow_list


@pytest.mark.parametrize(
    ("terms", "inside", "outside"),
    [
        (["permissive"], ["MIT", "MIT OR GPL-3.0-only"], ["GPL-3.0-only", "MIT AND GPL-3.0-only", None]),
        (["none"], [None], ["MIT", "LicenseRef-foo"]),
        # A list of classes asks for the class of the whole, as it always did: this one is permissive.
        (["restricted"], ["GPL-3.0-only"], ["MIT OR GPL-3.0-only"]),
        (["MIT"], ["MIT", "mit", "MIT OR GPL-3.0-only"], ["ISC", "MIT AND ISC", None, "NONE"]),
        (["MIT", "isc"], ["MIT AND ISC", "(MIT AND ISC) OR GPL-2.0-only"], ["MIT AND (ISC AND Zlib)"]),
        (["GPL-2.0"], ["GPL-2.0-only"], ["GPL-2.0-or-later"]),
        (["blue-oak:gold"], ["BlueOak-1.0.0", "BSD-2-Clause-Patent"], ["MIT", "Apache-2.0"]),
        (["blue-oak:silver"], ["BlueOak-1.0.0", "MIT", "Apache-2.0"], ["BSD-3-Clause", "MIT AND BSD-3-Clause"]),
        (["Blue-Oak:silver".lower(), "MPL-2.0"], ["MIT AND MPL-2.0"], ["MIT AND EPL-2.0"]),
        (["blue-oak:Lead"], ["Beerware"], ["GPL-2.0-only"]),
        (["category:Copyleft Limited"], ["MPL-2.0", "LGPL-2.1-only"], ["GPL-2.0-only", "MIT"]),
        (["category:permissive", "none"], ["MIT", None], ["CC0-1.0"]),
        (["permissive", "MPL-2.0"], ["MIT AND MPL-2.0", "MPL-2.0"], ["MIT AND GPL-3.0-only"]),
        (["LicenseRef-own"], ["LicenseRef-own"], ["LicenseRef-other"]),
        # An exception that adds permissions changes nothing; others and unknown ones do.
        (["Apache-2.0"], ["Apache-2.0 WITH LLVM-exception"], ["Apache-2.0 WITH AdditionRef-x"]),
        (["GPL-2.0-only WITH Classpath-exception-2.0"], ["GPL-2.0-only WITH Classpath-exception-2.0"], ["GPL-2.0-only"]),
        (["MIT AND Zlib"], ["MIT AND Zlib", "Zlib AND MIT"], ["MIT", "Zlib", "MIT OR Zlib"]),
        ([], [], ["MIT", None]),
    ],
)  # fmt: skip
def test_what_is_allowed(terms: list[str], inside: list[str | None], outside: list[str | None]) -> None:
    listed = parse_allow_list(tuple(terms))
    assert [one for one in inside if not allows(listed, one)] == []
    assert [one for one in outside if allows(listed, one)] == []


@pytest.mark.parametrize(
    ("term", "says"),
    [
        ("MITT", "'MITT' is not on the SPDX licence list; did you mean 'MIT'?"),
        ("Permissive", "did you mean 'permissive'?"),
        ("MIT AND GPL-2.0-onyl", "'GPL-2.0-onyl' is not on the SPDX licence list; did you mean 'GPL-2.0-only'?"),
        ("qqqqqqqq", "a licence that it lacks is LicenseRef-NAME"),
        ("blue-oak:platinum", "blue-oak: is followed by one of model, gold, silver, bronze, lead"),
        ("category:", "category: is followed by one of CLA, Commercial, Copyleft,"),
        ("osi:approved", "'osi:approved' is neither blue-oak:RATING nor category:NAME"),
        ("MIT AND", "'MIT AND' is no licence; use an SPDX expression, a class"),
        ("NOASSERTION", "'NOASSERTION' is no licence"),
        ("", "'' is no licence"),
    ],
)  # fmt: skip
def test_what_is_no_term_is_refused_with_the_mend(term: str, says: str) -> None:
    with pytest.raises(ValueError, match=r".") as raised:
        parse_allow_list(("permissive", term))
    assert says in str(raised.value)


SOME = st.sampled_from(["MIT", "Apache-2.0", "MPL-2.0", "GPL-3.0-only", "CC0-1.0", "LicenseRef-x"])
EXPRESSIONS = st.recursive(
    SOME,
    lambda parts: st.tuples(parts, st.sampled_from(["AND", "OR"]), parts).map(lambda p: f"({p[0]}) {p[1]} ({p[2]})"),
    max_leaves=6,
)  # fmt: skip
TERMS = st.sampled_from(
    ["blue-oak:silver", "category:Copyleft", "MIT", "MPL-2.0", "LicenseRef-x", "permissive"]
)


@given(EXPRESSIONS, EXPRESSIONS, st.lists(TERMS, max_size=4))
def test_or_is_a_choice_and_and_asks_for_all(one: str, other: str, terms: list[str]) -> None:
    listed = parse_allow_list((*terms, "0BSD"))
    left, right = allows(listed, one), allows(listed, other)
    assert allows(listed, f"({one}) OR ({other})") == (left or right)
    assert allows(listed, f"({one}) AND ({other})") == (left and right)


@given(EXPRESSIONS, st.sets(st.sampled_from(["permissive", "restricted", "unknown", "none"])))
def test_classes_alone_ask_for_the_class_of_the_whole(one: str, terms: set[str]) -> None:
    assert allows(parse_allow_list(tuple(terms)), one) == (classes.classify(one) in terms)


@given(st.text(max_size=60))
def test_a_term_is_read_or_refused(term: str) -> None:
    try:
        parse_allow_list((term,))
    except ValueError as error:
        assert repr(term) in str(error)
    else:
        assert term


def test_every_id_of_the_list_is_a_term() -> None:
    ids = [name for name in expressions.all_ids() if not expressions.is_exception(name)]
    assert len(parse_allow_list(tuple(ids)).licences) == len(ids)
