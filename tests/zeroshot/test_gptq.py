from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.zeroshot.models.model import Quantised
from gristmill.zeroshot.quantise.gptq import gptq, inverse_factor, refit_scales
from gristmill.zeroshot.quantise.rounding import round_to_nearest


def _inputs(columns: int, seed: int = 0, rank: int = 8) -> np.ndarray:
    """Inputs of a layer, correlated as real ones are."""
    random = np.random.default_rng(seed)
    mixing = random.standard_normal((rank, columns)) + 0.1
    return random.standard_normal((4 * columns, rank)) @ mixing + 0.3 * random.standard_normal(
        (4 * columns, columns)
    )


def _loss(weight: np.ndarray, other: np.ndarray, hessian: np.ndarray) -> float:
    difference = (weight - other).astype(np.float64)
    return float(np.einsum("ij,jk,ik->", difference, hessian, difference))


def _one_by_one(weight: np.ndarray, hessian: np.ndarray, scales: np.ndarray, damping: float) -> np.ndarray:
    """Optimal brain quantisation by its definition: the inverse is reduced after each column."""
    columns = weight.shape[1]
    inverse = np.linalg.inv(hessian + np.eye(columns) * damping * np.trace(hessian) / columns)
    rest = weight.astype(np.float64)
    integers = np.empty(weight.shape, np.int64)
    of_column = np.repeat(scales, columns // scales.shape[1], axis=1)
    for column in np.argsort(-np.diagonal(hessian), kind="stable"):
        integers[:, column] = np.clip(np.rint(rest[:, column] / of_column[:, column]), -7, 7)
        error = (rest[:, column] - integers[:, column] * of_column[:, column]) / inverse[column, column]
        rest -= np.outer(error, inverse[column])
        inverse -= np.outer(inverse[:, column], inverse[column]) / inverse[column, column]
    return integers


@pytest.mark.parametrize("columns", [64, 160])  # below and above a block
def test_agrees_with_the_definition(columns: int) -> None:
    weight = np.random.default_rng(1).standard_normal((8, columns)).astype(np.float32)
    inputs = _inputs(columns)
    hessian = inputs.T @ inputs / len(inputs)
    rounded = gptq(weight, hessian, 4, 32, damping=0.01)
    reference = _one_by_one(weight, hessian, rounded.scales, 0.01)
    # A value half-way between two integers may fall on either side in float32.
    assert (rounded.integers == reference).mean() > 0.98


@pytest.mark.parametrize("group", [16, 64])
@pytest.mark.parametrize("bits", [4, 8])
def test_products_change_much_less_than_by_rounding_to_nearest(bits: int, group: int) -> None:
    weight = np.random.default_rng(2).standard_normal((24, 64)).astype(np.float32)
    inputs = _inputs(64)
    hessian = inputs.T @ inputs / len(inputs)
    rounded = gptq(weight, hessian, bits, group)
    nearest = round_to_nearest(weight, rounded.scales, bits)
    assert _loss(weight, rounded.dequantise(), hessian) < 0.4 * _loss(weight, nearest.dequantise(), hessian)


def test_inputs_without_correlation_are_rounded_to_nearest() -> None:
    weight = np.random.default_rng(3).standard_normal((5, 48)).astype(np.float32)
    rounded = gptq(weight, np.diag(np.linspace(1, 3, 48)), 4, 16)
    assert np.array_equal(rounded.integers, round_to_nearest(weight, rounded.scales, 4).integers)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 30), columns=st.integers(1, 40), damping=st.floats(1e-3, 1))
def test_factor_squares_to_the_inverse(seed: int, columns: int, damping: float) -> None:
    inputs = np.random.default_rng(seed).standard_normal((2 * columns, columns))
    hessian = inputs.T @ inputs
    factor = inverse_factor(hessian, damping)
    damped = hessian + np.eye(columns) * damping * np.trace(hessian) / columns
    assert np.array_equal(factor, np.triu(factor))
    assert np.allclose(factor.T @ factor @ damped, np.eye(columns), atol=1e-6)


@pytest.mark.parametrize("seen", [0, 3])
def test_inputs_that_calibration_never_saw_are_no_obstacle(seen: int) -> None:
    weight = np.random.default_rng(4).standard_normal((4, 16)).astype(np.float32)
    inputs = np.zeros((8, 16))
    inputs[:, :seen] = np.random.default_rng(5).standard_normal((8, seen))
    rounded = gptq(weight, inputs.T @ inputs, 4, 16)
    unseen = np.abs(rounded.dequantise() - weight)[:, seen:]
    assert (unseen <= rounded.scales * 0.5 + np.abs(weight[:, seen:]) * 0.5).all()
    assert np.isfinite(rounded.scales).all() and rounded.integers.any()


@pytest.mark.parametrize("group", [16, 64])
def test_refitted_scales_change_products_less(group: int) -> None:
    weight = np.random.default_rng(6).standard_normal((24, 64)).astype(np.float32)
    inputs = _inputs(64)
    hessian = inputs.T @ inputs / len(inputs)
    rounded = gptq(weight, hessian, 4, group, damping=1e-4)
    refitted = refit_scales(weight, rounded, hessian, damping=1e-4)
    assert np.array_equal(refitted.integers, rounded.integers)
    before, after = (_loss(weight, one.dequantise(), hessian) for one in (rounded, refitted))
    assert after < 0.97 * before
    # They are the least squares: no scale can be moved to advantage.
    for change in (0.999, 1.001):
        scales = refitted.scales.copy()
        scales[:, 0] *= np.float32(change)
        moved = Quantised(refitted.integers, scales, 4)
        assert _loss(weight, moved.dequantise(), hessian) > after


def test_scales_of_zeros_alone_stay() -> None:
    weight = np.random.default_rng(7).standard_normal((3, 32)).astype(np.float32)
    weight[1, 16:] = 0
    rounded = gptq(weight, np.eye(32), 4, 16)
    refitted = refit_scales(weight, rounded, np.eye(32))
    assert refitted.scales[1, 1] == rounded.scales[1, 1] and np.isfinite(refitted.scales).all()
    nothing = refit_scales(weight, rounded, np.zeros((32, 32)))
    assert np.isfinite(nothing.scales).all() and (nothing.scales > 0).all()
