"""Activation functions in float32 on numpy arrays, the smooth ones in blocks that stay in a core's cache.

GELU, its tanh form and SiLU are all ``x / 2 * (1 + tanh(x * q(x * x)))`` for some polynomial ``q``: the tanh form
by its definition (Hendrycks and Gimpel, arXiv 1606.08415), SiLU since the logistic function is a shifted tanh, and
the exact GELU with the ``q`` for which that tanh is ``erf(x / sqrt(2))``, so that no erf is needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gristmill.zeroshot.models.model import Activation, Floats

BLOCK = 1 << 16
"""Elements worked on at a time: with its two helpers a block takes 768 KB, and few blocks mean few calls."""

# By scripts/fit_gelu.py; the largest error of the erf is 7e-8. Far outside the fitted interval the last coefficient
# alone decides: it must be positive, so that the tanh is 1 there.
_ERF = (
    0.797884903678,
    0.0363330680766,
    -3.2460963346e-05,
    -5.53985397567e-05,
    3.9869116646e-06,
    -1.34373141511e-07,
    1.82340847207e-09,
)
_ROOT = (2 / np.pi) ** 0.5
_GATES: dict[Activation, tuple[float, ...]] = {
    "gelu": _ERF,
    "gelu_tanh": (_ROOT, _ROOT * 0.044715),
    "silu": (0.5,),
}
_PLAIN: dict[Activation, Callable[[Floats, Floats], object]] = {
    "relu": lambda x, out: np.maximum(x, np.float32(0), out=out),
    "tanh": lambda x, out: np.tanh(x, out=out),
}


def activate(name: Activation, x: Floats) -> Floats:
    """The named function of each element, as a new array of the same shape.

    The exact GELU is within 2e-7 times the larger of 1 and ``abs(x)`` of its definition. NaN stays NaN.
    """
    result = np.array(x, np.float32, order="C")
    activate_in_place(name, result)
    return result


def activate_in_place(name: Activation, x: Floats) -> None:
    """As ``activate``, but into ``x`` itself, which must be C-contiguous."""
    flat = x.reshape(-1)
    if not np.shares_memory(flat, x) and x.size:
        raise ValueError("an array that is not contiguous cannot be changed in place")
    if name in _PLAIN:
        _PLAIN[name](flat, flat)
        return
    coefficients = [np.float32(value) for value in _GATES[name]]
    size = min(BLOCK, flat.size)
    squares, gates = np.empty(size, np.float32), np.empty(size, np.float32)
    # Powers of huge elements overflow to infinity, of which the tanh is 1, as it should be.
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            _gate(block, coefficients, squares[: block.size], gates[: block.size])


def _gate(x: Floats, coefficients: list[np.float32], squares: Floats, gates: Floats) -> None:
    """``x = x / 2 * (1 + tanh(x * q(x * x)))``, each step a pass over arrays in the cache."""
    if len(coefficients) == 1:
        np.multiply(x, coefficients[0], out=gates)
    else:
        np.multiply(x, x, out=squares)
        np.multiply(squares, coefficients[-1], out=gates)
        for coefficient in coefficients[-2:0:-1]:
            gates += coefficient
            gates *= squares
        gates += coefficients[0]
        gates *= x
    np.tanh(gates, out=gates)
    gates += np.float32(1)
    x *= np.float32(0.5)
    x *= gates
