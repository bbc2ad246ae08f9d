"""Fit the polynomial of the exact GELU in ``gristmill.zeroshot.activations`` and print its coefficients and error.

    python scripts/fit_gelu.py

The polynomial q makes ``tanh(x * q(x * x))`` equal ``erf(x / sqrt(2))``. Its error is weighted by what a change of q
does to that tanh, or to the GELU where that is more, and made even by reweighting (Lawson's algorithm).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.polynomial import polynomial

from gristmill.zeroshot.activations import activate

END = 5.6
"""Beyond it 1 - erf is less than float32's rounding."""
DEGREE = 6
"""The least whose error is at float32's rounding; of an even degree's fit the last coefficient is positive."""
ROUNDS = 600


def main() -> None:
    """Fit; compare with what is in use."""
    x = np.linspace(5e-4, END, 6000)
    upper = np.array([math.erfc(value / math.sqrt(2)) for value in x])
    wanted = 0.5 * np.log((2 - upper) / upper) / x
    slope = x * np.maximum(1, x / 2) / np.cosh(wanted * x) ** 2
    weights = np.ones_like(x)
    best: tuple[float, np.ndarray] = (math.inf, np.zeros(DEGREE + 1))
    for _ in range(ROUNDS):
        found = polynomial.polyfit(x * x, wanted, DEGREE, w=slope * np.sqrt(weights))
        error = np.abs(slope * (polynomial.polyval(x * x, found) - wanted))
        if error.max() < best[0]:
            best = error.max(), found
        weights *= error / error.max() + 1e-3
        weights /= weights.mean()
    print(", ".join(f"{value:.12g}" for value in best[1]))
    print(f"error of the fit {best[0]:.2e}")
    line = np.linspace(-12, 12, 200_001, dtype=np.float32)
    exact = np.array([0.5 * value * math.erfc(-value / math.sqrt(2)) for value in line.tolist()])
    print(f"error of the one in use, in float32: {np.abs(activate('gelu', line) - exact).max():.2e}")


if __name__ == "__main__":
    main()
