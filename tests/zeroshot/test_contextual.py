"""Contextual calibration: a content-free text scores all labels alike, and nothing else is disturbed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.contextual import correct_margins
from gristmill.zeroshot.scores import probabilities

numbers = st.floats(-30, 30)


@pytest.mark.parametrize("multi_label", [False, True])
def test_a_text_without_content_scores_all_labels_alike(multi_label: bool) -> None:
    priors = np.array([[3.0, -2.0, 0.5]])
    scores = probabilities(
        correct_margins(priors[0], priors, multi_label=multi_label), multi_label=multi_label
    )
    np.testing.assert_allclose(scores, [0.5] * 3 if multi_label else [1 / 3] * 3)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=6))
def test_single_label_divides_by_the_mean_probability(rows: list[tuple[float, float, float]]) -> None:
    margins, *priors = np.array([*zip(*rows, strict=True)])
    corrected = probabilities(
        correct_margins(margins, np.array(priors), multi_label=False), multi_label=False
    )
    free = np.mean([probabilities(one, multi_label=False) for one in np.array(priors)], axis=0)
    wanted = probabilities(margins, multi_label=False) / free
    np.testing.assert_allclose(corrected, wanted / wanted.sum(), atol=1e-9)


@given(st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=6))
def test_multi_label_divides_each_labels_odds(rows: list[tuple[float, float, float]]) -> None:
    margins, *priors = np.array([*zip(*rows, strict=True)]) / 3  # so that 1 - p is not all rounding
    corrected = correct_margins(margins, np.array(priors), multi_label=True)
    free = np.mean([probabilities(one, multi_label=True) for one in np.array(priors)], axis=0)
    np.testing.assert_allclose(np.exp(corrected), np.exp(margins) * (1 - free) / free, rtol=1e-6)


def test_extreme_priors_stay_finite() -> None:
    priors = np.array([[2000.0, -2000.0], [1000.0, -3000.0]])
    for multi_label in (False, True):
        corrected = correct_margins(np.zeros(2), priors, multi_label=multi_label)
        assert np.isfinite(corrected).all()
        assert corrected[0] < corrected[1]
