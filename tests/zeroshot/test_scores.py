"""Scores are the pipeline's formulas, without its overflow."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gristmill.errors import ModelError
from gristmill.zeroshot.models.model import EntailmentIds
from gristmill.zeroshot.scores import margins, probabilities, ranking, softmax

IDS = EntailmentIds(entailment=0, contradiction=2, neutral=1)
logits = arrays(np.float32, array_shapes(min_dims=1, max_dims=1), elements=st.floats(-60, 60, width=32)).map(
    lambda first: np.stack([first, first[::-1], -first], axis=1)
)


@given(logits)
def test_single_label_is_a_softmax_of_entailment(values: np.ndarray) -> None:
    scores = probabilities(margins(values, IDS, multi_label=False), multi_label=False)
    powers = np.exp(values[:, 0].astype(np.float64))
    np.testing.assert_allclose(scores, powers / powers.sum(), rtol=1e-9)
    assert scores.sum() == pytest.approx(1)


@given(logits)
def test_multi_label_is_a_softmax_of_entailment_and_contradiction(values: np.ndarray) -> None:
    scores = probabilities(margins(values, IDS, multi_label=True), multi_label=True)
    powers = np.exp(values.astype(np.float64))
    np.testing.assert_allclose(scores, powers[:, 0] / (powers[:, 0] + powers[:, 2]), rtol=1e-9)


def test_contradiction_is_found_by_its_meaning_not_its_place() -> None:
    values = np.array([[5.0, 1.0, 2.0]], np.float32)  # neutral, contradiction, entailment
    ids = EntailmentIds(entailment=2, contradiction=1, neutral=0)
    assert margins(values, ids, multi_label=True).tolist() == [1.0]


@pytest.mark.parametrize("multi_label", [False, True])
def test_large_logits_do_not_overflow(multi_label: bool) -> None:
    values = np.array([[3e38, 0, -3e38], [-3e38, 0, 3e38]], np.float32)
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        scores = probabilities(margins(values, IDS, multi_label=multi_label), multi_label=multi_label)
    assert scores.tolist() == [1.0, 0.0]


def test_a_model_without_contradiction_has_no_multi_label() -> None:
    ids = EntailmentIds(entailment=0, contradiction=None, neutral=1)
    values = np.zeros((2, 2), np.float32)
    assert margins(values, ids, multi_label=False).tolist() == [0, 0]
    with pytest.raises(ModelError, match="no class for contradiction"):
        margins(values, ids, multi_label=True)


@given(logits, st.booleans())
def test_temperature_divides_and_keeps_the_order(values: np.ndarray, multi_label: bool) -> None:
    plain = margins(values, IDS, multi_label=multi_label)
    warm = probabilities(plain, multi_label=multi_label, temperature=4.0)
    np.testing.assert_allclose(warm, probabilities(plain / 4, multi_label=multi_label))


def test_equal_scores_keep_the_order_of_their_labels() -> None:
    assert ranking(np.array([0.2, 0.5, 0.2, 0.5, 0.2])).tolist() == [1, 3, 0, 2, 4]


@given(arrays(np.float64, st.integers(1, 200), elements=st.sampled_from([0.0, 0.25, 0.5, 1.0])))
def test_ranking_is_a_stable_sort(scores: np.ndarray) -> None:
    assert ranking(scores).tolist() == sorted(range(len(scores)), key=lambda place: (-scores[place], place))


def test_softmax_is_over_the_last_axis() -> None:
    found = softmax(np.zeros((2, 3, 4), np.float32))
    assert found.shape == (2, 3, 4)
    np.testing.assert_allclose(found, 0.25)
