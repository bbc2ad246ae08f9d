"""Packs hold every sequence once, sorted, within the budget and about even."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.packs import SMALLEST, build_pack, cut_packs

lengths = st.lists(st.integers(1, 600), max_size=200).map(lambda values: np.array(values, np.int64))


@given(lengths, st.integers(1, 1000), st.integers(1, 8))
def test_every_sequence_is_in_one_pack_and_packs_ascend(
    values: np.ndarray, budget: int, parallel: int
) -> None:
    packs = cut_packs(values, budget, parallel=parallel)
    order = np.concatenate(packs) if packs else np.zeros(0, np.intp)
    assert order.tolist() == np.argsort(values, kind="stable").tolist()
    assert all(len(pack) for pack in packs)


@given(lengths, st.integers(1, 1000), st.integers(1, 8))
def test_no_pack_is_over_budget_but_for_one_long_sequence(
    values: np.ndarray, budget: int, parallel: int
) -> None:
    for pack in cut_packs(values, budget, parallel=parallel):
        assert len(pack) == 1 or values[pack].sum() <= budget


@given(st.integers(1, 40), st.integers(1, 500), st.integers(40, 1000))
def test_packs_of_equal_sequences_are_even(length: int, count: int, budget: int) -> None:
    packs = cut_packs(np.full(count, length, np.int64), budget)
    sizes = [len(pack) for pack in packs]
    assert max(sizes) - min(sizes) <= 1
    assert len(packs) == -(-count // (budget // length))


def test_little_work_is_shared_by_the_workers() -> None:
    eight = np.full(8, 64, np.int64)
    assert [len(pack) for pack in cut_packs(eight, 512)] == [8]
    assert [len(pack) for pack in cut_packs(eight, 512, parallel=2)] == [4, 4]


def test_very_little_work_is_not_split() -> None:
    few = np.full(3, SMALLEST // 3, np.int64)
    assert len(cut_packs(few, 512, parallel=16)) == 1


def test_a_pack_lays_its_sequences_side_by_side() -> None:
    sequences = [
        (np.array([1, 2, 3], np.int32), np.array([0, 0, 1], np.int32)),
        (np.array([9], np.int32), np.array([0], np.int32)),
        (np.array([4, 5], np.int32), np.array([0, 1], np.int32)),
    ]
    (chosen,) = cut_packs(np.array([3, 1, 2]), 100)
    pack = build_pack(sequences, chosen)
    assert pack.ids.tolist() == [9, 4, 5, 1, 2, 3]
    assert pack.types.tolist() == [0, 0, 1, 0, 0, 1]
    assert pack.lengths.tolist() == [1, 2, 3]
    assert pack.ids.dtype == pack.types.dtype == pack.lengths.dtype == np.int32
