"""Pairs that no person wrote together: premises with hypotheses of other, similar premises, classed by earlier runs.

A network that has seen every pair several times learns them by heart. Premises and hypotheses of the same sets make far
more pairs than people have labelled, and what earlier runs say of them, as chances and not as a class, teaches the next
run without anything to learn by heart (self-training with a noisy student: Xie et al. 2020, arXiv 1911.04252).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.distil import Vectors, embed
from training.examples import CLASSES, NliPair
from training.pairs import Question
from training.phrasing import blur

KINDS = ("snli", "mnli")
"""Beginnings of the names of sets whose premises and hypotheses are crossed, each kind with itself."""
NEAR, FAR = 5, 50
"""A hypothesis is one of the ``NEAR`` most similar to the premise, or of the next up to ``FAR``, by an even chance."""
CANDIDATES = 1.6
"""Pairs that are classed for each that is taken, so that the classes can be equally many."""
CHUNK = 1024
Chances = NDArray[np.float32]
Teacher = Callable[[Sequence[tuple[str, str]]], Chances]
"""The chances [pairs, classes] of (premise, hypothesis) pairs."""


def make_crossed(
    base: Path, pairs: Sequence[NliPair], teacher: Teacher, *, count: int, seed: int
) -> list[Question]:
    """``count`` pairs in an order drawn by the seed, as equally many of each class as there are."""
    dice = random.Random(f"crossed {seed}")  # noqa: S311  not for secrets
    drawn = []
    for kind in KINDS:
        of = [pair for pair in pairs if pair.source.startswith(kind)]
        drawn += draw_crossed(base, of, round(count * CANDIDATES / len(KINDS)), dice)
    chances = teacher(drawn)
    taken = even(chances, count, dice)
    return [
        Question(
            blur(drawn[place][0], dice),
            (blur(drawn[place][1], dice),),
            int(chances[place].argmax()),
            False,
            "crossed",
            classes=tuple(chances[place].tolist()),
        )
        for place in taken
    ]


def draw_crossed(
    base: Path, pairs: Sequence[NliPair], count: int, dice: random.Random
) -> list[tuple[str, str]]:
    """New pairs of the premises and hypotheses of ``pairs``, none of them among those; ``count`` at most."""
    if not pairs:
        return []
    premises = sorted({pair.premise for pair in pairs})
    hypotheses = sorted({pair.hypothesis for pair in pairs})
    vectors = embed(base, [*premises, *hypotheses])
    near = nearest(vectors[: len(premises)], vectors[len(premises) :], FAR)
    seen = {pair.key for pair in pairs}
    found: list[tuple[str, str]] = []
    for _ in range(4 * count):
        place = dice.randrange(len(premises))
        row = near[place]
        which = row[: min(NEAR, len(row))] if dice.random() < 0.5 else row
        one = NliPair(premises[place], hypotheses[int(dice.choice(which))], 0, "")
        if one.key not in seen:
            seen.add(one.key)
            found.append((one.premise, one.hypothesis))
            if len(found) == count:
                break
    return found


def nearest(asked: Vectors, among: Vectors, count: int) -> NDArray[np.intp]:
    """Places [asked, count] of the vectors of length 1 with the highest cosines, from the highest down."""
    count = min(count, len(among))
    found = np.empty((len(asked), count), np.intp)
    for start in range(0, len(asked), CHUNK):
        cosines = asked[start : start + CHUNK] @ among.T
        top = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        order = np.argsort(-np.take_along_axis(cosines, top, axis=1), axis=1, kind="stable")
        found[start : start + CHUNK] = np.take_along_axis(top, order, axis=1)
    return found


def even(chances: Chances, count: int, dice: random.Random) -> list[int]:
    """``count`` places, as equally many of each likeliest class as there are, in a drawn order."""
    best = chances.argmax(axis=1)
    of = [np.flatnonzero(best == one).tolist() for one in sorted(CLASSES.values())]
    for places in of:
        dice.shuffle(places)
    taken: list[int] = []
    for rank in range(max(map(len, of), default=0)):
        taken += [places[rank] for places in of if rank < len(places)]
    taken = taken[:count]
    dice.shuffle(taken)
    return taken
