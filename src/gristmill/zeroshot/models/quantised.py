"""Quantised checkpoints in the open compressed-tensors format: what their tensors mean, packing and unpacking.

A linear layer or table ``X`` is stored as one of two forms, both symmetric (github.com/vllm-project/compressed-tensors):

- ``int-quantized`` or ``naive-quantized``: ``X.weight`` of int8 and ``X.weight_scale`` [out, 1];
- ``pack-quantized``: ``X.weight_packed`` of int32 [out, in * bits / 32], each with eight integers of 4 bits or four
  of 8 bits, lowest bits first, shifted to be positive; ``X.weight_scale`` [out, groups] and ``X.weight_shape``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import ModelError
from gristmill.zeroshot.models.model import Floats, Quantised, Tensor

METHOD = "compressed-tensors"
SCALE = ".weight_scale"
PACKED = ".weight_packed"
SHAPE = ".weight_shape"
REFUSED = {
    ".weight_zero_point": "a zero point (asymmetric)",
    ".weight_g_idx": "an order of its own in the groups",
    ".weight_global_scale": "a scale over scales",
}
STRATEGIES = ("tensor", "channel", "group")
INPUTS = 1 << 20
"""Most inputs of a layer; a bound on what a hostile ``weight_shape`` can ask for."""


def decode(tensors: Mapping[str, NDArray[Any]], config: Mapping[str, object]) -> dict[str, Tensor]:
    """Join integers with their scales.

    Args:
        tensors: By the checkpoint's names; floats as float32, integers as they are stored.
        config: config.json with its ``quantization_config``.

    Returns: Each ``X.weight`` that is stored in integers as Quantised; every tensor of floats as it is. Scales of
    activations are passed over: activations stay floats here, which loses nothing.
    Raises: ModelError for another method or form of quantisation, and for tensors that do not fit each other.
    """
    allowed = _check_config(config)
    result: dict[str, Tensor] = {}
    for name, array in tensors.items():
        for ending, what in REFUSED.items():
            if name.endswith(ending):
                raise ModelError(f"the tensor {name!r}: {what} is not supported; {_MEND}")
        if name.endswith(PACKED):
            result[name.removesuffix(PACKED) + ".weight"] = _packed(
                tensors, name.removesuffix(PACKED), allowed
            )
        elif name.endswith(".weight") and array.dtype == np.int8:
            result[name] = _plain(tensors, name)
        elif array.dtype == np.float32 and not name.endswith(SCALE):
            result[name] = array
    for name, tensor in result.items():
        if isinstance(tensor, Quantised) and tensor.bits not in allowed:
            raise ModelError(
                f"the tensor {name!r} has {tensor.bits} bits; quantization_config says {_join(allowed)}"
            )
    return result


def pack_rows(integers: NDArray[np.int8], bits: int) -> NDArray[np.int32]:
    """Integers [out, in] of 4 or 8 bits as int32 [out, ceil(in * bits / 32)], lowest bits first."""
    rows, columns = integers.shape
    each = 32 // bits
    shifted = np.zeros((rows, -(-columns // each) * each), np.uint8)
    shifted[:, :columns] = integers.astype(np.int16) + (1 << (bits - 1))
    if bits == 4:
        shifted = shifted[:, 0::2] | (shifted[:, 1::2] << 4)
    words: NDArray[np.int32] = np.ascontiguousarray(shifted).view("<i4").astype(np.int32, copy=False)
    return words


def unpack_rows(words: NDArray[np.int32], bits: int, columns: int) -> NDArray[np.int8]:
    """The inverse of ``pack_rows``."""
    rows = words.shape[0]
    shifted = np.ascontiguousarray(words.astype("<i4", copy=False)).view(np.uint8).reshape(rows, -1)
    if bits == 4:
        halves = np.empty((rows, shifted.shape[1], 2), np.uint8)
        np.bitwise_and(shifted, 15, out=halves[:, :, 0])
        np.right_shift(shifted, 4, out=halves[:, :, 1])
        shifted = halves.reshape(rows, -1)
    # Bytes wrap around, so this is exact for 8 bits as for 4.
    moved = shifted[:, :columns] - np.uint8(1 << (bits - 1))
    return np.ascontiguousarray(moved).view(np.int8)


_MEND = "use the checkpoint of floats, and make integers of it by: gristmill quantize"


def _check_config(config: Mapping[str, object]) -> list[int]:
    """The bits of weights that ``quantization_config`` names. Raises: ModelError for what is not read here."""
    settings = config.get("quantization_config")
    if not isinstance(settings, Mapping):
        raise ModelError("config.json: 'quantization_config' must be an object")
    method = settings.get("quant_method")
    if method != METHOD:
        raise ModelError(
            f"config.json: the model is quantised by {str(method)[:60]!r}; read is {METHOD!r} alone: {_MEND}"
        )
    groups = settings.get("config_groups")
    if not isinstance(groups, Mapping) or not groups:
        raise ModelError("config.json: 'config_groups' of quantization_config must be an object with a group")
    return sorted({_check_weights(group) for group in groups.values()})


def _check_weights(group: object) -> int:
    weights = group.get("weights") if isinstance(group, Mapping) else None
    if not isinstance(weights, Mapping):
        raise ModelError("config.json: each of 'config_groups' must be an object with 'weights'")
    bits, strategy = weights.get("num_bits"), weights.get("strategy")
    if (
        weights.get("type", "int") != "int"
        or not weights.get("symmetric", True)
        or bits not in (4, 8)
        or strategy not in STRATEGIES
    ):
        shown = {key: weights.get(key) for key in ("num_bits", "type", "symmetric", "strategy")}
        raise ModelError(
            f"config.json: weights of the form {str(shown)[:200]} are not supported; read are symmetric integers of"
            f" 4 or 8 bits, a scale a {' or '.join(STRATEGIES)}; {_MEND}"
        )
    assert isinstance(bits, int)
    return bits


def _plain(tensors: Mapping[str, NDArray[Any]], name: str) -> Quantised:
    integers = tensors[name]
    if integers.ndim != 2:
        raise ModelError(
            f"the tensor {name!r} has the shape {list(integers.shape)}; two dimensions are needed"
        )
    scales = _scales(tensors, name.removesuffix(".weight"), *integers.shape)
    if scales.shape[1] != 1:
        raise ModelError(f"the tensor {name!r} has {scales.shape[1]} scales a row; 8 bits have one; {_MEND}")
    return Quantised(integers, scales, 8)


def _packed(tensors: Mapping[str, NDArray[Any]], module: str, allowed: list[int]) -> Quantised:
    words, shape = tensors[module + PACKED], tensors.get(module + SHAPE)
    if words.dtype != np.int32 or words.ndim != 2:
        raise ModelError(f"the tensor {module + PACKED!r} must be int32 with two dimensions")
    if shape is None or shape.dtype.kind not in "iu" or shape.shape != (2,):
        raise ModelError(f"the tensor {module + SHAPE!r} must hold two integers, the shape of the weight")
    rows, columns = (int(size) for size in shape)
    fitting = [bits for bits in allowed if words.shape[1] == -(-columns * bits // 32)]
    if rows != words.shape[0] or not 1 <= columns <= INPUTS or not fitting:
        raise ModelError(
            f"the tensor {module + PACKED!r} of {list(words.shape)} words cannot hold a weight of [{rows}, {columns}]"
        )
    bits = fitting[0]
    scales = _scales(tensors, module, rows, columns)
    if bits == 8 and scales.shape[1] != 1:
        raise ModelError(f"{module!r} has {scales.shape[1]} scales a row; 8 bits have one; {_MEND}")
    return Quantised(unpack_rows(words, bits, columns), scales, bits)


def _scales(tensors: Mapping[str, NDArray[Any]], module: str, rows: int, columns: int) -> Floats:
    """The scales as [rows, groups]."""
    found = tensors.get(module + SCALE)
    if found is None or found.dtype != np.float32:
        raise ModelError(
            f"the weights lack {module + SCALE!r}, which {module + '.weight'!r} needs, as floats"
        )
    if found.size == 1:
        return np.full((rows, 1), found.reshape(-1)[0], np.float32)
    scales: Floats = found.reshape(rows, 1) if found.shape == (rows,) else found
    if scales.ndim != 2 or scales.shape[0] != rows or not scales.shape[1] or columns % scales.shape[1]:
        raise ModelError(
            f"the tensor {module + SCALE!r} has the shape {list(found.shape)}, which does not fit a weight of"
            f" [{rows}, {columns}]"
        )
    return scales


def _join(numbers: list[int]) -> str:
    return " and ".join(map(str, numbers))
