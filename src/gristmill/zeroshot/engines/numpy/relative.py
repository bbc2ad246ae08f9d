"""DeBERTa's disentangled attention (He et al., arXiv 2006.03654 and 2111.09543) as terms of attention scores.

A term depends on the distance of two tokens alone, so it is one product with all distances -(L-1) to L-1. Read
with a row stride one shorter than its width, that [L, 2L-1] product has each row shifted by one column, which
turns distances into positions without a gather.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from gristmill.zeroshot.engines.numpy.scratch import Scratch
from gristmill.zeroshot.models.model import Floats, RelativeAttention


@dataclass(frozen=True)
class Distances:
    """A layer's relative positions for sequences of up to ``longest`` tokens."""

    longest: int
    keys: Floats | None
    """For the distances longest - 1 down to -(longest - 1): [heads, 2 * longest - 1, size]."""
    queries: Floats | None
    """For the distances -(longest - 1) up to longest - 1, scaled."""

    def near(self, length: int, heads: slice) -> Distances:
        """The rows that sequences of ``length`` tokens need, of some heads."""
        rows = slice(self.longest - length, self.longest + length - 1)
        keys, queries = (None if table is None else table[heads, rows] for table in (self.keys, self.queries))
        return Distances(length, keys, queries)


def find_distances(tables: tuple[Floats | None, Floats | None], rows: NDArray[np.int64]) -> Distances:
    """Read a layer's keys and queries, [heads, 2 * span, size] each, at the rows of ``distance_rows``."""
    keys, queries = tables
    return Distances(
        (len(rows) + 1) // 2,
        None if keys is None else keys.take(rows[::-1], axis=1),
        None if queries is None else queries.take(rows, axis=1),
    )


def distance_rows(relative: RelativeAttention, longest: int) -> NDArray[np.int64]:
    """Row of the relative table for the distances -(longest - 1) to longest - 1."""
    distances = np.arange(-(longest - 1), longest)
    span = relative.buckets if relative.buckets > 0 else relative.distance
    return np.clip(_buckets(distances, relative) + span, 0, 2 * span - 1)


def add_relative(scores: Floats, query: Floats, key: Floats, near: Distances, scratch: Scratch) -> None:
    """Add the relative terms to the scores of sequences of one length.

    Args:
        scores: [count, heads, length, length]
        query: [count, heads, length, size], scaled.
        key: [count, heads, length, size]
        near: Of that length and those heads.
    """
    for own, table, turned in ((query, near.keys, False), (key, near.queries, True)):
        if table is None:
            continue
        count, heads, length, _ = own.shape
        products = scratch.take("distances", count, heads, length, 2 * length - 1)
        np.matmul(own, _repeat(table.swapaxes(1, 2), count), out=products)
        positions = _shifted(products)
        scores += positions.swapaxes(2, 3) if turned else positions


def add_relative_first(scores: Floats, query: Floats, key: Floats, near: Distances, scratch: Scratch) -> None:
    """The same for first tokens' scores: [count, heads, 1, length], and query [count, heads, 1, size]."""
    length = near.longest
    if near.keys is not None:
        # Distances 0 down to -(length - 1), from the first token to each.
        keys = near.keys[:, length - 1 :].swapaxes(1, 2)
        products = scratch.take("distances", *scores.shape)
        np.matmul(query, _repeat(keys, len(query)), out=products)
        scores += products
    if near.queries is not None:
        scores += np.einsum("nhjd,hjd->nhj", key, near.queries[:, length - 1 :: -1])[:, :, None]


def _repeat(tables: Floats, count: int) -> Floats:
    return np.broadcast_to(tables, (count, *tables.shape))


def _shifted(products: Floats) -> Floats:
    """Contiguous [..., L, 2L-1] -> [..., L, L]: element (i, j) is (i, j - i + L - 1)."""
    count, heads, length, columns = products.shape
    step = products.itemsize
    strides = (heads * length * columns * step, length * columns * step, (columns - 1) * step, step)
    return as_strided(products[..., length - 1 :], (count, heads, length, length), strides, writeable=False)


def _buckets(distances: NDArray[np.int64], relative: RelativeAttention) -> NDArray[np.int64]:
    """Near distances as they are, far ones in log-spaced buckets; float32, so that ties round as in training."""
    if relative.buckets <= 0:
        return distances
    middle = relative.buckets // 2
    far = np.maximum(np.abs(distances), middle).astype(np.float32)
    span = np.log(np.float32((relative.distance - 1) / middle))
    steps = np.ceil(np.log(far / np.float32(middle)) / span * np.float32(middle - 1))
    logarithmic = (steps + middle).astype(np.int64)
    return np.where(np.abs(distances) <= middle, distances, logarithmic * np.sign(distances))
