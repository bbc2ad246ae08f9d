"""Thinners against the plain look at each anchor."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import gate, thinning
from gristmill.annotate.findings.rule import Rule, literal

_texts = st.lists(st.lists(st.sampled_from([b"au", b"AUT", b"hor", b"th", b" ", b"x"])).map(b"".join))


@given(_texts)
def test_spelled_keeps_the_word_in_either_case(rows: list[bytes]) -> None:
    rule = Rule((literal(b"uth"),), lambda text, at: None, thinning.spelled([(-1, b"author"), (0, b"uthx")]))
    found = gate.candidates(gate.compile_gate([rule]), gate.texts_of(pa.array(rows, pa.binary())))
    kept = {(row, at) for row, at, _ in found}
    for row, text in enumerate(rows):
        folded = text.lower()
        for at in range(len(text)):
            if (folded[max(0, at - 1) :].startswith(b"author") and at) or folded[at:].startswith(b"uthx"):
                assert (row, at) in kept
            elif (row, at) in kept:
                # What the thinner cannot see is the seam of two texts: the word must stand across it.
                joined = b"".join(rows).lower()
                place = sum(map(len, rows[:row])) + at
                assert joined[max(0, place - 1) :].startswith(b"author") or joined[place:].startswith(b"uthx")


def test_bytes_beyond_the_ends_are_the_ones_at_the_ends() -> None:
    data = np.frombuffer(b"abc", dtype=np.uint8)
    places = np.arange(3)
    assert thinning.byte_at(data, places, -2).tobytes() == b"aaa"
    assert thinning.byte_at(data, places, 1).tobytes() == b"bcc"


def test_classes_of_bytes() -> None:
    data = np.arange(256, dtype=np.uint8)
    assert data[thinning.is_digit(data)].tobytes() == b"0123456789"
    words = bytes(sorted(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    assert data[thinning.is_word(data)].tobytes() == words


def test_the_first_anchor_of_each_row() -> None:
    assert thinning.is_first(np.array([0, 0, 2, 2, 3])).tolist() == [True, False, True, False, True]
    assert thinning.is_first(np.array([], dtype=np.int64)).tolist() == []
