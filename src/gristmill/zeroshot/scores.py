"""From logits to scores: which label a text entails, as probabilities, and their order.

After Yin et al. 2019 (arXiv 1909.00161) and transformers' zero-shot pipeline; in float64, so that neither large
logits nor 50,000 labels lose anything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import ModelError
from gristmill.zeroshot.models.model import EntailmentIds, Floats

Doubles = NDArray[np.float64]


def margins(logits: Floats | Doubles, ids: EntailmentIds, *, multi_label: bool) -> Doubles:
    """What decides about each label: the entailment logit, or with ``multi_label`` its lead over contradiction.

    ``logits`` are [..., classes]; the result drops the last axis. The neutral class plays no part in either.
    Raises: ModelError if the model has no class for contradiction and ``multi_label`` needs one.
    """
    entailment = logits[..., ids.entailment].astype(np.float64)
    if not multi_label:
        return entailment
    if ids.contradiction is None:
        raise ModelError(
            "the model has no class for contradiction, which multi_label compares each label with;"
            " use multi_label=False, or say which class it is: label2id={'entailment': 0, 'contradiction': 1, ...}"
        )
    return entailment - logits[..., ids.contradiction].astype(np.float64)


def probabilities(margins: Doubles, *, multi_label: bool, temperature: float = 1.0) -> Doubles:
    """Scores of the labels of one text from their margins [labels].

    Without ``multi_label`` a softmax over the labels, whose scores sum to 1; with it each label's own
    probability of entailment against contradiction. ``temperature`` divides the margins (Guo et al. 2017).
    """
    scaled = margins / temperature
    if multi_label:
        # The logistic function without overflow on either side: exp only of what is not positive.
        small = np.exp(-np.abs(scaled))
        result: Doubles = np.where(scaled >= 0, 1.0, small) / (1.0 + small)
        return result
    return softmax(scaled)


def softmax(values: Floats | Doubles) -> Doubles:
    """Softmax over the last axis, in float64."""
    doubles = values.astype(np.float64)
    powers = np.exp(doubles - doubles.max(axis=-1, keepdims=True))
    result: Doubles = powers / powers.sum(axis=-1, keepdims=True)
    return result


def ranking(scores: Doubles) -> NDArray[np.intp]:
    """Places of the scores from the highest down; equal scores stay in the order of their labels."""
    return np.argsort(-scores, kind="stable")
