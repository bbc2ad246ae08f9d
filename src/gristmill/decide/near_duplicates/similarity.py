"""The exact resemblance of pairs of texts: the Jaccard index of their sets of shingles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_BLOCK_PAIRS = 1 << 16


def jaccard(
    hashes: npt.NDArray[np.uint64], offsets: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """The Jaccard index (size of the intersection over size of the union) of pairs of sets.

    Args:
        hashes: the elements of all sets, as ``annotate.shingles.shingle_hashes`` gives them: distinct and
            ascending within a set.
        offsets: set ``i`` is ``hashes[offsets[i]:offsets[i + 1]]``.
        pairs: array of shape (pairs, 2) of set numbers.

    Returns:
        One index a pair, 0 to 1. It is 0 if a set is empty: nothing is known to be alike.

    Raises:
        ValueError: ``pairs`` has another shape, or names a set that does not exist.
    """
    if pairs.ndim != 2 or pairs.shape[1] != 2:
        raise ValueError(f"pairs has shape {pairs.shape}: two columns are expected")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(offsets) - 1):
        raise ValueError(
            f"pairs go from {pairs.min()} to {pairs.max()}: there are sets 0 to {len(offsets) - 2}"
        )
    sizes = np.diff(offsets)
    total = sizes[pairs[:, 0]] + sizes[pairs[:, 1]]
    shared = np.empty(len(pairs), dtype=np.int64)
    merged = np.empty(int(total.max(initial=0)), dtype=np.uint64)
    for begin in range(0, len(pairs), _BLOCK_PAIRS):
        block = pairs[begin : begin + _BLOCK_PAIRS]
        # One round a pair, not an element: numpy has no segmented merge.
        bounds = zip(offsets[block].tolist(), offsets[block + 1].tolist(), strict=True)
        for index, ((start, other), (stop, other_stop)) in enumerate(bounds, begin):
            both = merged[: stop - start + other_stop - other]
            np.concatenate((hashes[start:stop], hashes[other:other_stop]), out=both)
            # A stable sort recognises the two ascending runs and merges them in linear time. An element is
            # in both sets exactly if it now stands beside its equal.
            both.sort(kind="stable")
            shared[index] = np.count_nonzero(both[1:] == both[:-1])
    union = total - shared
    return np.divide(shared, union, out=np.zeros(len(pairs)), where=union > 0)
