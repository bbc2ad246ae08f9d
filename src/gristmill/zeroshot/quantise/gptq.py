"""GPTQ: columns are rounded one by one, each one's error made good by the columns that are still to come.

Frantar et al. 2022, "GPTQ: Accurate post-training quantization for generative pre-trained transformers"
(arXiv 2210.17323), with columns in the order of their inputs' size and scales fixed beforehand, so that the
stored form is that of plain rounding.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.models.model import Floats, Quantised
from gristmill.zeroshot.quantise.rounding import find_scales, levels

Doubles = NDArray[np.float64]

DAMPING = 0.01
"""Share of the mean diagonal that is added to the Hessian's diagonal."""
BLOCK = 128
"""Columns whose errors are passed on to the rest in one product."""


def gptq(
    weight: Floats, hessian: Doubles, bits: int, group: int, *, damping: float = DAMPING, ordered: bool = True
) -> Quantised:
    """Round ``weight`` so that its products with the calibration inputs change least.

    Args:
        weight: [out, in]
        hessian: [in, in] sum or mean of ``x x^T`` over the calibration inputs x.
        bits: 4 or 8.
        group: Columns that share a scale; it divides ``in``.
        damping: See ``DAMPING``.
        ordered: Columns with large inputs first, while there are many left to make good their errors.

    Deterministic for a given BLAS, processor and number of threads.
    """
    rows, columns = weight.shape
    diagonal = np.diagonal(hessian)
    order = np.argsort(-diagonal, kind="stable") if ordered else np.arange(columns)
    importance = (diagonal / max(float(diagonal.mean()), 1e-300)).astype(np.float32)
    scales = find_scales(weight, bits, group, importance + np.float32(damping))
    factor = inverse_factor(hessian[np.ix_(order, order)], damping).astype(np.float32)
    # Transposed, so that a column of the weight is one run of memory.
    rest = np.ascontiguousarray(weight.T[order])
    of_column = scales.T[order // group]
    limit = np.float32(levels(bits))
    integers = np.empty((columns, rows), np.int8)
    for start in range(0, columns, BLOCK):
        stop = min(start + BLOCK, columns)
        errors = np.empty((stop - start, rows), np.float32)
        for column in range(start, stop):
            value, scale = rest[column], of_column[column]
            nearest = np.clip(np.rint(value / scale), -limit, limit)
            integers[order[column]] = nearest
            error = (value - nearest * scale) / factor[column, column]
            errors[column - start] = error
            rest[column + 1 : stop] -= factor[column, column + 1 : stop, None] * error
        rest[stop:] -= factor[start:stop, stop:].T @ errors
    return Quantised(np.ascontiguousarray(integers.T), scales, bits)


def refit_scales(weight: Floats, rounded: Quantised, hessian: Doubles, damping: float = DAMPING) -> Quantised:
    """The same integers with the scales that bring their products with the calibration inputs nearest to ``weight``'s.

    A least-squares problem for each row, over its groups. Where it has no sound answer the scale stays.
    """
    rows, columns = weight.shape
    groups = rounded.scales.shape[1]
    damped = hessian + np.eye(columns) * (damping * max(float(np.trace(hessian)) / columns, 1e-300))
    integers = rounded.integers.astype(np.float64).reshape(rows, groups, -1)
    wanted = (weight.astype(np.float64) @ damped).reshape(rows, groups, -1)
    right = (wanted * integers).sum(axis=2)
    left = np.empty((rows, groups, groups))
    size = columns // groups
    for group in range(groups):
        products = integers[:, group] @ damped[group * size : (group + 1) * size]
        left[:, group] = (products.reshape(rows, groups, -1) * integers).sum(axis=2)
    # A group of zeros alone has an empty row, whose scale may be anything.
    left += np.eye(groups) * (1e-9 * np.trace(left, axis1=1, axis2=2)[:, None, None] + 1e-300)
    scales = np.linalg.solve(left, right[:, :, None])[:, :, 0]
    sound = (scales > 0.5 * rounded.scales) & (scales < 2 * rounded.scales)
    return Quantised(
        rounded.integers, np.where(sound, scales, rounded.scales).astype(np.float32), rounded.bits
    )


def inverse_factor(hessian: Doubles, damping: float) -> Doubles:
    """Upper triangular U with ``U^T U`` the inverse of the damped Hessian; row j tells how column j's error spreads."""
    size = len(hessian)
    mean = float(np.trace(hessian)) / size
    damped = hessian + np.eye(size) * (damping * mean if mean > 0 else 1.0)
    # Cholesky from the last column backwards gives H = R R^T with R upper triangular, and U is R's inverse.
    backwards = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    return np.triu(np.linalg.inv(backwards))
