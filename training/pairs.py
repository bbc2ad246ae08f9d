"""What one epoch shows: pairs of the NLI sets, and texts each with hypotheses of true and false labels."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from training.examples import LabelledText, NliPair, Task, plain
from training.held_out import held_out
from training.phrasing import blur, draw_template, draw_words

HYPOTHESES = 4
"""Hypotheses asked of a text: one of a true label, where there is one, the others of false ones."""
KIN_SHARE = 0.5
"""Share of the false labels that are drawn from those easily taken for a true one."""


@dataclass(frozen=True, slots=True)
class Question:
    """A premise with its hypotheses.

    Attributes:
        target: Of an NLI pair, its class. Of a text with labels, -1: then the first hypothesis is of a true label if
            ``found``, and all others are of false ones.
        source: The data set.
        chances: Of a text whose phrases another model ranked, the chance of each.
        classes: Of an NLI pair that other models classed, the chance of each class; ``target`` is the likeliest.
    """

    premise: str
    hypotheses: tuple[str, ...]
    target: int
    found: bool
    source: str
    chances: tuple[float, ...] | None = None
    classes: tuple[float, ...] | None = None


def make_epoch(
    pairs: Sequence[NliPair],
    tasks: Sequence[Task],
    *,
    seed: int,
    epoch: int,
    nli_shares: dict[str, float],
    quota: float = 1.0,
) -> list[Question]:
    """All questions of an epoch, in an order drawn by seed and epoch.

    Args:
        nli_shares: By set how often one epoch shows each of its pairs: 0.25 is every fourth of them, 2 all of them
            twice; sets that are not named are shown once.
        quota: What the quotas of the tasks are multiplied by.
    """
    dice = random.Random(f"{seed} {epoch}")  # noqa: S311  not for secrets
    questions = [
        Question(blur(pair.premise, dice), (blur(pair.hypothesis, dice),), pair.label, False, pair.source)
        for pair in pairs
        for _ in range(_times(nli_shares.get(pair.source, 1.0), dice))
    ]
    for task in tasks:
        questions += _ask(task, round(task.quota * quota), dice)
    dice.shuffle(questions)
    return questions


def _times(share: float, dice: random.Random) -> int:
    """How often a pair is shown: the whole part of ``share``, and once more by the chance of the rest."""
    return int(share) + (dice.random() < share % 1)


def training_texts(task: Task) -> list[LabelledText]:
    """The texts of a task that may be trained on, at most ``cap`` of a label."""
    left_out = held_out(task)
    counts: defaultdict[str, int] = defaultdict(int)
    chosen = []
    dice = random.Random(task.name)  # noqa: S311
    for text in dice.sample(list(task.texts), len(task.texts)):
        if left_out & {*text.labels} or any(label not in task.phrasings for label in text.labels):
            continue
        if text.labels and all(counts[label] >= task.cap for label in text.labels):
            continue
        for label in text.labels:
            counts[label] += 1
        chosen.append(text)
    return chosen


def _ask(task: Task, quota: int, dice: random.Random) -> list[Question]:
    left_out = held_out(task)
    labels = sorted(set(task.phrasings) - left_out)
    texts = training_texts(task)
    chosen = dice.sample(texts, min(quota, len(texts)))
    questions = []
    for text in chosen:
        true = dice.choice(text.labels) if text.labels else None
        count = min(HYPOTHESES - (true is not None), len(labels) - len(text.labels))
        false = draw_false(task, text, labels, count, dice)
        template = draw_template(task.templates, dice)
        hypotheses = [blur(template.format(draw_words(task.phrasings[one], dice)), dice) for one in false]
        if true is not None:
            hypotheses.insert(0, blur(template.format(draw_words(task.phrasings[true], dice)), dice))
        questions.append(
            Question(blur(text.text, dice), tuple(hypotheses), -1, true is not None, task.source)
        )
    return questions


def draw_false(
    task: Task, text: LabelledText, labels: Sequence[str], count: int, dice: random.Random
) -> list[str]:
    """Labels that are not true of the text, near ones first by chance; none whose words stand in the text."""
    near = [
        label
        for label in {*text.near, *(one for true in text.labels for one in task.kin.get(true, ()))}
        if label in set(labels) and label not in text.labels
    ]
    near.sort()
    words = f" {plain(text.text)} "
    chosen: list[str] = []
    tries = 0
    while len(chosen) < count and tries < 20 * count:
        tries += 1
        label = dice.choice(near) if near and dice.random() < KIN_SHARE else dice.choice(labels)
        named = f" {plain(task.phrasings[label][0])} " in words
        if label not in text.labels and label not in chosen and not (named and len(labels) > 40):
            chosen.append(label)
    return chosen
