from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.decide.near_duplicates import candidates

Row = tuple[int, int]


def pairs_of(rows: Sequence[Row], rank: Sequence[int], heads: int = 32) -> list[tuple[int, int]]:
    rows = sorted(rows, key=lambda row: row[0])
    keys = np.array([key for key, _ in rows], dtype=np.uint64)
    items = np.array([item for _, item in rows], dtype=np.int64)
    found = candidates.candidate_pairs(keys, items, np.array(rank, dtype=np.int64), heads)
    assert found.dtype == np.int64
    assert found.shape == (len(found), 2)
    return [(a, b) for a, b in found.tolist()]


def reference(rows: Sequence[Row], rank: Sequence[int], heads: int) -> list[tuple[int, int]]:
    buckets: dict[int, set[int]] = {}
    for key, item in rows:
        buckets.setdefault(key, set()).add(item)
    pairs = set()
    for members in buckets.values():
        ranked = sorted(members, key=lambda item: (rank[item], item))
        for head in ranked[:heads]:
            pairs |= {(min(head, m), max(head, m)) for m in ranked if m != head}
    return sorted(pairs)


ITEMS = 9
ROWS = st.lists(
    st.tuples(st.sampled_from([0, 1, 7, 2**63, 2**64 - 1]), st.integers(0, ITEMS - 1)), max_size=60
)
RANKS = st.lists(st.integers(-3, 3), min_size=ITEMS, max_size=ITEMS)


@settings(deadline=None)
@given(ROWS, RANKS, st.integers(1, 5), st.integers(1, 40), st.randoms(use_true_random=False))
def test_pairs_are_those_of_the_slow_definition(
    rows: list[Row], rank: list[int], heads: int, block: int, random: object
) -> None:
    expected = reference(rows, rank, heads)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_BLOCK_PAIRS", block)
        assert pairs_of(rows, rank, heads) == expected
    random.shuffle(rows)  # type: ignore[attr-defined]
    assert pairs_of(rows, rank, heads) == expected


@pytest.mark.parametrize("size", [2, 31, 32, 33])
def test_no_pair_of_a_small_bucket_is_left_out(size: int) -> None:
    rank = list(range(size))[::-1]
    assert pairs_of([(5, i) for i in range(size)], rank) == list(combinations(range(size), 2))


def test_a_large_bucket_pairs_its_best_members_with_all() -> None:
    rank = [100 - i for i in range(100)]
    pairs = pairs_of([(5, i) for i in range(100)], rank)
    # The best 32 are items 68 to 99.
    assert pairs == [(a, b) for a, b in combinations(range(100), 2) if b >= 68]


def test_a_huge_bucket_grows_linearly() -> None:
    count = 200_000
    keys = np.zeros(count, dtype=np.uint64)
    items = np.arange(count, dtype=np.int64)
    pairs = candidates.candidate_pairs(keys, items, items, heads=4)
    assert len(pairs) == 4 * count - (4 + 3 + 2 + 1)
    assert pairs[:, 0].max() == 3
    assert np.bincount(pairs[:, 1])[4:].tolist() == [4] * (count - 4)


def test_many_buckets_at_once() -> None:
    # Item i shares key k with item i ^ 1 only, in all of 8 keys, among rows that share nothing.
    count = 20_000
    items = np.tile(np.arange(count, dtype=np.int64), 8)
    keys = (items // 2 * 8 + np.repeat(np.arange(8), count)).astype(np.uint64)
    lone = np.arange(1 << 40, (1 << 40) + 1000, dtype=np.uint64)
    keys, items = np.append(keys, lone), np.append(items, np.arange(1000))
    order = np.argsort(keys, kind="stable")
    pairs = candidates.candidate_pairs(keys[order], items[order], np.zeros(count, dtype=np.int64))
    assert pairs.tolist() == [[i, i + 1] for i in range(0, count, 2)]


def test_nothing_gives_nothing() -> None:
    assert pairs_of([], []) == []
    assert pairs_of([(1, 0), (2, 1)], [0, 0]) == []


@pytest.mark.parametrize(
    ("keys", "items", "heads", "message"),
    [
        ([2, 1], [0, 1], 32, "not ascending"),
        ([1, 1], [0, 3], 32, "from 0 to 3"),
        ([1, 1], [-1, 0], 32, "from -1"),
        ([1], [0, 1], 32, "shape"),
        ([1, 1], [0, 1], 0, "heads is 0"),
    ],
)
def test_refusals_name_the_value(keys: list[int], items: list[int], heads: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        candidates.candidate_pairs(
            np.array(keys, dtype=np.uint64),
            np.array(items, dtype=np.int64),
            np.zeros(3, dtype=np.int64),
            heads,
        )
