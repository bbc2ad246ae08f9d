"""Obligations: what common licences ask, in one order, and None where nobody has read the text."""

from __future__ import annotations

import pytest

from gristmill.spdx import classes, expressions, obligations
from gristmill.spdx.obligations import OBLIGATIONS, obligations_of


@pytest.mark.parametrize(
    ("licence", "asked"),
    [
        ("MIT", ("attribution", "licence_text")),
        ("Apache-2.0", ("attribution", "licence_text", "notice", "state_changes")),
        ("BSD-3-Clause", ("attribution", "licence_text", "no_endorsement")),
        ("MPL-1.1+", ("attribution", "licence_text", "state_changes", "source", "share_alike")),
        ("AGPL-3.0-only", ("attribution", "licence_text", "state_changes", "source", "share_alike", "network")),
        ("0BSD", ()),
        ("LicenseRef-scancode-public-domain", ()),
        ("Apache-2.0 WITH LLVM-exception", ("attribution", "licence_text", "notice", "state_changes")),
        ("Apache-2.0 WITH AdditionRef-x", None),
        ("LicenseRef-x", None),
        ("EFL-1.0", None),
    ],
)  # fmt: skip
def test_what_licences_ask(licence: str, asked: tuple[str, ...] | None) -> None:
    assert obligations_of(licence) == asked


def test_the_table_holds_listed_ids_once_and_known_obligations() -> None:
    listed = [name for _, names in obligations._GROUPS for name in names.split()]
    assert len(listed) == len(set(listed))
    assert [name for name in listed if expressions.normalise(name) != name] == []
    assert {one for asked, _ in obligations._GROUPS for one in asked} == set(OBLIGATIONS)
    # A licence that asks for the source is nobody's idea of permissive, and the other way round.
    for name in listed:
        assert ("share_alike" in (obligations_of(name) or ())) == (
            classes.classify(name) == "restricted" or name in ("CC-BY-SA-3.0", "CC-BY-SA-4.0", "OFL-1.1")
        ), name
