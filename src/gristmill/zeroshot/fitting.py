"""Fits a model's temperature on one half of labelled texts and judges it on the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gristmill.zeroshot.calibration import Fit
from gristmill.zeroshot.evaluation import measure_margins, score
from gristmill.zeroshot.metrics import Flags
from gristmill.zeroshot.reliability import BINS, Reliability, answer_reliability
from gristmill.zeroshot.temperature import CalibrationError, fit_temperature, likelihood_loss

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier

LEAST = 20
"""Texts below which neither half says anything."""


@dataclass(frozen=True)
class Fitted:
    """A temperature, and the reliability of scores on the held-out half without it and with it."""

    fit: Fit
    before: Reliability
    after: Reliability
    failed: tuple[tuple[int, str], ...]
    """Places of texts that could not be classified, and why."""

    def check(self) -> None:
        """Raises: CalibrationError if held-out texts are less likely with the temperature than without."""
        if self.fit.loss_after > self.fit.loss_before:
            raise CalibrationError(
                f"on texts it was not fitted on, temperature {self.fit.temperature:.4f} is worse than none (loss"
                f" {self.fit.loss_before:.4f} before, {self.fit.loss_after:.4f} after): the model needs none,"
                " or there are too few texts; nothing was saved"
            )


def fit_halves(
    classifier: ZeroShotClassifier,
    texts: Sequence[str],
    labels: Sequence[str],
    truth: Flags,
    *,
    multi_label: bool,
    hypothesis_template: str | None = None,
    seed: int = 0,
    bins: int = BINS,
    data: str = "",
) -> Fitted:
    """Classify the texts, split them at random, fit on the first half, judge on the second.

    Args:
        classifier: Its own calibration plays no part.
        truth: [texts, labels], which labels are true.
        seed: Of the split; equal texts fall on one side, so that none is judged by its own copy.
        bins: Of the expected calibration error.
        data: Digest of the data, for the record.

    Raises: CalibrationError if there are too few texts, or no temperature fits; LabelError, ModelError.
    """
    margins, errors = measure_margins(
        classifier, texts, labels, multi_label=multi_label, hypothesis_template=hypothesis_template
    )
    good = np.flatnonzero(np.isfinite(margins).all(axis=1))
    halves = _split([texts[place] for place in good.tolist()], seed)
    own, other = good[halves[0]], good[halves[1]]
    if len(good) < LEAST or not len(own) or not len(other):
        raise CalibrationError(
            f"{len(good)} labelled texts are too few to fit on one half and judge on the other;"
            f" give {LEAST} different ones at least, better some hundreds"
        )
    temperature = fit_temperature(margins[own], truth[own], multi_label=multi_label)
    held, held_truth = margins[other], truth[other]
    before, after = (
        answer_reliability(
            score(held, multi_label=multi_label, temperature=one),
            held_truth,
            multi_label=multi_label,
            bins=bins,
        )
        for one in (1.0, temperature)
    )
    fit = Fit(
        temperature=temperature,
        data=data,
        fitted_texts=len(own),
        held_out_texts=len(other),
        labels=len(labels),
        template=hypothesis_template or classifier.hypothesis_template,
        seed=seed,
        precision=classifier.engine.precision,
        bins=bins,
        error_before=before.error,
        error_after=after.error,
        loss_before=likelihood_loss(held, held_truth, multi_label=multi_label),
        loss_after=likelihood_loss(held, held_truth, multi_label=multi_label, temperature=temperature),
    )
    return Fitted(fit, before, after, tuple(sorted(errors.items())))


def _split(texts: Sequence[str], seed: int) -> tuple[list[int], list[int]]:
    """Places of the texts in two halves of about equal size, equal texts in the same."""
    groups: dict[str, list[int]] = {}
    for place, text in enumerate(texts):
        groups.setdefault(text, []).append(place)
    together = list(groups.values())
    halves: tuple[list[int], list[int]] = ([], [])
    for number in np.random.default_rng(seed).permutation(len(together)).tolist():
        shorter = 0 if len(halves[0]) <= len(halves[1]) else 1
        halves[shorter].extend(together[number])
    return halves
