"""Temperatures: found again where they are known, optimal where they are not, refused where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gristmill.zeroshot.metrics import Flags
from gristmill.zeroshot.scores import Doubles, softmax
from gristmill.zeroshot.temperature import (
    COLDEST,
    HOTTEST,
    CalibrationError,
    fit_temperature,
    likelihood_loss,
)


def sampled(temperature: float, multi_label: bool, texts: int = 20_000) -> tuple[Doubles, Flags]:
    """Margins, and truth drawn by the probabilities that they have under the temperature."""
    random = np.random.default_rng(3)
    margins = random.normal(size=(texts, 4)) * 3 * temperature
    if multi_label:
        return margins, random.random(margins.shape) < 1 / (1 + np.exp(-margins / temperature))
    chances = softmax(margins / temperature).cumsum(axis=1)
    return margins, np.eye(4, dtype=bool)[(random.random((texts, 1)) > chances[:, :3]).sum(axis=1)]


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("temperature", [0.05, 0.6, 1.0, 2.5, 40.0])
def test_a_known_temperature_is_found_again(temperature: float, multi_label: bool) -> None:
    margins, truth = sampled(temperature, multi_label)
    assert fit_temperature(margins, truth, multi_label=multi_label) == pytest.approx(temperature, rel=0.03)


@given(st.integers(0, 10_000), st.booleans(), st.floats(0.02, 50))
def test_no_other_temperature_is_likelier(seed: int, multi_label: bool, other: float) -> None:
    random = np.random.default_rng(seed)
    margins = random.normal(size=(30, 3)) * random.choice([0.3, 3, 30])
    truth = np.eye(3, dtype=bool)[(margins + random.normal(size=margins.shape) * 3).argmax(axis=1)]
    try:
        best = fit_temperature(margins, truth, multi_label=multi_label)
    except CalibrationError:
        assume(False)
    assert COLDEST <= best <= HOTTEST
    found = likelihood_loss(margins, truth, multi_label=multi_label, temperature=best)
    for near in (other, best * 1.01, best / 1.01):
        assert found <= likelihood_loss(margins, truth, multi_label=multi_label, temperature=near) + 1e-12


def test_the_loss_by_hand() -> None:
    margins, truth = np.array([[0.0, np.log(3.0)]]), np.array([[True, False]])
    assert likelihood_loss(margins, truth, multi_label=False) == pytest.approx(np.log(4))
    assert likelihood_loss(margins, truth, multi_label=True) == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert likelihood_loss(margins * 2, truth, multi_label=False, temperature=2) == pytest.approx(np.log(4))


def test_large_margins_do_not_overflow() -> None:
    margins, truth = sampled(1.0, False, texts=400)
    far = margins + 1e6  # a shift of all labels means nothing
    assert fit_temperature(far, truth, multi_label=False) == pytest.approx(
        fit_temperature(margins, truth, multi_label=False), rel=1e-6
    )


@pytest.mark.parametrize("multi_label", [False, True])
def test_what_cannot_be_fitted_is_refused(multi_label: bool) -> None:
    margins = np.array([[9.0, -9.0], [-9.0, 9.0]])
    truth = np.eye(2, dtype=bool)
    with pytest.raises(CalibrationError, match="answered rightly"):
        fit_temperature(margins, truth, multi_label=multi_label)
    with pytest.raises(CalibrationError, match="say nothing about"):
        fit_temperature(-margins, truth, multi_label=multi_label)
    with pytest.raises(CalibrationError, match="finite"):
        fit_temperature(margins * np.inf, truth, multi_label=multi_label)
    with pytest.raises(CalibrationError, match="one shape"):
        fit_temperature(margins[:1], truth, multi_label=multi_label)


def test_single_label_needs_one_truth_a_text() -> None:
    with pytest.raises(CalibrationError, match="exactly one true label"):
        fit_temperature(np.zeros((2, 2)), np.ones((2, 2), bool), multi_label=False)
