"""Evaluates a model on pairs of natural language inference: does the premise entail the hypothesis?

A set has three classes, or two (``entailment`` and ``not_entailment``); so has a model. Where they differ, what a model
says of neutral and of contradiction is summed, or the set's two are counted as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from gristmill.errors import GristmillError, ModelError, TextError
from gristmill.zeroshot.evaluate.measures import Answers, measure
from gristmill.zeroshot.evaluate.outcome import (
    WARM_UP,
    Outcome,
    Progress,
    Timing,
    choose_temperature,
    timed,
)
from gristmill.zeroshot.models.model import EntailmentIds
from gristmill.zeroshot.scores import Doubles

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier
    from gristmill.zeroshot.pair_scores import Pair

ENTAILMENT, NEUTRAL, CONTRADICTION, NOT_ENTAILMENT = (
    "entailment",
    "neutral",
    "contradiction",
    "not_entailment",
)
THREE = (ENTAILMENT, NEUTRAL, CONTRADICTION)
TWO = (ENTAILMENT, NOT_ENTAILMENT)


def evaluate_pairs(
    classifier: ZeroShotClassifier,
    pairs: Sequence[Pair],
    truth: Sequence[str],
    *,
    temperature: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Score pairs and measure the answers.

    Args:
        pairs: Premise and hypothesis of each.
        truth: What holds of each: all of ``THREE``, or all of ``TWO``.
        temperature: Divides the logits; by default the one stored beside the model for labels each on its own,
            which scales the same logits, if any.
        seed: Of the bootstrap.

    Raises: ModelError for a model without a class that this needs; TextError if no pair could be scored;
    ValueError for a truth that is neither.
    """
    classes = TWO if NOT_ENTAILMENT in truth else THREE
    strangers = sorted(set(truth) - set(classes))
    if strangers or len(pairs) != len(truth):
        raise ValueError(f"{len(pairs)} pairs, {len(truth)} answers, of which {strangers} are not {classes}")
    ids, notes = classifier.ids, []
    if classes == THREE and ids.neutral is None:
        notes.append("the model has two classes: neutral and contradiction are counted as not_entailment")
        classes = TWO
    elif classes == TWO and ids.neutral is not None:
        notes.append("the set has two classes: the model's neutral and contradiction are summed")
    if ids.contradiction is None:
        raise ModelError(
            f"{classifier.model.name} has no class for contradiction, only {', '.join(classifier.model.labels[:20])};"
            " a set of pairs needs one: name the classes in its config.json (label2id)"
        )
    chosen = choose_temperature(classifier, "multi", temperature)
    for _ in classifier.score_pairs(pairs[:WARM_UP]):
        pass
    logits = np.full((len(pairs), classifier.model.head.classes), np.nan)
    errors: dict[int, str] = {}
    with timed() as clock:
        for row, found in enumerate(classifier.score_pairs(iter(pairs))):
            if isinstance(found, GristmillError):
                errors[row] = str(found).removeprefix(f"row {row}: ")
            else:
                logits[row] = found
            if progress is not None:
                progress(row + 1)
    if len(errors) == len(pairs):
        place, why = next(iter(errors.items()), (0, "there are none"))
        raise TextError(f"none of {len(pairs)} pairs could be scored; pair {place}: {why}")
    good = np.array([row not in errors for row in range(len(pairs))])
    places = {ENTAILMENT: 0, NEUTRAL: 1, CONTRADICTION: len(classes) - 1, NOT_ENTAILMENT: 1}
    true = np.array([places[one] for one in truth])[good]
    kept = logits[good]
    answers = Answers(
        classes,
        true[:, None] == np.arange(len(classes)),
        lambda value: class_margins(kept / value, ids, classes),
        multi_label=False,
        threshold=0.0,
    )
    return Outcome(
        task="nli",
        labels=classes,
        measures=measure(answers, temperature=chosen.value, seed=seed),
        temperature=chosen,
        template=None,
        threshold=None,
        failed=tuple(sorted(errors.items())),
        timing=Timing(clock.wall, clock.cpu, len(kept), len(kept), classifier.engine.workers),
        notes=tuple(notes),
    )


def class_margins(logits: Doubles, ids: EntailmentIds, classes: Sequence[str]) -> Doubles:
    """Values [pairs, classes] whose softmax is the probability of each class, from a model's logits.

    Of two classes the second gathers neutral and contradiction: the logarithm of a sum of powers.
    """
    assert ids.contradiction is not None
    against = logits[:, ids.contradiction]
    if len(classes) == len(THREE):
        return np.stack([logits[:, ids.entailment], logits[:, ids.neutral], against], axis=1)
    if ids.neutral is not None:
        against = np.logaddexp(against, logits[:, ids.neutral])
    return np.stack([logits[:, ids.entailment], against], axis=1)
