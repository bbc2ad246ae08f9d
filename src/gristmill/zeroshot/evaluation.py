"""A classifier on texts whose labels are known: margins for fitting, answers for judging."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gristmill.zeroshot.metrics import Flags, accuracy, macro_f1, micro_f1
from gristmill.zeroshot.reliability import BINS, answer_reliability
from gristmill.zeroshot.scores import Doubles, margins, probabilities

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier

THRESHOLD = 0.5
"""Score from which a label of several counts as found."""


@dataclass(frozen=True)
class Quality:
    """How good the answers to labelled texts are."""

    accuracy: float
    """Share of texts whose labels were found exactly."""
    macro_f1: float
    micro_f1: float
    calibration_error: float
    """Expected calibration error, in ``bins`` bins of equal width."""
    bins: int


def measure_margins(
    classifier: ZeroShotClassifier,
    texts: Sequence[str],
    labels: Sequence[str],
    *,
    multi_label: bool,
    hypothesis_template: str | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Doubles, dict[int, str]]:
    """Margins [texts, labels], before any temperature, and by their place why texts could not be classified.

    The rows of such texts are NaN. ``progress`` is told how many texts are done. Raises: LabelError, ModelError.
    """
    names = list(labels)
    places = {label: place for place, label in enumerate(names)}
    found = np.full((len(texts), len(names)), np.nan)
    errors: dict[int, str] = {}
    results = classifier(
        iter(texts),
        names,
        multi_label=multi_label,
        hypothesis_template=hypothesis_template,
        return_logits=True,
        temperature=1.0,
    )
    for row, result in enumerate(results):
        if progress is not None:
            progress(row + 1)
        if "error" in result:
            errors[row] = result["error"].removeprefix(f"row {row}: ")
            continue
        order = [places[label] for label in result["labels"]]
        logits = np.array(result["logits"], np.float64)
        found[row, order] = margins(logits, classifier.ids, multi_label=multi_label)
    return found, errors


def score(margins: Doubles, *, multi_label: bool, temperature: float = 1.0) -> Doubles:
    """The scores [texts, labels] of margins."""
    rows = [probabilities(one, multi_label=multi_label, temperature=temperature) for one in margins]
    return np.stack(rows) if rows else margins


def decide(scores: Doubles, *, multi_label: bool, threshold: float = THRESHOLD) -> Flags:
    """Which labels are found: the best of each text (the first of equal ones), or all from ``threshold``."""
    if multi_label:
        reached: Flags = scores >= threshold
        return reached
    found = np.zeros(scores.shape, bool)
    found[np.arange(len(scores)), scores.argmax(axis=1)] = True
    return found


def judge(
    scores: Doubles, truth: Flags, *, multi_label: bool, threshold: float = THRESHOLD, bins: int = BINS
) -> Quality:
    """How good scores [texts, labels] are, one text at least, given which labels are true."""
    found = decide(scores, multi_label=multi_label, threshold=threshold)
    return Quality(
        accuracy(truth, found),
        macro_f1(truth, found),
        micro_f1(truth, found),
        answer_reliability(scores, truth, multi_label=multi_label, bins=bins).error,
        bins,
    )
