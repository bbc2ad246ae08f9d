"""MinHash signatures of texts, banded for locality-sensitive hashing.

The resemblance of two texts is the Jaccard index of their sets of word 5-shingles (``shingles``). MinHash
(Broder, 1997) keeps the smallest value of each text under 256 hash functions; two texts agree on each with
a probability equal to their resemblance ``J``. The 256 minima are cut into 32 bands of 8 rows, and texts
that agree on a whole band are candidates: 0.85 of all pairs at J = 0.7, 0.996 at J = 0.8, in theory
``1 - (1 - J**8)**32`` (Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", section 3.4).
Candidates are for exact comparison, not for removal.

The scheme, part of the format: hash function ``k`` (from 0) maps a shingle hash ``h`` to
``(low(h) * A[k] + high(h)) mod 2**32``, where ``low`` and ``high`` are its 32-bit halves and ``A[k]`` is the
upper half of ``mix64((k + 1) * GOLDEN)`` made odd. The key of band ``b`` starts as ``(b + 1) * GOLDEN`` and
takes up the band's minima in pairs, the earlier one in the lower half: ``key = mix64(key ^ pair)``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gristmill import tables
from gristmill.annotate import shingles
from gristmill.annotate.shingles import GOLDEN, Hashes, Offsets, mix64

Minima = npt.NDArray[np.uint32]

NAME = "signatures"
VERSION = 1
TABLE = tables.SIGNATURES
SCHEME = f"minhash-256-u32-32x8/1+{shingles.SCHEME}"

PERMUTATIONS = 256
BANDS = 32
ROWS = PERMUTATIONS // BANDS
# A text with fewer distinct shingles resembles others by accident: it is compared by its bytes only.
MIN_SHINGLES = 10

_BLOCK_SHINGLES = 1 << 15
_MULTIPLIERS = (
    mix64(np.arange(1, PERMUTATIONS + 1, dtype=np.uint64) * np.uint64(GOLDEN)) >> np.uint64(32)
).astype(np.uint32) | np.uint32(1)


def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The signatures of a batch of texts.

    Args:
        batch: columns ``content_id`` (string) and ``text`` (UTF-8 as binary or string; null if not text).

    Returns:
        Rows of ``tables.SIGNATURES``, in the order of the batch, for the texts with at least
        ``MIN_SHINGLES`` distinct shingles. The others have no row.

    Raises:
        TypeError: ``text`` is of another type.
    """
    rows: list[Offsets] = [np.empty(0, dtype=np.int64)]
    counts: list[Offsets] = [np.empty(0, dtype=np.int64)]
    bands: list[Hashes] = [np.empty((0, BANDS), dtype=np.uint64)]
    for start, hashes, offsets in shingles.shingle_blocks(batch.column("text")):
        sizes = np.diff(offsets)
        enough = sizes >= MIN_SHINGLES
        chosen = np.flatnonzero(enough)
        if len(chosen) == 0:
            continue
        rows.append(chosen + start)
        counts.append(sizes[enough])
        if not enough.all():
            hashes = hashes[np.repeat(enough, sizes)]
            offsets = np.concatenate(([0], np.cumsum(sizes[enough])))
        bands.append(band_keys(minima(hashes, offsets)))
    keys = np.concatenate(bands)
    return pa.RecordBatch.from_arrays(
        [
            batch.column("content_id").take(pa.array(np.concatenate(rows))).cast(pa.string()),
            pa.array(np.concatenate(counts)),
            pa.ListArray.from_arrays(
                pa.array(np.arange(len(keys) + 1, dtype=np.int32) * np.int32(BANDS)),
                pa.array(keys.reshape(-1)),
                type=TABLE.schema.field("bands").type,
            ),
        ],
        schema=TABLE.schema,
    )


def minima(hashes: Hashes, offsets: Offsets) -> Minima:
    """The MinHash sketch of each set.

    Args:
        hashes: shingle hashes of all sets; repeats and order within a set do not matter.
        offsets: set ``i`` is ``hashes[offsets[i]:offsets[i + 1]]``; no set may be empty.

    Returns:
        Array of shape (sets, ``PERMUTATIONS``). The share of columns on which two rows agree estimates their
        Jaccard index, with a standard error of ``sqrt(J * (1 - J) / PERMUTATIONS)``.

    Raises:
        ValueError: a set is empty.
    """
    if np.any(offsets[1:] <= offsets[:-1]):
        raise ValueError("minima: a set is empty; leave out texts without shingles")
    result = np.full((len(offsets) - 1, PERMUTATIONS), np.iinfo(np.uint32).max, dtype=np.uint32)
    lanes = np.empty(_BLOCK_SHINGLES, dtype=np.uint32)
    for begin in range(0, len(hashes), _BLOCK_SHINGLES):
        block = hashes[begin : begin + _BLOCK_SHINGLES]
        low = block.astype(np.uint32)
        high = (block >> np.uint64(32)).astype(np.uint32)
        values = lanes[: len(block)]
        # The sets that reach into the block; the outer two may go on in its neighbours.
        first = int(np.searchsorted(offsets, begin, side="right")) - 1
        stop = int(np.searchsorted(offsets, begin + len(block), side="left"))
        heads = np.maximum(offsets[first:stop] - begin, 0)
        least = np.empty((PERMUTATIONS, stop - first), dtype=np.uint32)
        for k in range(PERMUTATIONS):
            np.multiply(low, _MULTIPLIERS[k], out=values)
            np.add(values, high, out=values)
            np.minimum.reduceat(values, heads, out=least[k])
        np.minimum(result[first:stop], least.T, out=result[first:stop])
    return result


def band_keys(sketches: Minima) -> Hashes:
    """The key of each band of each sketch: an array of shape (sketches, ``BANDS``)."""
    values = sketches.astype(np.uint64).reshape(len(sketches), BANDS, ROWS // 2, 2)
    pairs = values[..., 0] | (values[..., 1] << np.uint64(32))
    keys = np.empty((len(sketches), BANDS), dtype=np.uint64)
    keys[:] = np.arange(1, BANDS + 1, dtype=np.uint64) * np.uint64(GOLDEN)
    for pair in range(ROWS // 2):
        keys ^= pairs[..., pair]
        mix64(keys)
    return keys
