"""Temperature scaling: one number that makes scores honest, fitted on labelled texts (Guo et al. 2017).

The negative log-likelihood is convex in the inverse temperature, so one-dimensional Newton steps find its minimum; a
bracket keeps them from running away.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gristmill.errors import GristmillError
from gristmill.zeroshot.metrics import Flags
from gristmill.zeroshot.scores import Doubles

COLDEST, HOTTEST = 0.01, 100.0
"""Temperatures that are believed."""
STEPS = 200


class CalibrationError(GristmillError):
    """A calibration cannot be fitted on these texts, or does not belong to this model."""


def likelihood_loss(margins: Doubles, truth: Flags, *, multi_label: bool, temperature: float = 1.0) -> float:
    """Mean negative log-likelihood, in nats, of the true labels; a mean over texts, or with ``multi_label`` over
    texts and labels. Arguments as ``fit_temperature``'s."""
    scaled = margins / temperature
    if multi_label:
        return float(np.logaddexp(0.0, np.where(truth, -scaled, scaled)).mean())
    return float((np.logaddexp.reduce(scaled, axis=1) - scaled[truth]).mean())


def fit_temperature(margins: Doubles, truth: Flags, *, multi_label: bool) -> float:
    """The temperature under which the true labels are likeliest.

    Args:
        margins: [texts, labels], as ``scores.margins`` gives them.
        truth: [texts, labels], which labels are true; exactly one a text without ``multi_label``.

    Raises: CalibrationError for values that are not finite or flags that do not fit, and where no temperature
    from ``COLDEST`` to ``HOTTEST`` is best: all answers are right, or scores say nothing about the truth.
    """
    if margins.shape != truth.shape or not margins.size or not np.isfinite(margins).all():
        raise CalibrationError(
            f"margins {margins.shape} and truth {truth.shape} must be finite and of one shape, with a text at least"
        )
    if not multi_label and not (truth.sum(axis=1) == 1).all():
        raise CalibrationError("each text must have exactly one true label; several need multi_label=True")
    slopes = _several(margins, truth) if multi_label else _single(margins, truth)
    low, high = 1 / HOTTEST, 1 / COLDEST
    if slopes(low)[0] >= 0:
        raise CalibrationError(
            "the scores say nothing about the true labels, or the opposite, so no temperature makes them"
            " honest; check labels and template, or use another model"
        )
    if slopes(high)[0] <= 0:
        raise CalibrationError(
            f"all {len(margins)} texts are answered rightly, so how sure the model may be cannot be told;"
            " add labelled texts, hard ones above all"
        )
    return 1 / _root(slopes, low, high)


def _root(slopes: Callable[[float], tuple[float, float]], low: float, high: float) -> float:
    """Where the slope, which rises from below 0 at ``low`` to above 0 at ``high``, is 0."""
    at = min(max(1.0, low), high)
    for _ in range(STEPS):
        slope, curvature = slopes(at)
        low, high = (at, high) if slope < 0 else (low, at)
        step = at - slope / curvature if curvature > 0 else at
        # A step out of the bracket says nothing; halve the bracket instead, on the scale of ratios.
        after = step if low < step < high else float(np.sqrt(low * high))
        if abs(after - at) <= 1e-12 * at:
            return after
        at = after
    return at


def _single(margins: Doubles, truth: Flags) -> Callable[[float], tuple[float, float]]:
    # Differences to the true label: its own is 0, and numbers stay small.
    gaps = margins - margins[truth][:, None]

    def slopes(inverse: float) -> tuple[float, float]:
        scaled = inverse * gaps
        weights = np.exp(scaled - scaled.max(axis=1, keepdims=True))
        weights /= weights.sum(axis=1, keepdims=True)
        means = (weights * gaps).sum(axis=1)
        spread = (weights * (gaps - means[:, None]) ** 2).sum(axis=1)
        return float(means.mean()), float(spread.mean())

    return slopes


def _several(margins: Doubles, truth: Flags) -> Callable[[float], tuple[float, float]]:
    # The margin by which the decision goes the wrong way.
    wrong = np.where(truth, -margins, margins)

    def slopes(inverse: float) -> tuple[float, float]:
        small = np.exp(-np.abs(inverse * wrong))
        share = np.where(wrong >= 0, 1.0, small) / (1.0 + small)
        return float((share * wrong).mean()), float((share * (1 - share) * wrong**2).mean())

    return slopes
