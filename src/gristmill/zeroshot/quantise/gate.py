"""The quality gate: what a quantised model's answers lost against the model that it was made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gristmill.errors import ModelError
from gristmill.zeroshot import head
from gristmill.zeroshot.engines.numpy import create
from gristmill.zeroshot.models.model import Floats, Model
from gristmill.zeroshot.packs import build_pack, cut_packs
from gristmill.zeroshot.quantise.sequences import join_pairs
from gristmill.zeroshot.quantise.texts import Texts
from gristmill.zeroshot.tokens import PairEncoder


@dataclass(frozen=True)
class Loss:
    """What was measured on the probe."""

    logit_error: float
    """Root of the mean square of the logits' differences, as a share of the exact logits' own: the root of their mean
    square after each class's mean over the probe is taken off. 0: equal answers; 1: as far off as a model that
    always says the mean."""
    class_agreement: float
    """Share of pairs whose class with the highest logit is the same."""
    label_agreement: float
    """Top-1 agreement: share of texts whose best label, by entailment, is the same."""
    pairs: int
    texts: int


def probe_logits(model: Model, texts: Texts) -> Floats:
    """Logits [pairs, classes] of the pairs in their order, by the numpy engine in float32. Raises: ModelError."""
    sequences = join_pairs(PairEncoder(model.folder, model.encoder), texts)
    result = np.empty((len(sequences), model.head.classes), np.float32)
    engine = create(model, workers=1)
    try:
        lengths = np.array([len(ids) for ids, _ in sequences], np.int64)
        for chosen in cut_packs(lengths, engine.token_budget):
            result[chosen] = head.logits(model, engine.states(build_pack(sequences, chosen)))
    finally:
        engine.close()
    if not np.isfinite(result).all():
        raise ModelError(f"{model.name} gives logits that are not finite; the model is damaged")
    return result


def compare_logits(exact: Floats, other: Floats, entailment: int, per_text: int) -> Loss:
    """The loss between two models' logits [pairs, classes] of the same pairs, ``per_text`` neighbours of each text.

    Raises: ModelError if the exact logits are the same for all pairs, so that there is nothing to compare with.
    """
    before, after = exact.astype(np.float64), other.astype(np.float64)
    spread = float(np.sqrt(np.square(before - before.mean(axis=0)).mean()))
    if spread <= 1e-9:
        raise ModelError(
            "the model answers every text of the probe alike; nothing can be told about its loss"
        )
    error = float(np.sqrt(np.square(after - before).mean()))
    best = [logits[:, entailment].reshape(-1, per_text).argmax(axis=1) for logits in (before, after)]
    return Loss(
        logit_error=error / spread,
        class_agreement=float((before.argmax(axis=1) == after.argmax(axis=1)).mean()),
        label_agreement=float((best[0] == best[1]).mean()),
        pairs=len(before),
        texts=len(best[0]),
    )
