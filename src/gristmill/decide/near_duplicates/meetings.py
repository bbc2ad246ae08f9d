"""Meetings: pairs of items that a band key brings together, counted, so that a small change is added to what is known.

A *bucket* holds the items that share a key. In a bucket of up to ``MOST`` members every pair is a candidate,
whatever the ranks (see ``candidates``), so pairs are counted by the number of such buckets that hold both. New
rows touch few keys: what the buckets of these gave is taken away, and what they give now is added. A pair whose count comes to
nothing does not meet any more. Larger buckets, *crowds*, are few and are handed on as they are.

A pair of items is packed into one number: the lower item in the upper half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gristmill.decide.near_duplicates.candidates import HEADS

Keys = npt.NDArray[np.uint64]
Items = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int16]
Integers = npt.NDArray[np.int64]

MOST = HEADS + 1
# Pairs expanded at a time: it bounds temporaries, not the result.
_BLOCK_PAIRS = 1 << 20


@dataclass(frozen=True)
class Met:
    """Pairs (ascending, each once) with their counts, and the rows of crowds, by ascending key."""

    pairs: Keys
    counts: Counts
    crowd_keys: Keys
    crowd_items: Items


def meet(keys: Keys, items: Items, most: int = MOST) -> Met:
    """What the buckets of some rows give; ``keys`` is ascending, and all rows of a key are there."""
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    starts = np.flatnonzero(new)
    sizes = np.diff(np.append(starts, len(keys)))
    size = np.repeat(sizes, sizes)
    crowd = size > most
    shared = (size > 1) & ~crowd
    place = (np.arange(len(keys)) - np.repeat(starts, sizes))[shared]
    pairs = _expand(items[shared], place)
    return Met(*add_up(pairs, np.ones(len(pairs), np.int16)), keys[crowd], items[crowd])


def touch(base: tuple[Keys, Items], rows: tuple[Keys, Items], most: int = MOST) -> tuple[Met, Keys]:
    """What new ``rows`` change in what ``base`` gives, and the keys that they touch, ascending.

    Keys of both are ascending. Counts may be negative; the crowds are those of the touched keys, whole.
    """
    touched = _distinct(rows[0])
    first = np.searchsorted(base[0], touched, side="left")
    sizes = np.searchsorted(base[0], touched, side="right") - first
    members = np.arange(int(sizes.sum())) + np.repeat(first - (np.cumsum(sizes) - sizes), sizes)
    old = base[0][members], base[1][members]
    before = meet(*old, most)
    now = meet(*by_key(np.concatenate([old[0], rows[0]]), np.concatenate([old[1], rows[1]])), most)
    changes = add_up(np.concatenate([before.pairs, now.pairs]), np.concatenate([-before.counts, now.counts]))
    return Met(*changes, now.crowd_keys, now.crowd_items), touched


def by_key(keys: Keys, items: Items) -> tuple[Keys, Items]:
    """Rows in the order of their keys; those of one key stay in theirs."""
    order = np.argsort(keys, kind="stable")
    return keys[order], items[order]


def add_up(pairs: Keys, counts: Counts) -> tuple[Keys, Counts]:
    """Each pair once, ascending, with the sum of its counts; without those that come to nothing."""
    if len(pairs) == 0:
        return pairs, counts
    order = np.argsort(pairs, kind="stable")
    pairs = pairs[order]
    new = np.ones(len(pairs), bool)
    new[1:] = pairs[1:] != pairs[:-1]
    sums = np.add.reduceat(counts[order], np.flatnonzero(new), dtype=np.int16)
    return pairs[new][sums != 0], sums[sums != 0]


def unpack(pairs: Keys) -> tuple[Integers, Integers]:
    """The lower and the higher items of packed pairs."""
    return (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)


def pack(low: Integers, high: Integers) -> Keys:
    """Pairs of numbers below 2**32 as one number each."""
    packed: Keys = (low.astype(np.uint64) << np.uint64(32)) | high.astype(np.uint64)
    return packed


def _expand(items: Items, place: Integers) -> Keys:
    """Every item with all that come before it in its bucket; ``place`` is its place there."""
    ends = np.cumsum(place)
    blocks = [np.empty(0, np.uint64)]
    start = 0
    while start < len(items):
        done = int(ends[start - 1]) if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, done + _BLOCK_PAIRS, side="right")))
        sizes = place[start:stop]
        one = np.repeat(np.arange(start, stop), sizes)
        other = np.arange(len(one)) + np.repeat(np.arange(start, stop) - ends[start:stop] + done, sizes)
        low, high = np.minimum(items[one], items[other]), np.maximum(items[one], items[other])
        blocks.append(pack(low, high)[low != high])
        start = stop
    return np.concatenate(blocks)


def _distinct(keys: Keys) -> Keys:
    new = np.ones(len(keys), bool)
    new[1:] = keys[1:] != keys[:-1]
    return keys[new]
