from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.licences.grams import Grams

WORDS = st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30)


@given(WORDS, WORDS, st.integers(1, 6))
def test_a_run_has_one_hash_wherever_it_stands(before: list[int], run: list[int], size: int) -> None:
    alone, within = Grams(np.array(run, np.uint64)), Grams(np.array(before + run, np.uint64))
    starts = np.array([0])
    assert alone.at(starts, len(run)) == within.at(starts + len(before), len(run))
    assert alone.all(size).tolist() == within.all(size)[len(before) :].tolist()


def test_order_and_length_count() -> None:
    grams = Grams(np.array([1, 2, 1, 1], np.uint64))
    assert len(set(grams.all(2).tolist())) == 3
    assert grams.at(np.array([0]), 1) != grams.at(np.array([2]), 2)


def test_runs_longer_than_the_sequence() -> None:
    assert len(Grams(np.array([1, 2], np.uint64)).all(3)) == 0
    assert len(Grams(np.empty(0, np.uint64)).all(1)) == 0
