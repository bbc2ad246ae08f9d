"""Linear layers and tables on a device: floats, a quantised checkpoint's own integers, or bitsandbytes' formats."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from numpy.typing import NDArray

from gristmill.zeroshot.engines.base import Precision
from gristmill.zeroshot.engines.torch.bits import eight_bit_linear, four_bit_linear
from gristmill.zeroshot.models.model import Quantised, Tensor

Linear = Callable[[torch.Tensor], torch.Tensor]
"""[rows, in] -> [rows, out]"""
Table = Callable[[torch.Tensor], torch.Tensor]
"""[rows] of int64 -> [rows, width]"""


@dataclass(frozen=True)
class Place:
    """Where tensors live, in which float type, and what becomes of the linear layers' weights."""

    device: torch.device
    dtype: torch.dtype
    precision: Precision
    keep_integers: bool
    """Run a quantised checkpoint's own integers instead of widening them once."""
    bitsandbytes: bool
    """Quantise the linear weights of a checkpoint of floats to ``precision`` by bitsandbytes."""


def place_floats(array: NDArray[np.float32], place: Place) -> torch.Tensor:
    """The array on the device; on the CPU in float32 it is the same memory, which nothing here writes to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array)).to(place.device, place.dtype)


def make_linear(weights: list[Tensor], biases: list[NDArray[np.float32]], place: Place) -> Linear:
    """One linear layer out of one or more that read the same input; their outputs stand side by side."""
    weight = stack(weights)
    bias = place_floats(np.concatenate(biases) if len(biases) > 1 else biases[0], place)
    if isinstance(weight, Quantised) and place.keep_integers:
        integers, scales = _place_integers(weight, place)
        columns = weight.shape[1]
        return partial(_integer_linear, integers=integers, scales=scales, columns=columns, bias=bias)
    floats = weight.dequantise() if isinstance(weight, Quantised) else weight
    if place.bitsandbytes and place.precision == "int8":
        return eight_bit_linear(floats, bias, place.device, place.dtype)
    placed = place_floats(floats, place)
    if place.bitsandbytes:
        return four_bit_linear(placed, bias)
    return partial(F.linear, weight=placed, bias=bias)


def make_table(weight: Tensor, place: Place) -> Table:
    """Rows by number."""
    if isinstance(weight, Quantised) and place.keep_integers:
        integers, scales = _place_integers(weight, place)
        return partial(_integer_rows, integers=integers, scales=scales, columns=weight.shape[1])
    floats = weight.dequantise() if isinstance(weight, Quantised) else weight
    return partial(F.embedding, weight=place_floats(floats, place))


def stack(weights: list[Tensor]) -> Tensor:
    """The weights one below the other; integers stay integers where all are, of one kind."""
    if len(weights) == 1:
        return weights[0]
    quantised = [weight for weight in weights if isinstance(weight, Quantised)]
    kinds = {(weight.bits, weight.scales.shape[1]) for weight in quantised}
    if len(quantised) == len(weights) and len(kinds) == 1:
        integers = np.concatenate([weight.integers for weight in quantised])
        scales = np.concatenate([weight.scales for weight in quantised])
        return Quantised(integers, scales, quantised[0].bits)
    return np.concatenate([w.dequantise() if isinstance(w, Quantised) else w for w in weights])


def _place_integers(weight: Quantised, place: Place) -> tuple[torch.Tensor, torch.Tensor]:
    """Integers (two a byte for 4 bits, as unsigned bytes) and scales, on the device."""
    integers = weight.integers
    if weight.bits == 4 and integers.shape[1] % 2 == 0:
        shifted = (integers + 8).astype(np.uint8)
        packed = torch.from_numpy(shifted[:, 0::2] | (shifted[:, 1::2] << 4))
    else:
        packed = torch.from_numpy(integers.astype(np.int8, copy=True))
    return packed.to(place.device), place_floats(weight.scales, place)


def _widen(packed: torch.Tensor, scales: torch.Tensor, columns: int) -> torch.Tensor:
    """Integers times scales, as [rows, columns] of the scales' type."""
    if packed.dtype == torch.uint8:
        halves = torch.stack((packed & 15, packed >> 4), dim=-1).view(packed.shape[0], columns)
        values = halves.to(scales.dtype) - 8
    else:
        values = packed.to(scales.dtype)
    grouped = values.view(packed.shape[0], scales.shape[1], -1) * scales[:, :, None]
    return grouped.view(packed.shape[0], columns)


def _integer_linear(
    x: torch.Tensor, integers: torch.Tensor, scales: torch.Tensor, columns: int, bias: torch.Tensor
) -> torch.Tensor:
    return F.linear(x, _widen(integers, scales, columns), bias)


def _integer_rows(
    ids: torch.Tensor, integers: torch.Tensor, scales: torch.Tensor, columns: int
) -> torch.Tensor:
    return _widen(integers[ids], scales[ids], columns)
