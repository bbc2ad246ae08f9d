"""Connected components of a graph of items, on arrays.

Label propagation with pointer jumping: in each round the root of every edge's larger label is hooked to the
smallest label at the other end, and then every item is pointed at its root (in the manner of Shiloach and
Vishkin, "An O(log n) parallel connectivity algorithm", 1982, with minimum labels). Each round joins at least
one root to another, so it ends; on real graphs a handful of rounds are enough.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def connected_components(n: int, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The component of each of ``n`` items under the edges ``pairs``.

    Args:
        n: number of items.
        pairs: array of shape (edges, 2) of item numbers; repeats, loops and any order are legal.

    Returns:
        One label an item: the smallest item number of its component.

    Raises:
        ValueError: ``pairs`` has another shape, or names an item that does not exist.
    """
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs has shape {pairs.shape}: two columns are expected")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
        raise ValueError(f"pairs go from {pairs.min()} to {pairs.max()}: there are items 0 to {n - 1}")
    label = np.arange(n, dtype=np.int64)
    one, other = pairs[:, 0], pairs[:, 1]
    while True:
        one, other = label[one], label[other]
        open_edges = one != other
        if not open_edges.any():
            return label
        one, other = one[open_edges], other[open_edges]
        np.minimum.at(label, np.maximum(one, other), np.minimum(one, other))
        _jump(label)


def _jump(label: npt.NDArray[np.int64]) -> None:
    """Point every item at its root, halving the distance in each step."""
    while True:
        further = label[label]
        if np.array_equal(further, label):
            return
        label[:] = further
