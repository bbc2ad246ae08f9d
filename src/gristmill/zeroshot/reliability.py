"""Whether scores mean what they say: of texts scored 0.8, are 80 % right? (Guo et al. 2017, arXiv 1706.04599)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.metrics import Flags
from gristmill.zeroshot.scores import Doubles

BINS = 15
"""Bins of equal width, as in the paper's experiments."""


@dataclass(frozen=True)
class Reliability:
    """Scores in bins of equal width: bin ``n`` of ``N`` holds those above ``n / N`` up to ``(n + 1) / N``, 0 too."""

    counts: NDArray[np.int64]
    confidence: Doubles
    """Mean score of each bin; NaN where it is empty."""
    accuracy: Doubles
    """Share of its scores whose answer is right; NaN where it is empty."""

    @property
    def error(self) -> float:
        """The expected calibration error: the gap between confidence and accuracy, weighted by the counts."""
        there = self.counts > 0
        gaps = np.abs(self.confidence[there] - self.accuracy[there])
        return float((gaps * self.counts[there]).sum() / self.counts.sum())


def reliability(scores: Doubles, correct: Flags, bins: int = BINS) -> Reliability:
    """Bin scores (0 to 1) by their value, each with whether its answer is right. Raises: ValueError if there are none."""
    if not scores.size or scores.shape != correct.shape or bins < 1:
        raise ValueError(
            f"{scores.shape} scores, {correct.shape} answers, {bins} bins: give one answer a score"
        )
    places = np.clip(np.ceil(scores.ravel() * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    weights = np.stack([scores.ravel(), correct.ravel().astype(np.float64)])
    sums = [np.bincount(places, weights=one, minlength=bins) for one in weights]
    means = [np.divide(one, counts, out=np.full(bins, np.nan), where=counts > 0) for one in sums]
    return Reliability(counts, means[0], means[1])


def answer_reliability(scores: Doubles, truth: Flags, *, multi_label: bool, bins: int = BINS) -> Reliability:
    """The reliability of answers from scores [texts, labels] and which labels are true.

    Single-label: the highest score of each text, and whether its label is the true one (the first of equal
    ones counts). ``multi_label``: every score, and whether its label is true of the text.
    """
    if multi_label:
        return reliability(scores, truth, bins)
    best = scores.argmax(axis=1)[:, None]
    return reliability(
        np.take_along_axis(scores, best, axis=1), np.take_along_axis(truth, best, axis=1), bins
    )
