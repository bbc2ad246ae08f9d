"""Contextual calibration: what a model says of the labels without a text is taken out of what it says with one.

After Zhao et al. 2021 (arXiv 2102.09690): probabilities are divided by those of content-free inputs and normalised
again, so that a text without content scores all labels alike.
"""

from __future__ import annotations

import numpy as np

from gristmill.zeroshot.scores import Doubles

CONTENT_FREE = ("", "N/A")
"""Premises that say nothing. The paper's third, ``[MASK]``, is a token of some tokenizers only."""


def correct_margins(margins: Doubles, priors: Doubles, *, multi_label: bool) -> Doubles:
    """The margins [labels] of a text, corrected by those of content-free premises [premises, labels].

    Both as ``scores.margins`` gives them, before any temperature. The priors' probabilities are averaged over
    the premises: over the labels together, or with ``multi_label`` each label's own, whose odds are divided
    by those of its prior. In logarithms throughout, so that a prior near 0 or 1 loses nothing.
    """
    if multi_label:
        holds, fails = -np.logaddexp(0.0, -priors), -np.logaddexp(0.0, priors)
        return margins - (_log_mean(holds) - _log_mean(fails))
    return margins - _log_mean(priors - np.logaddexp.reduce(priors, axis=1, keepdims=True))


def _log_mean(logarithms: Doubles) -> Doubles:
    """The logarithm of the mean over the first axis of what these are the logarithms of, up to a constant."""
    result: Doubles = np.logaddexp.reduce(logarithms, axis=0)
    return result
