"""Layer norm and the softmax's exponentials, in place and in few passes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gristmill.zeroshot.models.model import Floats

SAFE = 60.0
"""Scores within this of 0: neither their exponentials nor sums of a million of them leave float32's range."""


@dataclass(frozen=True)
class Norm:
    """Layer normalisation (Ba et al., arXiv 1607.06450)."""

    weight: Floats
    bias: Floats
    epsilon: float

    def __call__(self, x: Floats) -> None:
        """Normalise each row of [rows, width] in place. The variance is that of the centred row: no cancellation."""
        width = np.float32(x.shape[1])
        x -= (np.einsum("ij->i", x) / width)[:, None]
        variance = np.vecdot(x, x) / width
        x *= (1 / np.sqrt(variance + np.float32(self.epsilon)))[:, None]
        x *= self.weight
        x += self.bias


def exponentials(scores: Floats) -> Floats:
    """Turn scores [..., columns], contiguous, into the numerators of their softmax in place; returns the sums [...].

    The largest score of each row is subtracted first, as always, unless no score is so large that it matters.
    """
    columns = scores.shape[-1]
    if not (scores.max() < SAFE and scores.min() > -SAFE):
        scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    sums: Floats = np.einsum("ij->i", scores.reshape(-1, columns))
    return sums.reshape(scores.shape[:-1])
