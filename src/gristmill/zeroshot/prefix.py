"""The first tokens of long texts, without tokenising all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gristmill.zeroshot.layout import Ids

Encode = Callable[[Sequence[str]], list[Ids]]

LETTERS = 8
"""Letters a token, generously: most texts have 3 to 5."""
SHORTEST = 4096
"""Letters up to which a text is simply tokenised whole."""
MARGIN = 16
"""Tokens beyond the limit that a part must have, so that nothing at its cut end shows."""


def encode_prefix(encode: Encode, texts: Sequence[str], limit: int) -> list[Ids]:
    """The first ``limit`` token ids of each text, equal to those of the whole text.

    Of a long text a part is tokenised that ends before a space, where no tokenizer of these models looks ahead.
    A text without such a place is tokenised to two lengths, one twice the other, until they agree. Reading
    grows twofold until there are tokens enough, so it never costs more than a few times the whole text.
    """
    enough = max(SHORTEST, LETTERS * (limit + MARGIN))
    short = [number for number, text in enumerate(texts) if len(text) <= 2 * enough]
    result: list[Ids] = [np.zeros(0, np.int32)] * len(texts)
    for number, ids in zip(short, encode([texts[number] for number in short]), strict=True):
        result[number] = ids[:limit]
    for number, text in enumerate(texts):
        if len(text) > 2 * enough:
            result[number] = _long(encode, text, limit, enough)
    return result


def _long(encode: Encode, text: str, limit: int, letters: int) -> Ids:
    before: Ids | None = None
    while letters < len(text):
        cut = _space(text, letters)
        ids = encode([text[: cut or letters]])[0]
        if len(ids) >= limit + MARGIN:
            if cut or (before is not None and np.array_equal(before, ids[:limit])):
                return ids[:limit]
            before = ids[:limit]
        letters *= 2
    return encode([text])[0][:limit]


def _space(text: str, letters: int) -> int:
    """The last place up to ``letters`` where a word ends and a plain space follows; 0 if there is none near."""
    place = text.rfind(" ", letters // 2, letters)
    while place > 0 and text[place - 1].isspace():
        place = text.rfind(" ", letters // 2, place - 1)
    return max(place, 0)
