"""Thinning by spelling: drops anchors that stand in other words, for whole batches at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from gristmill.annotate.findings.rule import Bytes, Mask, Positions, Thinner


def byte_at(data: Bytes, positions: Positions, offset: int) -> Bytes:
    """The bytes of ``data`` at ``positions + offset``; beyond either end, the byte at that end."""
    return data[np.clip(positions + offset, 0, len(data) - 1)]


def is_digit(values: Bytes) -> Mask:
    """Which bytes are ASCII digits."""
    digits: Mask = (values >= ord("0")) & (values <= ord("9"))
    return digits


def is_word(values: Bytes) -> Mask:
    """Which bytes are ASCII letters or digits."""
    folded = values | 0x20
    words: Mask = is_digit(values) | ((folded >= ord("a")) & (folded <= ord("z")))
    return words


def is_first(rows: Positions) -> Mask:
    """Which anchors are the first of their row: only before those may a byte of another text stand."""
    first = np.ones(len(rows), dtype=np.bool_)
    first[1:] = rows[1:] != rows[:-1]
    return first


def spelled(words: Iterable[tuple[int, bytes]]) -> Thinner:
    """A thinner that keeps an anchor if one of the words stands around it.

    Args:
        words: pairs of a word, in lower-case letters, and where it starts as seen from the anchor (0 or
            less). ASCII letters match in either case.
    """
    wanted = tuple(words)

    def thin(data: Bytes, positions: Positions, rows: Positions) -> Mask:
        keep = np.zeros(len(positions), dtype=np.bool_)
        for offset, word in wanted:
            left = np.flatnonzero(~keep)
            for index, letter in enumerate(word, start=offset):
                if not len(left):
                    break
                left = left[(byte_at(data, positions[left], index) | 0x20) == letter | 0x20]
            keep[left] = True
        return keep

    return thin
