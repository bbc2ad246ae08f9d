"""The plan of a release: how it is cut, and an order in which every prefix is a fair sample."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.collect.stages import SLOTS
from gristmill.release.order import slot_order
from gristmill.release.plan import LANGUAGES, RANGE_BYTES, SMALLEST_SHARD, layout


def languages(sizes: dict[str, int]) -> pa.Table:
    rows = [{"slug": name, "language": name, "files": 1, "bytes": size} for name, size in sizes.items()]
    return pa.Table.from_pylist(rows, schema=LANGUAGES)


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 1 << 42), max_size=6),
    st.integers(1_000_000, 1 << 34),
)
def test_shards_are_whole_runs_of_ranges(sizes: dict[str, int], shard_bytes: int) -> None:
    cut = layout(languages(sizes), shard_bytes)
    assert dict(cut.shards).keys() == sizes.keys()
    for name, number in cut.shards.items():
        assert cut.ranges % number == 0
        assert number == 1 or sizes[name] // number >= min(SMALLEST_SHARD, shard_bytes)
    total = sum(sizes.values())
    assert cut.ranges == SLOTS or total // cut.ranges <= min(shard_bytes, RANGE_BYTES)


@pytest.mark.parametrize(
    ("size", "ranges", "shards"), [(0, 1, 1), (200_000_000, 1, 1), (255_000_000, 2, 1), (1_100_000_000, 8, 4)]
)
def test_sizes(size: int, ranges: int, shards: int) -> None:
    cut = layout(languages({"c": size, "small": 5}), 256_000_000)
    assert (cut.ranges, cut.shards["c"], cut.shards["small"]) == (ranges, shards, 1)


def test_the_order_of_slots_is_the_seeds() -> None:
    orders = {tuple(slot_order(range(SLOTS), seed)) for seed in range(5)}
    assert len(orders) == 5
    for order in orders:
        assert sorted(order) == list(range(SLOTS))
        assert order != tuple(range(SLOTS))
    whole = slot_order(range(SLOTS), 3)
    assert slot_order(range(16), 3) == [slot for slot in whole if slot < 16]
