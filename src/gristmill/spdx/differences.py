"""Two licence texts beside each other, word by word: where lines break and what is a capital makes no difference."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

MAX_WORDS = 6_000
"""words of each text that are compared"""
_LETTERS = re.compile(r"\W+")

Side = Literal["both", "known", "text"]


class Stretch(NamedTuple):
    """Words that stand in both texts, or only in the ``known`` one, or only in the other."""

    side: Side
    words: tuple[str, ...]


def differences(known: str, text: str) -> Iterator[Stretch]:
    """What two texts have in common and what not, in order; words of both as they stand in ``text``.

    Args:
        known: the text of a licence.
        text: the text to compare with it.
    """
    theirs, ours = _words(known), _words(text)
    matcher = difflib.SequenceMatcher(None, [_folded(one) for one in theirs], [_folded(one) for one in ours])
    for kind, first, last, start, end in matcher.get_opcodes():
        if kind == "equal":
            yield Stretch("both", tuple(ours[start:end]))
            continue
        if last > first:
            yield Stretch("known", tuple(theirs[first:last]))
        if end > start:
            yield Stretch("text", tuple(ours[start:end]))


def _words(text: str) -> list[str]:
    """Words, without comment marks and rules of signs that stand alone."""
    return [word for word in text.split() if _LETTERS.sub("", word)][:MAX_WORDS]


def _folded(word: str) -> str:
    return _LETTERS.sub("", word).lower()
