"""Weights of linear layers as the graph takes them: floats, or integers with scales that it multiplies out."""

from __future__ import annotations

from typing import Any

import numpy as np
from openvino import opset13 as ops

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Precision
from gristmill.zeroshot.engines.openvino.graph import Weight, constant
from gristmill.zeroshot.models.model import Floats, Model, Quantised

Node = Any
KEPT = (".value", ".down")
"""layers that stay as they are where a checkpoint of floats is rounded here: half of the error is theirs"""
SHRINKS = np.linspace(1.0, 0.8, 9)
"""Shares of the largest weight that are tried as the end of the scale."""


def weights_of(model: Model, precision: Precision) -> Weight:
    """How to get the weight of a linear layer, [out, in], for a precision.

    Raises: ModelError for int4 of a checkpoint of floats, or a precision of integers that the checkpoint has not.
    """
    stored = model.precision if model.precision in ("int8", "int4") else None
    if precision == "float16":
        raise ModelError("the openvino engine has no float16 on CPUs; use bfloat16")
    if precision in ("int8", "int4") and stored not in (None, precision):
        raise ModelError(f"{model.name} is stored as {stored}, not {precision}; use precision='{stored}'")
    if precision == "int4" and stored is None:
        raise ModelError(
            f"{model.name} is not quantised, and plain rounding to 4 bits ruins a model; "
            "make an int4 folder first: gristmill quantize MODEL --to FOLDER --precision int4"
        )
    integers = precision in ("int8", "int4")

    def weight(name: str) -> Node:
        tensor = model.tensors[f"{name}.weight"]
        if not integers or (stored is None and name.endswith(KEPT)):
            return constant(model.floats(f"{name}.weight"))
        if isinstance(tensor, Quantised):
            return _integers(tensor.integers, tensor.scales)
        return _integers(*_rounded(tensor))

    return weight


def _rounded(weight: Floats) -> tuple[np.ndarray, Floats]:
    """Integers and scales [out, 1] of the least squared error among ``SHRINKS``."""
    largest = np.maximum(np.abs(weight).max(axis=1, keepdims=True), np.float32(1e-12))
    best = np.full(len(weight), np.inf, np.float32)
    integers, scales = np.zeros(weight.shape, np.int8), np.ones((len(weight), 1), np.float32)
    for share in SHRINKS:
        scale = (largest * np.float32(share / 127)).astype(np.float32)
        found = np.clip(np.rint(weight / scale), -127, 127)
        error = ((found * scale - weight) ** 2).sum(axis=1)
        better = error < best
        integers[better], scales[better], best[better] = found[better], scale[better], error[better]
    return integers, scales


def _integers(integers: np.ndarray, scales: Floats) -> Node:
    """Integers in groups times their scales, which the CPU plug-in multiplies out as it goes.

    4-bit integers take a byte each: its own 4-bit type in groups gave wrong products (openvino 2026.4.1).
    """
    rows, columns = integers.shape
    groups = scales.shape[1]
    shape = [rows, columns] if groups == 1 else [rows, groups, columns // groups]
    by = scales if groups == 1 else scales[:, :, None]
    stored = ops.convert(constant(integers.reshape(shape)), "f32")
    wide = ops.multiply(stored, constant(by.astype(np.float32)))
    return wide if groups == 1 else ops.reshape(wide, constant([rows, columns]), False)
