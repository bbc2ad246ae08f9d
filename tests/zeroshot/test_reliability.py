"""Expected calibration error, by hand and on scores that are honest by construction."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.reliability import BINS, answer_reliability, reliability


def test_counted_by_hand() -> None:
    scores = np.array([0.0, 0.25, 0.5, 0.6, 0.9, 1.0])
    correct = np.array([0, 1, 0, 1, 1, 1], bool)
    found = reliability(scores, correct, bins=4)
    # bins (0, .25], (.25, .5], (.5, .75], (.75, 1]; 0 belongs to the first
    assert found.counts.tolist() == [2, 1, 1, 2]
    np.testing.assert_allclose(found.confidence, [0.125, 0.5, 0.6, 0.95])
    np.testing.assert_allclose(found.accuracy, [0.5, 0.0, 1.0, 1.0])
    assert found.error == pytest.approx((2 * 0.375 + 0.5 + 0.4 + 2 * 0.05) / 6)


def test_empty_bins_have_no_mean() -> None:
    found = reliability(np.array([0.95]), np.array([True]), bins=10)
    assert np.isnan(found.accuracy[:9]).all()
    assert found.error == pytest.approx(0.05)


def test_honest_scores_have_a_small_error_and_boastful_ones_a_large_one() -> None:
    random = np.random.default_rng(1)
    scores = random.random(40_000)
    correct = random.random(40_000) < scores
    assert reliability(scores, correct).error < 0.02
    assert reliability(np.sqrt(scores), correct).error > 0.1


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1), st.integers(1, 40))
def test_bins_hold_what_their_bounds_say(answers: list[tuple[float, bool]], bins: int) -> None:
    scores, correct = (np.array(side) for side in zip(*answers, strict=True))
    found = reliability(scores, correct.astype(bool), bins)
    assert found.counts.sum() == len(answers)
    assert -1e-12 <= found.error <= 1 + 1e-12
    there = np.flatnonzero(found.counts)
    # rounding may move a score on a bound by one bin, never further
    assert (found.confidence[there] * bins >= there - 1e-9).all()
    assert (found.confidence[there] * bins <= there + 1 + 1e-9).all()


def test_single_label_takes_the_best_and_multi_label_all() -> None:
    scores = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4]])
    truth = np.array([[1, 0, 0], [1, 0, 0]], bool)
    single = answer_reliability(scores, truth, multi_label=False)
    assert (single.counts.sum(), len(single.counts)) == (2, BINS)
    assert single.error == pytest.approx((0.3 + 0.4) / 2)
    assert answer_reliability(scores, truth, multi_label=True).counts.sum() == 6


def test_no_scores_or_too_few_answers() -> None:
    for scores, correct in ((np.zeros(0), np.zeros(0, bool)), (np.zeros(2), np.zeros(3, bool))):
        with pytest.raises(ValueError, match="give one answer a score"):
            reliability(scores, correct)
