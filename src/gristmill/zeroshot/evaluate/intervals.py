"""How sure a measure is: 95 % confidence intervals by Wilson's score and by the bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gristmill.zeroshot.evaluate.counts import Counts, Integers
from gristmill.zeroshot.metrics import Flags
from gristmill.zeroshot.scores import Doubles

Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""
SAMPLES = 1000
"""Bootstrap samples."""
CELLS = 4_000_000
"""Counts that are held at a time."""


@dataclass(frozen=True)
class Estimate:
    """A measure with its 95 % confidence interval."""

    value: float
    low: float
    high: float
    interval: str
    """``wilson`` or ``bootstrap``."""


def wilson(hits: int, total: int) -> Estimate:
    """A share and its score interval (Wilson 1927), which stays within 0 and 1.

    Raises: ValueError unless ``0 <= hits <= total`` and there is one at least.
    """
    if not 0 <= hits <= total or not total:
        raise ValueError(f"{hits} of {total}: there must be one at least, and no more hits than that")
    share, weight = hits / total, Z * Z / total
    middle = (share + weight / 2) / (1 + weight)
    half = Z * math.sqrt(share * (1 - share) / total + weight / (4 * total)) / (1 + weight)
    # At the ends rounding would leave a hair's breadth.
    low = 0.0 if hits == 0 else middle - half
    return Estimate(share, low, 1.0 if hits == total else middle + half, "wilson")


def bootstrap(
    measures: Mapping[str, Callable[[Counts], Doubles]], counts: Counts, samples: Iterable[Counts]
) -> dict[str, Estimate]:
    """Measures of counts, by name, with the percentile intervals of their bootstrap samples (Efron 1979)."""
    values: dict[str, list[Doubles]] = {name: [] for name in measures}
    for one in samples:
        for name, measure in measures.items():
            values[name].append(np.atleast_1d(measure(one)))
    found = {}
    for name, measure in measures.items():
        low, high = np.quantile(np.concatenate(values[name]), [0.025, 0.975])
        found[name] = Estimate(float(measure(counts)), float(low), float(high), "bootstrap")
    return found


def resample_cells(cells: Integers, labels: int, seed: int) -> Iterator[Counts]:
    """Counts of ``SAMPLES`` samples of single-label answers.

    ``cells`` are rows of true label, found label and how many texts. To draw texts with replacement is to draw how
    many fall into each cell from a multinomial distribution, which costs the same for any number of texts.
    """
    random = np.random.default_rng(seed)
    true, found, numbers = cells.T
    texts = int(numbers.sum())
    hits = true == found
    size = max(1, CELLS // max(len(cells), labels))
    for start in range(0, SAMPLES, size):
        drawn = random.multinomial(texts, numbers / texts, size=min(size, SAMPLES - start))
        yield Counts(
            _summed(drawn[:, hits], true[hits], labels),
            _summed(drawn, true, labels),
            _summed(drawn, found, labels),
            texts,
        )


def resample_flags(truth: Flags, found: Flags, seed: int) -> Iterator[Counts]:
    """Counts of ``SAMPLES`` samples of texts, given flags [texts, labels]."""
    random = np.random.default_rng(seed)
    texts = len(truth)
    sides = [one.astype(np.float32) for one in (truth & found, truth, found)]
    size = max(1, CELLS // max(truth.shape))
    for start in range(0, SAMPLES, size):
        drawn = random.integers(0, texts, size=(min(size, SAMPLES - start), texts))
        weights = np.stack([np.bincount(one, minlength=texts) for one in drawn]).astype(np.float32)
        sums = [np.rint(weights @ side).astype(np.int64) for side in sides]
        yield Counts(sums[0], sums[1], sums[2], texts)


def _summed(drawn: Integers, places: Integers, labels: int) -> Integers:
    """Columns of ``drawn`` [samples, cells] added up by their label: [samples, labels]."""
    total = np.zeros((len(drawn), labels), np.int64)
    if len(places):
        order = np.argsort(places, kind="stable")
        starts = np.flatnonzero(np.diff(places[order], prepend=-1))
        total[:, places[order][starts]] = np.add.reduceat(drawn[:, order], starts, axis=1)
    return total
