from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.zeroshot.quantise.rounding import find_scales, levels, round_to_nearest


def _error(weight: np.ndarray, scales: np.ndarray, bits: int) -> np.ndarray:
    difference = weight - round_to_nearest(weight, scales, bits).dequantise()
    return np.square(difference).reshape(len(weight), scales.shape[1], -1).sum(axis=2)


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 1 << 30),
    bits=st.sampled_from([4, 8]),
    group=st.sampled_from([4, 8, 24]),
    size=st.floats(1e-6, 1e6),
)
def test_scales_are_at_least_as_good_as_covering_the_largest_weight(
    seed: int, bits: int, group: int, size: float
) -> None:
    weight = (np.random.default_rng(seed).standard_t(3, (5, 24)) * size).astype(np.float32)
    scales = find_scales(weight, bits, group)
    covering = (np.abs(weight).reshape(5, -1, group).max(axis=2) / levels(bits)).astype(np.float32)
    assert scales.shape == (5, 24 // group) and (scales > 0).all()
    assert (_error(weight, scales, bits) <= _error(weight, covering, bits) * 1.0001).all()


def test_an_outlier_is_clipped_where_that_helps_the_others() -> None:
    weight = np.random.default_rng(0).uniform(-1, 1, (1, 512)).astype(np.float32)
    weight[0, 0] = 1.8
    covering = np.array([[1.8 / 7]], np.float32)
    scales = find_scales(weight, 4, 512)
    assert _error(weight, scales, 4) < 0.8 * _error(weight, covering, 4)


def test_important_columns_are_favoured() -> None:
    weight = np.random.default_rng(1).standard_normal((6, 32)).astype(np.float32)
    weight[:, 0] = 9.0
    importance = np.ones(32, np.float32)
    importance[0] = 1e4
    scales = find_scales(weight, 4, 32, importance)
    first = round_to_nearest(weight, scales, 4).dequantise()[:, 0]
    assert np.abs(first - 9.0).max() < 0.1
    assert scales.mean() > find_scales(weight, 4, 32, 1 / importance).mean()


@pytest.mark.parametrize("bits", [4, 8])
def test_zeros_and_denormal_weights_round_to_zeros(bits: int) -> None:
    weight = np.zeros((2, 8), np.float32)
    weight[1] = 1e-42
    rounded = round_to_nearest(weight, find_scales(weight, bits, 8), bits)
    assert np.isfinite(rounded.scales).all() and not rounded.integers.any()


@pytest.mark.parametrize(("bits", "largest"), [(4, 7), (8, 127)])
def test_integers_stay_within_their_bits(bits: int, largest: int) -> None:
    weight = np.random.default_rng(2).standard_normal((4, 16)).astype(np.float32)
    rounded = round_to_nearest(weight, np.full((4, 2), 1e-3, np.float32), bits)
    assert rounded.integers.max() == largest and rounded.integers.min() == -largest
