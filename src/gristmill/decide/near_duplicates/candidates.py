"""Candidate pairs of near duplicates: items that share a band key of their MinHash signatures.

A bucket holds the items that share a key. A bucket of ``b`` items has ``b * (b - 1) / 2`` pairs, far too many
for the keys that millions of files share (boilerplate, generated code). So only the best-ranked members of a
bucket, its *heads*, are paired with all: at most ``heads`` pairs for each item and key. Up to ``heads + 1``
members no pair is left out. In a larger bucket two members that are not heads are not compared: such a member
is dropped for a head, or stays beside another that no other band brings together.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

HEADS = 32
# Pairs expanded at a time, before their repeats in several bands are dropped.
_BLOCK_PAIRS = 1 << 20


def candidate_pairs(keys: Keys, items: Integers, rank: Integers, heads: int = HEADS) -> Integers:
    """The distinct pairs of items that share a key.

    Args:
        keys: band key of each row, ascending. All rows of a key must be in one call (one partition).
        items: the item that has the key, a number below ``len(rank)``. The order within a key is free.
        rank: rank of each item; the lower, the better a survivor. Ties go to the lower item number.
        heads: best-ranked members of a bucket that are paired with every other member.

    Returns:
        Array of shape (pairs, 2), the lower item first, sorted; the same for every order of the rows. At most
        ``heads`` pairs a row; the work takes up to about 60 bytes of memory a pair.

    Raises:
        ValueError: lengths differ, ``keys`` is not sorted, an item has no rank, or ``heads`` is not positive.
    """
    count = len(rank)
    if heads < 1:
        raise ValueError(f"heads is {heads}: a bucket needs at least one head")
    if keys.shape != items.shape or keys.ndim != 1:
        raise ValueError(f"keys has shape {keys.shape}, items {items.shape}: one item a key is expected")
    if np.any(keys[1:] < keys[:-1]):
        raise ValueError("keys is not ascending: sort the rows of the partition by key")
    if len(items) and (items.min() < 0 or items.max() >= count):
        raise ValueError(f"items go from {items.min()} to {items.max()}: rank has {count} items")
    if max(count, len(keys)) > 1 << 32:
        raise ValueError(
            f"{count} items, {len(keys)} rows: a pair does not fit into 64 bits; use more partitions"
        )
    buckets, members = _buckets(keys, items, rank)
    partners = np.minimum(_place(buckets), heads)
    blocks: list[Keys] = [np.empty(0, dtype=np.uint64)]
    bounds = np.concatenate(([0], np.cumsum(partners)))
    start = 0
    while start < len(members):
        stop = int(np.searchsorted(bounds, bounds[start] + _BLOCK_PAIRS, side="right")) - 1
        stop = max(stop, start + 1)
        blocks.append(_expand(buckets, members, partners, slice(start, stop), count))
        start = stop
    low, high = np.divmod(_distinct(np.concatenate(blocks)), np.uint64(max(count, 1)))
    return np.stack((low, high), axis=1).astype(np.int64)


def _buckets(keys: Keys, items: Integers, rank: Integers) -> tuple[Integers, Integers]:
    """The members of buckets of two or more, best first; with each, the position of its bucket's first."""
    if len(keys) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    same = keys[1:] == keys[:-1]
    shared = np.zeros(len(keys), dtype=bool)
    shared[1:] |= same
    shared[:-1] |= same
    keys, items = keys[shared], items[shared]
    new = np.ones(len(keys), dtype=np.uint64)
    new[1:] = keys[1:] != keys[:-1]
    # One sort of packed integers, several times as fast as a lexsort of keys, ranks and items.
    best_first = np.argsort(rank, kind="stable")
    place = np.empty(len(rank), dtype=np.uint64)
    place[best_first] = np.arange(len(rank), dtype=np.uint64)
    packed = _distinct(np.cumsum(new) << np.uint64(32) | place[items])
    bucket = packed >> np.uint64(32)
    first = np.ones(len(packed), dtype=bool)
    first[1:] = bucket[1:] != bucket[:-1]
    heads = np.flatnonzero(first)
    members = best_first[(packed & np.uint64(0xFFFFFFFF)).astype(np.int64)]
    return np.repeat(heads, np.diff(np.append(heads, len(members)))), members


def _place(buckets: Integers) -> Integers:
    """The place of each member in its bucket, from 0."""
    return np.arange(len(buckets), dtype=np.int64) - buckets


def _expand(buckets: Integers, members: Integers, partners: Integers, block: slice, count: int) -> Keys:
    """The pairs of some members with their partners, packed as ``low * count + high``, sorted, distinct."""
    sizes = partners[block]
    ends = np.cumsum(sizes)
    head = np.arange(int(sizes.sum()), dtype=np.int64) - np.repeat(ends - sizes - buckets[block], sizes)
    one, other = np.repeat(members[block], sizes), members[head]
    low, high = np.minimum(one, other).astype(np.uint64), np.maximum(one, other).astype(np.uint64)
    return _distinct(low * np.uint64(count) + high)


def _distinct(values: Keys) -> Keys:
    """The distinct values, ascending; overwrites ``values``."""
    # np.unique may hash integers instead, which took 20 times as long on tens of millions.
    values.sort()
    new = np.ones(len(values), dtype=bool)
    new[1:] = values[1:] != values[:-1]
    return values[new]
