"""What an epoch shows: never what was left out, never a false label that is true, the same for the same seed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training import held_out as held_out_module
from training.examples import LabelledText, NliPair, Task
from training.held_out import held_out, split_pairs
from training.pairs import HYPOTHESES, draw_false, make_epoch, training_texts
from training.phrasing import blur, draw_template, draw_words

COLOURS = {name: (name, f"{name} things") for name in ("red", "green", "blue", "grey", "black")}
TASK = Task(
    "colours",
    "test",
    [LabelledText(f"text {number} of {name}", (name,)) for number in range(20) for name in COLOURS]
    + [LabelledText("text without a label", ())],
    COLOURS,
    ("The colour is {}.",),
    {"red": ("green",)},
    quota=40,
    cap=10,
)


@pytest.fixture
def _grey_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out_module, "LABELS", {"colours": frozenset({"grey"})})


@pytest.mark.usefixtures("_grey_left_out")
def test_what_is_left_out_is_never_shown() -> None:
    questions = make_epoch([], [TASK], seed=1, epoch=0, nli_shares={})
    assert len(questions) == 40
    shown = " ".join(text.lower() for one in questions for text in (one.premise, *one.hypotheses))
    assert "grey" not in shown
    assert "green" in shown


@pytest.mark.usefixtures("_grey_left_out")
def test_no_more_than_the_cap_of_a_label() -> None:
    texts = training_texts(TASK)
    assert all(
        sum(label in text.labels for text in texts) == 10 for label in ("red", "green", "blue", "black")
    )


def test_the_first_hypothesis_is_true_and_the_others_false() -> None:
    for question in make_epoch([], [TASK], seed=2, epoch=0, nli_shares={}):
        label = question.premise.lower().rstrip(".").split()[-1]
        if not question.found:
            assert label == "label"
            assert len(question.hypotheses) == HYPOTHESES
            continue
        first, *others = (text.lower() for text in question.hypotheses)
        assert label in first
        assert not any(label in text for text in others)
        assert len({*others}) == len(others) == HYPOTHESES - 1


def test_an_epoch_depends_on_seed_and_number_alone() -> None:
    pairs = [NliPair(f"premise {n}", f"hypothesis {n}", n % 3, "a" if n % 2 else "b") for n in range(200)]
    epoch = make_epoch(pairs, [TASK], seed=3, epoch=1, nli_shares={"a": 0.5})
    assert epoch == make_epoch(pairs, [TASK], seed=3, epoch=1, nli_shares={"a": 0.5})
    assert epoch != make_epoch(pairs, [TASK], seed=3, epoch=2, nli_shares={"a": 0.5})
    counts = {source: sum(one.source == source for one in epoch) for source in ("a", "b")}
    assert counts["b"] == 100
    twice = make_epoch(pairs, [], seed=3, epoch=1, nli_shares={"a": 2.0, "b": 0.0})
    assert len(twice) == 200
    assert {one.source for one in twice} == {"a"}
    assert 30 < counts["a"] < 70


def test_pairs_are_kept_once_and_no_premise_on_both_sides() -> None:
    mnli = [
        NliPair(f"Premise number {n}.", f"Hypothesis {m}", 0, "mnli_hw2")
        for n in range(300)
        for m in range(2)
    ]
    again = [NliPair(pair.premise.upper(), pair.hypothesis + "!", 0, "mnli_llmsknow") for pair in mnli]
    forbidden = [mnli[0]]
    training, development = split_pairs({"mnli_hw2": mnli, "mnli_llmsknow": again}, forbidden)
    assert len(training) + len(development) == len(mnli) - 1
    assert development
    assert not {pair.key[0] for pair in training} & {pair.key[0] for pair in development}
    assert forbidden[0].key not in {pair.key for pair in training + development}


def test_labels_that_are_left_out_must_be_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out_module, "LABELS", {"colours": frozenset({"gray"})})
    with pytest.raises(ValueError, match="gray"):
        held_out(TASK)


@given(st.integers(0, 10_000), st.sampled_from(sorted(COLOURS)))
def test_false_labels_are_false(seed: int, label: str) -> None:
    text = LabelledText("no colour is named", (label,), near=("black", label))
    found = draw_false(TASK, text, sorted(COLOURS), 3, random.Random(seed))
    assert label not in found
    assert len({*found}) == len(found) <= 3


@given(st.integers(0, 10_000), st.text(max_size=40))
def test_wording_keeps_the_words(seed: int, text: str) -> None:
    dice = random.Random(seed)
    assert blur(text, dice)
    template = draw_template(("Own {}.",), dice)
    assert template.count("{}") == 1
    assert any(words in draw_words(("kernel driver", "driver"), dice).lower() for words in ("driver",))
