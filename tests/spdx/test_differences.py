"""Texts beside each other: nothing is lost, equal words are seen as equal, work is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gristmill.spdx.differences import MAX_WORDS, Stretch, differences

WORDS = st.lists(
    st.sampled_from(["the", "The", "grant,", "grant", "of", "a", "licence.", "not"]), max_size=60
)


def folded(words: tuple[str, ...]) -> list[str]:
    return ["".join(letter for letter in word.lower() if letter.isalnum()) for word in words]


def test_breaks_marks_and_capitals_make_no_difference() -> None:
    known = "You may use it, copy it\nand sell it."
    text = " * YOU may use it;\n * copy it and never sell it!\n * -----"
    assert list(differences(known, text)) == [
        Stretch("both", ("YOU", "may", "use", "it;", "copy", "it", "and")),
        Stretch("text", ("never",)),
        Stretch("both", ("sell", "it!")),
    ]


@given(WORDS, WORDS)
def test_every_word_is_told_once_and_in_order(known: list[str], text: list[str]) -> None:
    told = list(differences(" ".join(known), " ".join(text)))
    assert [word for one in told if one.side != "known" for word in one.words] == text
    theirs = [word for one in told if one.side != "text" for word in folded(one.words)]
    assert theirs == folded(tuple(known))
    assert all(one.words for one in told)


def test_long_texts_are_cut() -> None:
    told = list(differences("a b " * 40_000, "b c " * 40_000))
    assert sum(len(one.words) for one in told) <= 2 * MAX_WORDS
