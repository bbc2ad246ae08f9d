"""Crossed pairs are new ones, of like premises, as equally many of each class as there are."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import crossing
from training.crossing import Chances, even, make_crossed, nearest
from training.distil import Vectors
from training.examples import NliPair

PAIRS = [
    NliPair(f"{kind} premise {n}", f"{kind} hypothesis {n}", n % 3, f"{kind}_set")
    for kind in ("snli", "mnli")
    for n in range(40)
]


@pytest.fixture(autouse=True)
def _vectors_on_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts lie on a circle by their number, so that which are near is plain."""

    def embed(base: Path, texts: Sequence[str]) -> Vectors:
        angles = np.array([int(text.split()[-1]) / 40 * 2 * np.pi for text in texts])
        return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)

    monkeypatch.setattr(crossing, "embed", embed)
    monkeypatch.setattr(crossing, "FAR", 8)


def _teacher(pairs: Sequence[tuple[str, str]]) -> Chances:
    """Entailment of half, contradiction of a tenth."""
    dice = np.random.default_rng(0)
    likeliest = dice.choice(3, len(pairs), p=[0.5, 0.4, 0.1])
    return (np.eye(3)[likeliest] * 0.7 + 0.1).astype(np.float32)


def test_pairs_are_new_and_near_and_of_one_kind() -> None:
    known = {(pair.premise, pair.hypothesis) for pair in PAIRS}
    drawn = [
        one
        for kind in ("snli", "mnli")
        for one in crossing.draw_crossed(
            Path(), [pair for pair in PAIRS if pair.source.startswith(kind)], 100, random.Random(0)
        )
    ]
    assert len(drawn) == len({*drawn}) == 200
    assert not known & {*drawn}
    for premise, hypothesis in drawn:
        (kind, _, one), (other, _, two) = premise.split(), hypothesis.split()
        apart = abs(int(one) - int(two))
        assert kind == other
        assert min(apart, 40 - apart) <= 4


def test_what_is_asked_is_what_the_teacher_classed_and_the_same_for_the_same_seed() -> None:
    first, again, other = (make_crossed(Path(), PAIRS, _teacher, count=60, seed=seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len(first) == 60
    for one in first:
        assert one.classes is not None
        assert sum(one.classes) == pytest.approx(1.0)
        assert one.target == int(np.argmax(one.classes))


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=60).map(
        lambda places: np.eye(3, dtype=np.float32)[places]
    ),
    st.integers(1, 60),
)
def test_classes_are_as_even_as_they_can_be(chances: Chances, count: int) -> None:
    taken = even(chances, count, random.Random(0))
    assert len(taken) == len({*taken}) == min(count, len(chances))
    there = np.bincount(chances.argmax(axis=1), minlength=3)
    counts = np.bincount(chances[taken].argmax(axis=1), minlength=3)
    # A class is behind another only where it has no more.
    assert all(counts[one] == there[one] or counts[one] >= counts.max() - 1 for one in range(3))


def test_the_nearest_are_those_of_the_highest_cosine_in_order() -> None:
    dice = np.random.default_rng(1)
    asked, among = (dice.normal(size=(n, 5)).astype(np.float32) for n in (30, 50))
    expected = np.argsort(-(asked @ among.T), axis=1)[:, :7]
    assert (nearest(asked, among, 7) == expected).all()
    assert nearest(asked, among, 90).shape == (30, 50)
