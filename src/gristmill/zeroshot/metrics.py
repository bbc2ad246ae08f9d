"""How well labels were found: accuracy, F1 and agreement, and whether two models differ by more than chance.

Labels are flags [texts, labels]: which label is true of, or was found for, which text. Single-label answers have one
flag a text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]


def right(truth: Flags, found: Flags) -> Flags:
    """For each text whether exactly its true labels were found: [texts]."""
    result: Flags = (truth == found).all(axis=1)
    return result


def accuracy(truth: Flags, found: Flags) -> float:
    """The share of texts whose labels were found exactly (of several labels: subset accuracy)."""
    return float(right(truth, found).mean())


def label_f1(truth: Flags, found: Flags) -> NDArray[np.float64]:
    """F1 of each label, the harmonic mean of precision and recall; NaN for one neither true nor found anywhere."""
    hits = (truth & found).sum(axis=0)
    together = truth.sum(axis=0) + found.sum(axis=0)
    scores = np.full(truth.shape[1], np.nan)
    np.divide(2.0 * hits, together, out=scores, where=together > 0)
    return scores


def macro_f1(truth: Flags, found: Flags) -> float:
    """The mean of ``label_f1`` over labels that are true or found somewhere; 0 if there are none."""
    scores = label_f1(truth, found)
    there = ~np.isnan(scores)
    return float(scores[there].mean()) if there.any() else 0.0


def micro_f1(truth: Flags, found: Flags) -> float:
    """F1 of all decisions together; for single-label answers the same as accuracy. 0 if no label is true or found."""
    together = int(truth.sum()) + int(found.sum())
    return 2.0 * int((truth & found).sum()) / together if together else 0.0


def mcnemar(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value that two models are equally good (McNemar 1947, by the binomial distribution).

    Args:
        only_first: Texts that the first model alone answered rightly.
        only_second: Texts that the second alone did. Texts that both or neither did say nothing here.

    Raises: ValueError for a negative count.
    """
    if only_first < 0 or only_second < 0:
        raise ValueError(f"counts cannot be negative: {only_first}, {only_second}")
    total, least = only_first + only_second, min(only_first, only_second)
    # log C(total, k) for k = 0..least: in logarithms, since 2 ** total leaves the floats soon.
    steps = np.arange(1, least + 1, dtype=np.float64)
    terms = np.concatenate(([0.0], np.cumsum(np.log(total - steps + 1) - np.log(steps))))
    tail = float(np.exp(np.logaddexp.reduce(terms) - total * np.log(2.0)))
    return min(1.0, 2.0 * tail)
