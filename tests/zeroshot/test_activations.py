"""Activations against their definitions in double precision, and against torch where it is installed."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from gristmill.zeroshot.activations import BLOCK, activate, activate_in_place
from gristmill.zeroshot.models.model import Activation

GRID = np.linspace(-12, 12, 200_001, dtype=np.float32)


def defined(name: Activation, x: float) -> float:
    """The function's textbook definition."""
    if name == "gelu":
        return 0.5 * x * math.erfc(-x / math.sqrt(2))
    if name == "gelu_tanh":
        return 0.5 * x * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
    if name == "silu":
        return x / (1 + math.exp(-x))
    return max(x, 0.0) if name == "relu" else math.tanh(x)


NAMES: tuple[Activation, ...] = ("gelu", "gelu_tanh", "relu", "tanh", "silu")


@pytest.mark.parametrize("name", NAMES)
def test_values_are_those_of_the_definition(name: Activation) -> None:
    wanted = np.array([defined(name, x) for x in GRID.tolist()])
    found = activate(name, GRID)
    assert found.dtype == np.float32
    assert np.max(np.abs(found - wanted) / np.maximum(1, np.abs(wanted))) < 4e-7


def test_the_exact_gelu_is_not_its_tanh_form() -> None:
    """They differ by up to 5e-4, which would go unnoticed in scores and break parity of logits."""
    difference = np.abs(activate("gelu", GRID) - activate("gelu_tanh", GRID)).max()
    assert 4e-4 < difference < 6e-4


def test_the_gelu_rises_above_its_minimum() -> None:
    """No ripple of the approximation is larger than rounding."""
    found = activate("gelu", GRID[GRID > -0.75].astype(np.float32)).astype(np.float64)
    assert np.diff(found).min() > -1e-6


@pytest.mark.parametrize("name", NAMES)
def test_far_outside_nothing_breaks(name: Activation) -> None:
    far = np.array([0.0, 20.0, 3e3, 1e10, 3e38, -20.0, -3e3, -1e10, -3e38], np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = activate(name, far)
    if name == "tanh":
        np.testing.assert_array_equal(found, np.tanh(far))
    else:
        np.testing.assert_array_equal(found[:5], far[:5])
        np.testing.assert_allclose(found[5:], 0.0, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_nan_is_not_hidden(name: Activation) -> None:
    found = activate(name, np.array([1.0, np.nan, -1.0], np.float32))
    assert np.isnan(found).tolist() == [False, True, False]


@pytest.mark.parametrize("name", NAMES)
def test_arrays_larger_than_a_block(name: Activation) -> None:
    x = np.random.default_rng(0).standard_normal(2 * BLOCK + 17).astype(np.float32)
    whole = activate(name, x)
    parts = np.concatenate([activate(name, part) for part in np.array_split(x, 7)])
    np.testing.assert_allclose(whole, parts, atol=1e-6)
    assert whole[-1] == pytest.approx(defined(name, float(x[-1])), abs=1e-6)


@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=5),
        elements=st.floats(-50, 50, width=32),
    )
)
def test_any_shape_and_the_argument_stays_as_it_was(x: Any) -> None:
    before = x.copy()
    for name in NAMES:
        found = activate(name, x)
        assert found.shape == x.shape
        np.testing.assert_array_equal(x, before)
        for value, result in zip(x.reshape(-1).tolist(), found.reshape(-1).tolist(), strict=True):
            assert result == pytest.approx(defined(name, value), rel=1e-6, abs=1e-6)


def test_in_place() -> None:
    x = GRID.copy().reshape(3, -1)
    activate_in_place("gelu", x)
    np.testing.assert_array_equal(x, activate("gelu", GRID).reshape(3, -1))
    with pytest.raises(ValueError, match="not contiguous"):
        activate_in_place("gelu", np.zeros((4, 4), np.float32).T[1:, 1:])


def test_strided_arguments_are_copied() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4).T[::2]
    np.testing.assert_array_equal(activate("relu", -x), np.zeros((2, 3)))
    np.testing.assert_array_equal(activate("relu", x), x)


def test_torch_agrees() -> None:
    torch = pytest.importorskip("torch")
    exact = torch.nn.functional.gelu(torch.from_numpy(GRID)).numpy()
    np.testing.assert_allclose(activate("gelu", GRID), exact, atol=2e-6)
