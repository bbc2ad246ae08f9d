"""Which near duplicates go, and for whose sake: greedy, by rank, never through a chain.

Items are taken from the best rank to the worst. An item goes if an item already kept is similar enough to it;
otherwise it is kept. So nothing goes for the sake of an item that itself went, nothing goes whose similarity
to its survivor is below the threshold, and no two items kept are as similar as that. (Joining pairs into
connected components instead removes files that resemble no file kept.)

The outcome is the greedy one, but reached in waves: an item is kept as soon as all its better neighbours have
gone, and its worse neighbours go with that. Each edge is looked at once from either end.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

THRESHOLD = 0.7


def assign(
    rank: Integers, pairs: Integers, jaccard: Floats, threshold: float = THRESHOLD
) -> tuple[Integers, Floats]:
    """Keep or drop each item.

    Args:
        rank: rank of each item; the lower, the better a survivor. Ties go to the lower item number.
        pairs: array of shape (pairs, 2) of item numbers; order, repeats and loops do not matter.
        jaccard: exact Jaccard index of each pair.
        threshold: index from which on two items count as near duplicates.

    Returns:
        ``(kept, similarity)``, one value an item: the item kept for it and the index between the two. An item
        that is kept has itself and 1. An item dropped has the most similar of the better-ranked items
        that were kept, the best-ranked among equals.

    Raises:
        ValueError: shapes do not fit, or ``pairs`` names an item without a rank.
    """
    n = len(rank)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or jaccard.shape != (len(pairs),):
        raise ValueError(f"pairs has shape {pairs.shape}, jaccard {jaccard.shape}: (n, 2) and (n,) expected")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= n):
        raise ValueError(f"pairs go from {pairs.min()} to {pairs.max()}: rank has {n} items")
    by_place = np.argsort(rank, kind="stable")
    place = np.empty(n, dtype=np.int64)
    place[by_place] = np.arange(n, dtype=np.int64)
    close = (jaccard >= threshold) & (pairs[:, 0] != pairs[:, 1])
    places, index = place[pairs[close]], jaccard[close]
    better, worse = places.min(axis=1), places.max(axis=1)
    dropped = _dropped(n, better, worse)

    kept, similarity = np.arange(n, dtype=np.int64), np.ones(n)
    witness = dropped[worse] & ~dropped[better]
    better, worse, index = better[witness], worse[witness], index[witness]
    order = np.lexsort((better, -index, worse))
    items, first = np.unique(worse[order], return_index=True)
    chosen = order[first]
    kept[by_place[items]] = by_place[better[chosen]]
    similarity[by_place[items]] = index[chosen]
    return kept, similarity


def _dropped(n: int, better: Integers, worse: Integers) -> npt.NDArray[np.bool_]:
    """Whether each item goes; items are numbered by their place in the order of rank, ``better < worse``."""
    order = np.argsort(better, kind="stable")
    worse = worse[order]
    bounds = np.searchsorted(better[order], np.arange(n + 1))
    waiting = np.bincount(worse, minlength=n)  # better neighbours whose fate is open
    dropped = np.zeros(n, dtype=bool)
    kept = np.unique(better[waiting[better] == 0])
    while len(kept):
        losers = np.unique(worse[_edges(bounds, kept)])
        losers = losers[~dropped[losers]]
        dropped[losers] = True
        freed = worse[_edges(bounds, losers)]
        np.subtract.at(waiting, freed, 1)
        freed = np.unique(freed)
        kept = freed[waiting[freed] == 0]
    return dropped


def _edges(bounds: Integers, items: Integers) -> Integers:
    """The positions of all edges that go out from ``items`` to worse ones."""
    sizes = bounds[items + 1] - bounds[items]
    ends = np.cumsum(sizes)
    edges: Integers = np.arange(int(sizes.sum()), dtype=np.int64)
    edges += np.repeat(bounds[items] - (ends - sizes), sizes)
    return edges
