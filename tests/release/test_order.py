"""The order of rows: the seed's, fair in every prefix, and pages that a change elsewhere leaves alone."""

from __future__ import annotations

import hashlib
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.collect.stages import SLOTS, slot
from gristmill.release.order import LARGEST_PAGE, PAGE_BYTES, page_bits, page_starts, places, slot_order

IDS = [hashlib.sha1(str(n).encode()).hexdigest() for n in range(4000)]


def test_places_follow_the_order_of_slots() -> None:
    found = places(pa.array(IDS), 7)
    ranks = {number: rank for rank, number in enumerate(slot_order(range(SLOTS), 7))}
    assert (found >> np.uint64(58)).tolist() == [ranks[slot(content_id)] for content_id in IDS]
    assert len(set(found.tolist())) == len(IDS)
    assert places(pa.array(IDS[5:9]), 7).tolist() == found[5:9].tolist()
    assert places(pa.array(["x", *IDS]).slice(1), 7).tolist() == found.tolist()


def test_rows_of_a_small_range_of_ids_stand_together() -> None:
    """Within a slot the next ten bits lead, so bodies are read in small ranges of ids."""
    ids = [f"{prefix:04x}" + "0" * 28 + f"{n:08x}" for prefix in (0x1000, 0x1001, 0x1037) for n in range(50)]
    order = np.argsort(places(pa.array(ids), 3), kind="stable").tolist()
    prefixes = [ids[n][:4] for n in order]
    assert sum(a != b for a, b in itertools.pairwise(prefixes)) == 2
    assert order != sorted(order)


def test_seeds_give_other_orders_and_other_prefixes() -> None:
    tenths = [set(np.argsort(places(pa.array(IDS), seed))[:400].tolist()) for seed in range(6)]
    assert all(len(one & other) < 200 for n, one in enumerate(tenths) for other in tenths[:n])


def test_a_prefix_is_a_fair_sample() -> None:
    prefix = np.argsort(places(pa.array(IDS), 1))[:1000]
    thirds = np.bincount(prefix % 3, minlength=3)
    assert thirds.min() > 280
    assert 400 < (prefix < 2000).sum() < 600


def test_ids_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="40 hexadecimal"):
        places(pa.array(["abc"]), 0)


@given(st.integers(0, 1 << 45), st.integers(0, 6))
def test_pages_aim_at_a_size_and_keep_to_ranges(size: int, power: int) -> None:
    pages = 1 << page_bits(size, 1 << power)
    assert pages >= 1 << power
    if pages > 1 << power and pages < 1 << 48:
        assert PAGE_BYTES <= size / pages < 2 * PAGE_BYTES


@given(
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, LARGEST_PAGE)), max_size=40),
    st.integers(0, 8),
)
def test_pages_are_runs_of_leading_bits(rows: list[tuple[int, int]], bits: int) -> None:
    rows.sort()
    place = np.array([row[0] for row in rows], np.uint64)
    lengths = np.array([row[1] for row in rows], np.int64)
    starts = page_starts(place, lengths, bits).tolist()
    assert starts == sorted(set(starts))
    assert starts[:1] == [0] * bool(rows)
    for first, end in zip(starts, [*starts, len(rows)][1:], strict=True):
        assert len({int(p) >> (64 - bits) for p in place[first:end]}) == 1
        assert lengths[first:end].sum() <= 2 * LARGEST_PAGE
    names = [int(p) >> (64 - bits) for p in place]
    changes = [n for n in range(1, len(rows)) if names[n] != names[n - 1]]
    assert set(changes) <= set(starts)
