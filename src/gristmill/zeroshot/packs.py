"""Packs: sequences of about one length, side by side without padding, of about as many tokens as an engine likes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.layout import Ids

SMALLEST = 128
"""Tokens below which a pack is not split for the sake of an idle worker: matrices get too flat."""


def cut_packs(lengths: NDArray[np.int64], budget: int, *, parallel: int = 1) -> list[NDArray[np.intp]]:
    """Which sequences go together: for each pack their places in ``lengths``, by ascending length.

    No pack has more than ``budget`` tokens but one of a single sequence. Packs are of about equal size (no
    small rest at the end), and at least ``parallel`` of them if there is work for so many.
    """
    if not len(lengths):
        return []
    order = np.argsort(lengths, kind="stable")
    ends = np.cumsum(lengths[order], dtype=np.int64)
    starts = _greedy(ends, budget)
    total = int(ends[-1])
    pieces = max(len(starts), min(parallel, total // SMALLEST))
    even = _even(ends, lengths[order], pieces)
    if _within(ends, even, budget):
        starts = even
    return np.split(order, starts[1:])


def build_pack(sequences: Sequence[tuple[Ids, Ids]], chosen: NDArray[np.intp]) -> Pack:
    """The pack of the ``chosen`` sequences (ids and types of each), in their order."""
    parts = [sequences[number] for number in chosen.tolist()]
    return Pack(
        ids=np.concatenate([ids for ids, _ in parts]),
        types=np.concatenate([types for _, types in parts]),
        lengths=np.array([len(ids) for ids, _ in parts], np.int32),
    )


def _greedy(ends: NDArray[np.int64], budget: int) -> NDArray[np.int64]:
    """Starts of packs that are filled one after another."""
    starts, start, before = [], 0, 0
    while start < len(ends):
        starts.append(start)
        start = max(start + 1, int(np.searchsorted(ends, before + budget, side="right")))
        before = int(ends[start - 1])
    return np.array(starts, np.int64)


def _even(ends: NDArray[np.int64], lengths: NDArray[np.int64], pieces: int) -> NDArray[np.int64]:
    """Starts of ``pieces`` packs of about equal size, fewer if there are not enough sequences."""
    middle = 2 * ends - lengths
    piece = middle * pieces // (2 * int(ends[-1]))
    return np.flatnonzero(np.diff(piece, prepend=-1)).astype(np.int64)


def _within(ends: NDArray[np.int64], starts: NDArray[np.int64], budget: int) -> bool:
    bounds = np.append(starts, len(ends))
    tokens = np.diff(np.concatenate(([0], ends))[bounds])
    return bool(np.all((tokens <= budget) | (np.diff(bounds) == 1)))
