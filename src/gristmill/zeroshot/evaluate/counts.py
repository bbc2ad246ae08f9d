"""Measures from counts by label: how often a label is true, was found, and both.

Counts are [..., labels], so that those of a thousand bootstrap samples are measured in one go. A measure by label is
NaN where it is not defined; a mean leaves such labels out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.scores import Doubles

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Counts:
    """Counts [..., labels] over ``texts`` texts."""

    hits: Integers
    """Texts of which the label is true and for which it was found."""
    truths: Integers
    founds: Integers
    texts: int


def precision(counts: Counts) -> Doubles:
    """Of the texts for which each label was found, the share of which it is true; NaN if it was found for none."""
    return _ratio(counts.hits, counts.founds)


def recall(counts: Counts) -> Doubles:
    """Of the texts of which each label is true, the share for which it was found; NaN if it is true of none."""
    return _ratio(counts.hits, counts.truths)


def f1(counts: Counts) -> Doubles:
    """The harmonic mean of precision and recall; NaN for a label neither true nor found anywhere."""
    return _ratio(2 * counts.hits, counts.truths + counts.founds)


def specificity(counts: Counts) -> Doubles:
    """Of the texts of which each label is not true, the share for which it was not found; NaN if there are none."""
    negatives = counts.texts - counts.truths
    return _ratio(negatives - (counts.founds - counts.hits), negatives)


def macro_f1(counts: Counts) -> Doubles:
    """The mean F1 over labels that are true or found somewhere."""
    return _mean(f1(counts))


def micro_f1(counts: Counts) -> Doubles:
    """F1 of all decisions together."""
    together = (counts.truths + counts.founds).sum(axis=-1)
    return np.nan_to_num(_ratio(2 * counts.hits.sum(axis=-1), together))


def balanced_accuracy(counts: Counts, *, multi_label: bool) -> Doubles:
    """The mean recall over labels that are true somewhere.

    With ``multi_label`` each label is a question of its own with two answers, and counts by the mean of its
    recall and its specificity.
    """
    if not multi_label:
        return _mean(recall(counts))
    both = np.stack([recall(counts), specificity(counts)])
    # A label of which one side is not there says nothing of balance.
    return _mean(both.mean(axis=0))


def _ratio(above: Integers, below: Integers) -> Doubles:
    result = np.full(np.broadcast(above, below).shape, np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def _mean(values: Doubles) -> Doubles:
    there = ~np.isnan(values)
    total: Doubles = np.where(there, values, 0.0).sum(axis=-1) / np.maximum(there.sum(axis=-1), 1)
    return total
