"""Scales and nearest integers of a weight matrix: symmetric, one scale for each row and group of columns."""

from __future__ import annotations

import numpy as np

from gristmill.zeroshot.models.model import Floats, Quantised

SHRINK = {4: np.linspace(1.0, 0.5, 51), 8: np.linspace(1.0, 0.9, 21)}
"""Candidate scales, as shares of the one that covers the largest weight: clipping few can help many."""
BLOCK = 1 << 20
"""Weights whose scales are searched at once; bounds the memory of the search."""


def levels(bits: int) -> int:
    """The largest integer: 127 of 8 bits, 7 of 4 bits; the smallest is its negative."""
    return (1 << (bits - 1)) - 1


def find_scales(weight: Floats, bits: int, group: int, importance: Floats | None = None) -> Floats:
    """The scale of each row and group with the least squared error after rounding.

    Args:
        weight: [out, in]
        bits: 4 or 8.
        group: Columns that share a scale; it divides ``in``.
        importance: [in] what a squared error in each column counts (the mean square of its input); None: all alike.

    Returns: [out, in / group] of float32, all above 0.
    """
    rows, columns = weight.shape
    scales = np.empty((rows, columns // group), np.float32)
    counts = None if importance is None else importance.reshape(1, -1, group).astype(np.float32)
    step = max(1, BLOCK // max(columns, 1))
    for start in range(0, rows, step):
        part = weight[start : start + step].reshape(-1, columns // group, group)
        scales[start : start + step] = _search(part, bits, counts)
    return scales


def round_to_nearest(weight: Floats, scales: Floats, bits: int) -> Quantised:
    """The weight in integers of these scales [out, groups], each the nearest."""
    rows, columns = weight.shape
    grouped = weight.reshape(rows, scales.shape[1], -1) / scales[:, :, None]
    limit = levels(bits)
    integers = np.clip(np.rint(grouped), -limit, limit).astype(np.int8).reshape(rows, columns)
    return Quantised(integers, scales, bits)


def _search(weight: Floats, bits: int, counts: Floats | None) -> Floats:
    limit = levels(bits)
    largest = np.abs(weight).max(axis=2)
    # A group of zeros alone has any scale; 1 keeps what divides by it finite. So have denormal ones.
    largest = np.where(largest < np.finfo(np.float32).tiny * 1e4, np.float32(limit), largest)
    best = largest / limit
    least = np.full(best.shape, np.inf, np.float32)
    for share in SHRINK[bits]:
        scale = (largest * np.float32(share / limit))[:, :, None]
        error = np.clip(np.rint(weight / scale), -limit, limit) * scale - weight
        error *= error
        if counts is not None:
            error *= counts
        total = error.sum(axis=2)
        better = total < least
        least = np.where(better, total, least)
        best = np.where(better, scale[:, :, 0], best)
    result: Floats = best.astype(np.float32)
    return result
