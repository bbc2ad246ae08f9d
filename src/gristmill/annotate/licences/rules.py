"""Rules that stand in a text word for word, all of them looked for at once.

A rule is known by the hash of its first words. Where one of these occurs, every rule that begins so is
verified by the hash of all its words, in constant time each.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.index import FILTER_MASK, KEY_WORDS, Index
from gristmill.annotate.licences.tokens import Places

# Rows of (rule, first word, word after the last).
Hits = npt.NDArray[np.int64]


def find(grams: Grams, bounds: Places, index: Index) -> Hits:
    """The rules in a batch of texts; of those that overlap the longest stays, of equal ones the first.

    Args:
        grams: of the words of all texts.
        bounds: text ``i`` has the words ``bounds[i]`` to ``bounds[i + 1]``.
        index: the rules.

    Returns:
        Hits by their first word; none overlaps another or reaches from one text into the next.
    """
    found: list[Hits] = []
    for size in range(1, KEY_WORDS + 1):
        low, high = index.key_bounds[size - 1 : size + 1].tolist()
        keys = index.keys[low:high]
        hashes = grams.all(size)
        if not len(hashes) or not len(keys):
            continue
        starts = np.flatnonzero(index.key_filters[size - 1][hashes & FILTER_MASK])
        place = np.minimum(np.searchsorted(keys, hashes[starts]), len(keys) - 1)
        known = keys[place] == hashes[starts]
        found.append(_verified(starts[known], place[known] + low, grams, bounds, index))
    if not found:
        return np.empty((0, 3), np.int64)
    return _longest(np.concatenate(found), int(bounds[-1]))


def _verified(starts: Places, keys: Places, grams: Grams, bounds: Places, index: Index) -> Hits:
    """The rules that begin with the key at each start and whose every word follows."""
    first = index.key_rules[keys].astype(np.int64)
    counts = index.key_rules[keys + 1].astype(np.int64) - first
    total = int(counts.sum())
    rules = np.arange(total) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    starts = np.repeat(starts, counts)
    ends = starts + index.rule_words[rules]
    inside = ends <= bounds[np.searchsorted(bounds, starts, side="right")]
    rules, starts, ends = rules[inside], starts[inside], ends[inside]
    same = grams.at(starts, ends - starts) == index.rule_hash[rules]
    return np.stack((rules[same], starts[same], ends[same]), axis=1)


def _longest(hits: Hits, words: int) -> Hits:
    order = np.lexsort((hits[:, 1], hits[:, 1] - hits[:, 2]))
    taken = bytearray(words)
    chosen: list[int] = []
    # One that overlaps a longer one covers its first or last word, or begins or ends within it.
    for row, start, end in zip(order.tolist(), hits[order, 1].tolist(), hits[order, 2].tolist(), strict=True):
        if not taken[start] and not taken[end - 1]:
            taken[start:end] = b"\1" * (end - start)
            chosen.append(row)
    kept = hits[chosen]
    return kept[np.argsort(kept[:, 1], kind="stable")]
