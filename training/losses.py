"""What training makes small.

NLI pairs have the usual cross-entropy of three classes. Of a text with labels only "entailed" and "not entailed" are
known, so a false label's loss is -log(1 - P(entailment)), whatever the two other classes share. Since labels are then
ranked by their entailment logits (one of several) or by entailment against contradiction (any number), two terms ask
for just that.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from training.batches import Batch
from training.examples import CONTRADICTION, ENTAILMENT

RANKING, APART = 1.0, 1.0
"""Weights of the loss over the labels of a text, and of entailment against contradiction."""


def loss(logits: Tensor, batch: Batch, *, label_weight: float, smoothing: float = 0.0) -> Tensor:
    """The mean loss of a batch.

    Args:
        logits: [sequences, 3], float32.
        label_weight: Weight of a text with labels beside that of an NLI pair, whose weight is 1.
        smoothing: Label smoothing of the NLI pairs.
    """
    nli = batch.targets >= 0
    total = logits.new_zeros(())
    weight = 0.0
    if nli.any():
        parts = functional.cross_entropy(
            logits[nli], batch.classes[nli], reduction="sum", label_smoothing=smoothing
        )
        total, weight = total + parts, weight + float(nli.sum())
    ranked = batch.chances >= 0
    labelled = ~(nli | ranked)
    for rows, part in ((labelled, _labels), (ranked, _ranked)):
        if rows.any():
            of = batch.positive if part is _labels else batch.chances
            value, count = part(logits[rows], of[rows], batch.group[rows])
            total, weight = total + label_weight * value, weight + label_weight * count
    return total / weight


def _ranked(logits: Tensor, chances: Tensor, group: Tensor) -> tuple[Tensor, int]:
    """The summed divergences of the entailment logits' softmax over each text's phrases, and how many texts."""
    _, rows = torch.unique_consecutive(group, return_inverse=True)
    shares = _shares(logits[:, ENTAILMENT], rows)
    return (chances * (chances.clamp(min=1e-9).log() - shares)).sum(), int(rows[-1]) + 1


def _shares(scores: Tensor, rows: Tensor) -> Tensor:
    """The logarithm of the softmax of scores over those of the same row."""
    count = int(rows[-1]) + 1
    peak = scores.new_full((count,), -torch.inf).scatter_reduce_(0, rows, scores.detach(), "amax")
    sums = scores.new_zeros(count).index_add_(0, rows, (scores - peak[rows]).exp())
    return scores - (sums.log() + peak)[rows]


def _labels(logits: Tensor, positive: Tensor, group: Tensor) -> tuple[Tensor, int]:
    """The summed losses of texts, and how many texts there are."""
    _, rows = torch.unique_consecutive(group, return_inverse=True)
    count = int(rows[-1]) + 1
    chances = functional.log_softmax(logits, dim=-1)
    entailed = chances[:, ENTAILMENT]
    others = torch.logsumexp(chances[:, ENTAILMENT + 1 :], dim=-1)
    each = -torch.where(positive, entailed, others)
    lead = logits[:, ENTAILMENT] - logits[:, CONTRADICTION]
    each = each + APART * functional.softplus(torch.where(positive, -lead, lead))
    # The mean over a text's true and over its false labels, so that the one true label is not outvoted.
    balanced = logits.new_zeros(())
    for side in (positive, ~positive):
        amount = logits.new_zeros(count).index_add_(0, rows, side.float())
        balanced = balanced + (each * side.float() / amount.clamp(min=1.0)[rows]).sum()
    # Cross-entropy of the true label among the text's labels, by their entailment logits.
    ranked = -_shares(logits[:, ENTAILMENT], rows)[positive].sum()
    return 0.5 * balanced + RANKING * ranked, count
