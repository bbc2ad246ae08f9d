"""The development sets: pairs and texts that training never sees, and how well a model does on them.

A text of a label that was left out is asked with labels that were left out too, in the one template that the shipped
model is asked with. Nothing here is drawn anew from run to run.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.examples import ENTAILMENT, NliPair, Task
from training.held_out import held_out
from training.pairs import draw_false
from training.phrasing import MAIN_TEMPLATE

Pairs = Sequence[tuple[str, str]]
Logits = NDArray[np.float64]
Model = Callable[[Pairs], Logits]
"""Logits [pairs, classes] of (premise, hypothesis) pairs, entailment, neutral, contradiction."""

MOST_LABELS = 30
"""Candidates of a text; of sets with more labels left out these are drawn, near ones among them."""


@dataclass(frozen=True)
class Choice:
    """A text and the labels to choose from, by name and in words; ``true`` is the place of the right one."""

    text: str
    labels: tuple[str, ...]
    words: tuple[str, ...]
    true: int


def choices(task: Task, *, unseen: bool, limit: int) -> list[Choice]:
    """Texts of a task with their candidates.

    Args:
        unseen: Labels that training never saw, else those that it did see (their texts may have been seen as well).
        limit: Texts, at most.
    """
    left_out = held_out(task)
    labels = sorted(left_out if unseen else set(task.phrasings) - left_out)
    texts = [
        text
        for text in task.texts
        if len(text.labels) == 1 and text.labels[0] in labels and text.labels[0] in task.phrasings
    ]
    dice = random.Random(f"development {task.name} {unseen}")  # noqa: S311
    found = []
    for text in dice.sample(texts, min(limit, len(texts))):
        if len(labels) > MOST_LABELS:
            others = draw_false(task, text, labels, MOST_LABELS - 1, dice)
            candidates = tuple(sorted((text.labels[0], *others)))
        else:
            candidates = tuple(labels)
        words = tuple(task.phrasings[label][0] for label in candidates)
        found.append(Choice(text.text, candidates, words, candidates.index(text.labels[0])))
    return found


def ask(model: Model, asked: Sequence[Choice], template: str = MAIN_TEMPLATE) -> list[NDArray[np.float64]]:
    """The entailment logits of each text's candidates."""
    pairs = [(one.text, template.format(words)) for one in asked for words in one.words]
    logits = model(pairs)[:, ENTAILMENT]
    ends = np.cumsum([len(one.words) for one in asked])
    return np.split(logits, ends[:-1])


def choice_accuracy(scores: Sequence[NDArray[np.float64]], asked: Sequence[Choice]) -> float:
    """Share of texts whose true label scores highest."""
    return float(
        np.mean([int(one.argmax()) == choice.true for one, choice in zip(scores, asked, strict=True)])
    )


def pair_accuracy(model: Model, pairs: Sequence[NliPair]) -> float:
    """Share of NLI pairs whose class is found."""
    logits = model([(pair.premise, pair.hypothesis) for pair in pairs])
    return float((logits.argmax(axis=1) == np.array([pair.label for pair in pairs])).mean())


@dataclass(frozen=True)
class Development:
    """Everything a model is measured on while it is trained."""

    nli: Mapping[str, Sequence[NliPair]]
    unseen: Mapping[str, Sequence[Choice]]

    @classmethod
    def of(cls, nli: Mapping[str, Sequence[NliPair]], tasks: Sequence[Task], *, limit: int) -> Development:
        """At most ``limit`` pairs of each NLI set, and that many texts of each task in all."""
        dice = random.Random("development")  # noqa: S311
        return cls(
            {name: dice.sample(list(pairs), min(limit, len(pairs))) for name, pairs in nli.items()},
            {
                task.name: found
                for task in tasks
                if held_out(task) and (found := choices(task, unseen=True, limit=max(60, limit // 5)))
            },
        )

    def measure(self, model: Model) -> dict[str, float]:
        """Accuracy by set, and ``unseen``, ``nli`` and ``all``: the means that a checkpoint is chosen by."""
        found = {name: pair_accuracy(model, pairs) for name, pairs in self.nli.items()}
        labels = {name: choice_accuracy(ask(model, asked), asked) for name, asked in self.unseen.items()}
        nli, unseen = float(np.mean([*found.values()])), float(np.mean([*labels.values()]))
        return {**found, **labels, "nli": nli, "unseen": unseen, "all": (nli + unseen) / 2}
