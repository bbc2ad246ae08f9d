"""Everything that is measured of answers, by hand and against plain definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.evaluate.measures import (
    Answers,
    average_precision,
    confusion_cells,
    largest_confusions,
    measure,
    ranks,
)
from gristmill.zeroshot.temperature import likelihood_loss

LABELS = ("a", "b", "c")


def single() -> Answers:
    margins = np.array([[4.0, 0, 0], [3, 0, 1], [0, 2, 1], [0, 1, 2], [5, 0, 4], [0, 3, 0]])
    truth = np.array([0, 0, 1, 1, 2, 1])[:, None] == np.arange(3)
    return Answers(LABELS, truth, lambda value: margins / value, False, 0.5)


def test_one_label_a_text() -> None:
    found = measure(single(), temperature=2.0)
    assert found.estimates["accuracy"].value == pytest.approx(4 / 6)
    assert found.estimates["balanced_accuracy"].value == pytest.approx((1 + 2 / 3 + 0) / 3)
    assert found.estimates["macro_f1"].value == pytest.approx((0.8 + 0.8 + 0) / 3)
    assert found.estimates["micro_f1"].value == pytest.approx(4 / 6)
    assert "top_3_accuracy" not in found.estimates
    assert found.cells is not None
    assert found.cells.tolist() == [[0, 0, 2], [1, 1, 2], [1, 2, 1], [2, 0, 1]]
    assert largest_confusions(found, 9) == [("b", "c", 1), ("c", "a", 1)]
    assert largest_confusions(found, 1) == [("b", "c", 1)]
    assert found.majority == (("b",), 0.5)
    first, last = found.classes[0], found.classes[2]
    assert (first.precision, first.recall, first.support, first.found, first.hits) == (2 / 3, 1, 2, 3, 2)
    assert (last.precision, last.recall, last.f1, last.average_precision) == (0, 0, 0, None)


def test_temperature_changes_calibration_and_no_answer() -> None:
    one, two = measure(single(), temperature=2.0), measure(single())
    assert one.estimates == two.estimates
    assert one.without.error == two.without.error == two.with_temperature.error
    assert one.with_temperature.error != one.without.error
    answers = single()
    for found, value in ((one.with_temperature, 2.0), (one.without, 1.0)):
        assert found.temperature == value
        loss = likelihood_loss(answers.margins(1.0), answers.truth, multi_label=False, temperature=value)
        assert found.loss == pytest.approx(loss)


def test_several_labels_a_text() -> None:
    margins = np.array([[2.0, -1], [1, 1], [-2, -1], [0.5, -3]])
    truth = np.array([[1, 0], [1, 0], [0, 0], [0, 1]], bool)
    found = measure(Answers(("a", "b"), truth, lambda value: margins / value, True, 0.5))
    assert found.estimates["subset_accuracy"].value == 0.5
    assert found.estimates["micro_f1"].value == pytest.approx(2 * 2 / (3 + 4))
    assert found.estimates["macro_f1"].value == pytest.approx((0.8 + 0) / 2)
    assert found.estimates["balanced_accuracy"].value == pytest.approx(((1 + 0.5) / 2 + (0 + 2 / 3) / 2) / 2)
    assert "accuracy" not in found.estimates
    assert found.cells is None
    assert largest_confusions(found, 5) == []
    assert found.majority == (("a",), 0.5)
    assert found.classes[0].average_precision == 1
    assert found.classes[1].average_precision == 0.25


def test_a_threshold_decides() -> None:
    margins = np.array([[0.0, 3.0], [0.0, -3.0]])
    truth = np.array([[1, 1], [1, 0]], bool)
    for threshold, share in ((0.5, 1.0), (0.51, 0.0)):
        answers = Answers(("a", "b"), truth, lambda value: margins / value, True, threshold)
        assert measure(answers).estimates["subset_accuracy"].value == share


def test_more_than_five_labels_have_a_top_three() -> None:
    margins = np.tile(np.arange(6.0), (4, 1))
    truth = np.array([5, 3, 2, 0])[:, None] == np.arange(6)
    answers = Answers(tuple("abcdef"), truth, lambda value: margins / value, False, 0.5)
    found = measure(answers).estimates["top_3_accuracy"]
    assert (found.value, found.interval) == (0.5, "wilson")


@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 500))
def test_ranks_are_places_in_a_stable_order(texts: int, labels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores = random.integers(0, 3, (texts, labels)) / 2.0
    place = random.integers(0, labels, texts)
    found = ranks(scores, place[:, None] == np.arange(labels))
    for row, true, rank in zip(scores, place, found, strict=True):
        assert sorted(range(labels), key=lambda n: -row[n]).index(true) == rank


@given(st.integers(1, 15), st.integers(0, 500))
def test_average_precision_by_thresholds(texts: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, truth = random.integers(0, 4, texts) / 4.0, random.random(texts) < 0.5
    if not truth.any():
        assert np.isnan(average_precision(scores, truth))
        return
    area = before = 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        taken = scores >= threshold
        recall = truth[taken].sum() / truth.sum()
        area += (recall - before) * truth[taken].mean()
        before = recall
    assert average_precision(scores, truth) == pytest.approx(area)


def test_cells_hold_every_text() -> None:
    random = np.random.default_rng(3)
    true, said = random.integers(0, 4, (2, 100))
    cells = confusion_cells(true[:, None] == np.arange(4), said[:, None] == np.arange(4))
    table = np.zeros((4, 4), int)
    np.add.at(table, (true, said), 1)
    rebuilt = np.zeros((4, 4), int)
    rebuilt[cells[:, 0], cells[:, 1]] = cells[:, 2]
    np.testing.assert_array_equal(rebuilt, table)


def test_the_majority_is_a_set_of_labels() -> None:
    truth = np.array([[1, 1], [1, 1], [0, 0], [1, 0]], bool)
    margins = np.zeros((4, 2))
    found = measure(Answers(("a", "b"), truth, lambda value: margins, True, 0.5))
    assert found.majority == (("a", "b"), 0.5)
