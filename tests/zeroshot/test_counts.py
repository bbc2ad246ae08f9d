"""Measures of counts are those of the flags they were counted from, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot import metrics
from gristmill.zeroshot.evaluate.counts import (
    Counts,
    balanced_accuracy,
    f1,
    macro_f1,
    micro_f1,
    precision,
    recall,
    specificity,
)


def counted(truth: np.ndarray, found: np.ndarray) -> Counts:
    return Counts((truth & found).sum(0), truth.sum(0), found.sum(0), len(truth))


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 1000))
def test_f1_is_that_of_the_metrics(texts: int, labels: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    truth, found = random.random((2, texts, labels)) < 0.4
    counts = counted(truth, found)
    np.testing.assert_allclose(f1(counts), metrics.label_f1(truth, found))
    assert macro_f1(counts) == pytest.approx(metrics.macro_f1(truth, found))
    assert micro_f1(counts) == pytest.approx(metrics.micro_f1(truth, found))


def test_by_hand() -> None:
    # Three labels: one half right, one never found, one neither true nor found.
    counts = Counts(np.array([1, 0, 0]), np.array([2, 2, 0]), np.array([4, 0, 0]), 4)
    np.testing.assert_array_equal(precision(counts), [0.25, np.nan, np.nan])
    np.testing.assert_array_equal(recall(counts), [0.5, 0, np.nan])
    np.testing.assert_allclose(f1(counts), [1 / 3, 0, np.nan])
    assert balanced_accuracy(counts, multi_label=False) == 0.25
    # Specificity: 2 negatives, 3 of the found are none: with 4 texts no true negative for the first label.
    counts = Counts(np.array([2, 1]), np.array([2, 2]), np.array([3, 1]), 4)
    np.testing.assert_array_equal(specificity(counts), [0.5, 1.0])
    assert balanced_accuracy(counts, multi_label=True) == pytest.approx(((1 + 0.5) / 2 + (0.5 + 1) / 2) / 2)


def test_many_samples_at_once() -> None:
    one = Counts(np.array([1, 0]), np.array([2, 2]), np.array([3, 1]), 4)
    two = Counts(np.array([2, 2]), np.array([2, 2]), np.array([2, 2]), 4)
    both = Counts(
        *(np.stack([getattr(one, key), getattr(two, key)]) for key in ("hits", "truths", "founds")), 4
    )
    for measure in (macro_f1, micro_f1):
        np.testing.assert_allclose(measure(both), [measure(one), measure(two)])
        assert measure(both)[1] == 1


def test_nothing_true_and_nothing_found_is_nothing() -> None:
    counts = Counts(np.array([0]), np.array([0]), np.array([0]), 3)
    assert macro_f1(counts) == micro_f1(counts) == balanced_accuracy(counts, multi_label=False) == 0
