"""The order of a release's rows, from content ids and the seed alone, and the pages that it falls into.

Content ids are uniform hashes. The *place* of a content is a 64-bit number: the rank that the seed gives to
its slot (a 64th of the ids), then the next ten bits of the id in an order that the seed gives, then a hash
with the seed. Rows stand in the order of their places, so any prefix of them is a fair sample, and bodies are
read from segments, which are sorted by id, a small range at a time.

A *page* of the column ``content`` holds the rows whose places agree in their leading bits. A row that comes
or goes changes its own page and no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gristmill.collect.stages import SLOTS
from gristmill.release.schema import value_bytes

PAGE_BYTES = 32 << 10
"""text of a page, at least, on average; twice that at most. Smaller ones compress worse, larger change more"""
LARGEST_PAGE = 8 << 20
"""text after which a page ends in any case: large files may share their leading bits"""

_SLOT_BITS = SLOTS.bit_length() - 1
_RANGE_BITS = 10
_HASH_BITS = 64 - _SLOT_BITS - _RANGE_BITS
_ID_DIGITS = 40


def slot_order(slots: Sequence[int], seed: int) -> list[int]:
    """Slots of content ids in the order that a seed gives them."""
    return sorted(slots, key=lambda slot: _slot_digest(slot, seed))


def places(content_ids: pa.Array, seed: int) -> np.ndarray:
    """The place of each content as an unsigned 64-bit integer.

    Args:
        content_ids: strings of 40 lower-case hexadecimal digits, no nulls.
        seed: the release's seed.

    Raises:
        ValueError: an id has another length.
    """
    digits = np.frombuffer(value_bytes(content_ids), np.uint8)
    if len(digits) != len(content_ids) * _ID_DIGITS:
        raise ValueError(f"content ids must be {_ID_DIGITS} hexadecimal digits each")
    head = digits.reshape(-1, _ID_DIGITS)[:, :16].astype(np.uint64)
    values = np.where(head >= ord("a"), head - np.uint64(ord("a") - 10), head - np.uint64(ord("0")))
    ids = (values << (np.uint64(60) - np.arange(16, dtype=np.uint64) * np.uint64(4))).sum(1, dtype=np.uint64)
    ranks = np.empty(SLOTS, np.uint64)
    ranks[slot_order(range(SLOTS), seed)] = np.arange(SLOTS, dtype=np.uint64)
    flips = np.array(
        [int.from_bytes(_slot_digest(slot, seed)[:2], "little") for slot in range(SLOTS)], np.uint64
    ) & np.uint64((1 << _RANGE_BITS) - 1)
    slots = ids >> np.uint64(64 - _SLOT_BITS)
    within = (ids >> np.uint64(_HASH_BITS)) & np.uint64((1 << _RANGE_BITS) - 1)
    key = int.from_bytes(hashlib.sha256(f"{seed}/rows".encode()).digest()[:8], "little")
    found: np.ndarray = (
        (ranks[slots.astype(np.int64)] << np.uint64(64 - _SLOT_BITS))
        | ((within ^ flips[slots.astype(np.int64)]) << np.uint64(_HASH_BITS))
        | (_mixed(ids ^ np.uint64(key)) >> np.uint64(64 - _HASH_BITS))
    )
    return found


def page_bits(text_bytes: int, ranges: int) -> int:
    """How many leading bits of the place name a page of a language of ``text_bytes``.

    Pages do not cross the ``ranges`` (a power of two) that a release is written in.
    """
    pages = max(ranges, 1 << max(0, (text_bytes // PAGE_BYTES).bit_length() - 1))
    return min(pages.bit_length() - 1, 48)


def page_starts(sorted_places: np.ndarray, lengths: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of the first row of each page.

    Args:
        sorted_places: places in order.
        lengths: original size of each row's text in bytes.
        bits: leading bits that the rows of a page share.
    """
    if not len(sorted_places):
        return np.zeros(0, np.int64)
    names = sorted_places >> np.uint64(64 - bits) if bits else np.zeros(len(sorted_places), np.uint64)
    starts = np.concatenate(([0], np.flatnonzero(names[1:] != names[:-1]) + 1)).astype(np.int64)
    totals = np.add.reduceat(lengths, starts)
    cuts = [starts]
    for number in np.flatnonzero(totals > LARGEST_PAGE).tolist():
        end = starts[number + 1] if number + 1 < len(starts) else len(lengths)
        before = np.cumsum(lengths[starts[number] : end])
        part = np.concatenate(([0], (before // LARGEST_PAGE)[:-1]))
        cuts.append(np.flatnonzero(np.diff(part, prepend=part[0])) + starts[number])
    return np.unique(np.concatenate(cuts))


def _slot_digest(slot: int, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{slot}".encode()).digest()


def _mixed(values: np.ndarray) -> np.ndarray:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014), which spreads every bit over all others."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = values ^ (values >> np.uint64(31))
    return mixed
