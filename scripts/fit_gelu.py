"""Fit the polynomial of ``gristmill.zeroshot.activations.gelu`` and print its coefficients and error.

    python scripts/fit_gelu.py

The polynomial p makes ``tanh(x * p(x * x))`` equal ``erf(x / sqrt 2)``. Its error in GELU is weighted by what a
change of p does to ``x / 2 * (1 + tanh)``, and made even by reweighting (Lawson's algorithm).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import polynomial

END = 5.0
DEGREE = 5
ROUNDS = 400


def main() -> None:
    """Fit, and check in float32 over the whole line."""
    x = np.linspace(1e-3, END, 8000)
    upper = np.array([math.erfc(value / math.sqrt(2)) for value in x])
    wanted = 0.5 * np.log((2 - upper) / upper) / x
    slope = 0.5 * x * x / np.cosh(wanted * x) ** 2
    weights = np.ones_like(x)
    best: tuple[float, np.ndarray] = (math.inf, np.zeros(DEGREE + 1))
    for _ in range(ROUNDS):
        found = polynomial.polyfit(x * x, wanted, DEGREE, w=slope * weights)
        error = np.abs(slope * (polynomial.polyval(x * x, found) - wanted))
        if error.max() < best[0]:
            best = error.max(), found
        weights *= (error / error.max() + 1e-3) ** 0.25
        weights /= weights.mean()
    print(", ".join(repr(float(np.float32(value))) for value in best[1]))
    print(f"error of the fit {best[0]:.2e}, in float32 {_error(best[1]):.2e}")


def _error(coefficients: np.ndarray) -> float:
    x = np.linspace(-12, 12, 2_000_001, dtype=np.float32)
    square = np.minimum(x * x, np.float32(END * END))
    inner = np.full_like(x, np.float32(coefficients[-1]))
    for value in coefficients[-2::-1]:
        inner = inner * square + np.float32(value)
    found = np.float32(0.5) * x * (np.float32(1) + np.tanh(inner * x))
    exact = np.array([float(v) * 0.5 * math.erfc(-float(v) / math.sqrt(2)) for v in x[::20]])
    return float(np.abs(found[::20] - exact).max())


if __name__ == "__main__":
    main()
