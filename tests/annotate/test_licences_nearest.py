"""The nearest text of the SPDX list: found under edits, ordered, none where nothing is shared."""

from __future__ import annotations

import pytest

from gristmill.annotate.licences.nearest import nearest
from gristmill.spdx.texts import text_of


def text(identifier: str) -> str:
    found = text_of(identifier)
    assert found is not None
    return found


@pytest.mark.parametrize("identifier", ["MIT", "BSD-3-Clause", "GPL-3.0-only", "Zlib", "MPL-2.0"])
def test_a_text_is_nearest_to_itself(identifier: str) -> None:
    found = nearest(text(identifier).encode())
    assert found is not None
    # The GPL has one text for "only" and "or later".
    assert text(found[0]).split()[:200] == text(identifier).split()[:200]
    assert found[1] > 0.8


def test_edits_make_a_text_less_like() -> None:
    edited = text("MIT").replace("to any person", "to any good person").replace("free of charge", "for tea")
    found = nearest(edited.encode())
    assert found is not None and found[0].startswith("MIT")
    assert 0.4 < found[1] < 0.98


def test_a_part_is_less_like_than_the_whole() -> None:
    whole, part = nearest(text("MPL-2.0").encode()), nearest(text("MPL-2.0")[:6000].encode())
    assert whole is not None and part is not None
    assert part[0].startswith("MPL-2.0") and part[1] < whole[1]


@pytest.mark.parametrize(
    "words", [b"", b"MIT", b"The cat sat on the mat and looked at nobody in particular.", b"\xff\0"]
)
def test_nothing_in_common(words: bytes) -> None:
    assert nearest(words) is None
