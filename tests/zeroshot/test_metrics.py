"""Metrics against counts by hand and by the slow way."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.metrics import accuracy, label_f1, macro_f1, mcnemar, micro_f1, right

TRUTH = np.array([[1, 0, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]], bool)
FOUND = np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 0, 0]], bool)

flags = st.integers(1, 6).flatmap(
    lambda labels: st.lists(
        st.tuples(*[st.lists(st.booleans(), min_size=labels, max_size=labels)] * 2), min_size=1, max_size=8
    )
)


def test_counted_by_hand() -> None:
    assert right(TRUTH, FOUND).tolist() == [True, False, False, False]
    assert accuracy(TRUTH, FOUND) == 0.25
    # label 0: 2 hits of 2 and 2; 1: one of 2 true and 2 found; 2: none of 1 and 1; 3: nowhere
    assert label_f1(TRUTH, FOUND).tolist()[:3] == [1.0, 0.5, 0.0]
    assert np.isnan(label_f1(TRUTH, FOUND)[3])
    assert macro_f1(TRUTH, FOUND) == 0.5
    assert micro_f1(TRUTH, FOUND) == pytest.approx(2 * 3 / (5 + 5))


def test_nothing_true_and_nothing_found() -> None:
    none = np.zeros((3, 2), bool)
    assert (accuracy(none, none), macro_f1(none, none), micro_f1(none, none)) == (1.0, 0.0, 0.0)


@given(flags)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(rows: list[tuple[list[bool], list[bool]]]) -> None:
    truth, found = (np.array([row[side] for row in rows], bool) for side in (0, 1))
    scores = []
    for label in range(truth.shape[1]):
        pairs = [(bool(row[0][label]), bool(row[1][label])) for row in rows]
        hits, trues, founds = pairs.count((True, True)), sum(a for a, _ in pairs), sum(b for _, b in pairs)
        if trues or founds:
            precision, recall = (Fraction(hits, n) if n else Fraction(0) for n in (founds, trues))
            both = precision + recall
            scores.append(2 * precision * recall / both if both else Fraction(0))
    wanted = float(sum(scores) / len(scores)) if scores else 0.0
    assert macro_f1(truth, found) == pytest.approx(wanted, abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_micro_f1_of_single_labels_is_accuracy(pairs: list[tuple[int, int]]) -> None:
    truth, found = (np.eye(5, dtype=bool)[[pair[side] for pair in pairs]] for side in (0, 1))
    assert micro_f1(truth, found) == pytest.approx(accuracy(truth, found))


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_exact_binomial_sum(first: int, second: int) -> None:
    total = first + second
    tail = Fraction(sum(comb(total, k) for k in range(min(first, second) + 1)), 2**total)
    assert mcnemar(first, second) == pytest.approx(float(min(Fraction(1), 2 * tail)), rel=1e-9)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_of_many_texts() -> None:
    assert mcnemar(0, 5000) == 0.0
    assert mcnemar(50_000, 50_000) == 1.0
    # the normal approximation at two standard deviations
    assert mcnemar(49_684, 50_316) == pytest.approx(0.0459, abs=1e-3)
    with pytest.raises(ValueError, match="negative"):
        mcnemar(-1, 3)
