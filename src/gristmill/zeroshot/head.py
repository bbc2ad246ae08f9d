"""The classifier on top of the encoder: from class-token states to logits, in float32, the same for all engines."""

from __future__ import annotations

import numpy as np

from gristmill.zeroshot.activations import activate
from gristmill.zeroshot.models.model import Floats, Model


def hidden(model: Model, states: Floats) -> Floats:
    """``activation(dense(states))``: [sequences, width] in and out."""
    dense = states @ model.floats("head.dense.weight").T + model.floats("head.dense.bias")
    return activate(model.head.activation, dense)


def output(model: Model, features: Floats) -> Floats:
    """Logits [sequences, classes] of ``hidden``'s features."""
    return features @ model.floats("head.output.weight").T + model.floats("head.output.bias")


def logits(model: Model, states: Floats) -> Floats:
    """Logits [sequences, classes], as the checkpoint's own classification head gives them."""
    result: Floats = output(model, hidden(model, states)).astype(np.float32, copy=False)
    return result
