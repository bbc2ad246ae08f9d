"""Evaluates a classifier on texts whose labels are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gristmill.errors import TextError
from gristmill.zeroshot.evaluate.measures import Answers, measure
from gristmill.zeroshot.evaluate.outcome import (
    WARM_UP,
    Outcome,
    Progress,
    Timing,
    choose_temperature,
    timed,
)
from gristmill.zeroshot.evaluation import THRESHOLD, measure_margins
from gristmill.zeroshot.metrics import Flags

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier


def evaluate_texts(
    classifier: ZeroShotClassifier,
    texts: Sequence[str],
    labels: Sequence[str],
    truth: Flags,
    *,
    words: Sequence[str] | None = None,
    multi_label: bool = False,
    hypothesis_template: str | None = None,
    threshold: float = THRESHOLD,
    temperature: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Classify texts and measure the answers.

    Args:
        labels: Candidate labels of all texts, by the names that the outcome uses.
        truth: [texts, labels], which labels are true; without ``multi_label`` one a text.
        words: What the model is shown for each label; by default the labels.
        threshold: Score from which a label is found, with ``multi_label``.
        temperature: By default the one stored beside the model for this kind of question, if any.
        seed: Of the bootstrap.

    Raises: LabelError, ModelError; TextError if no text could be classified.
    """
    shown = list(words if words is not None else labels)
    chosen = choose_temperature(classifier, "multi" if multi_label else "single", temperature)

    def run(part: Sequence[str], told: Progress | None = None) -> tuple[np.ndarray, dict[int, str]]:
        return measure_margins(
            classifier,
            part,
            shown,
            multi_label=multi_label,
            hypothesis_template=hypothesis_template,
            progress=told,
        )

    run(texts[:WARM_UP])
    with timed() as clock:
        margins, errors = run(texts, progress)
    if len(errors) == len(texts):
        place, why = next(iter(errors.items()), (0, "there are none"))
        raise TextError(f"none of {len(texts)} texts could be classified; text {place}: {why}")
    good = np.isfinite(margins).all(axis=1)
    kept = margins[good]
    answers = Answers(labels, truth[good], lambda value: kept / value, multi_label, threshold)
    return Outcome(
        task="multi_label" if multi_label else "classification",
        labels=tuple(labels),
        measures=measure(answers, temperature=chosen.value, seed=seed),
        temperature=chosen,
        template=hypothesis_template or classifier.hypothesis_template,
        threshold=threshold if multi_label else None,
        failed=tuple(sorted(errors.items())),
        timing=Timing(clock.wall, clock.cpu, len(kept), len(kept) * len(labels), classifier.engine.workers),
    )
