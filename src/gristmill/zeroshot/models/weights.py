"""safetensors files: their headers checked to the last byte, their tensors mapped into memory.

Format: eight bytes of header length (little endian), a JSON object that gives each tensor's dtype, shape and
place, then the data without gaps (the safetensors format description).
"""

from __future__ import annotations

import math
import mmap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import parse_object
from gristmill.zeroshot.models.model import Floats

HEADER_BYTES = 32 << 20
TENSORS = 100_000
DIMENSIONS = 8
DTYPES: Mapping[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype("<u2"),  # numpy has no bfloat16: its bits, widened by ``as_float32``
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("?"),
}
FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Stored:
    """One tensor of a file, mapped and read-only."""

    path: Path
    dtype: str
    """As safetensors names it: F32, BF16, I8 and so on."""
    array: NDArray[Any]
    """BF16 as its bits (uint16)."""


def open_weights(paths: Sequence[Path]) -> dict[str, Stored]:
    """Map all tensors of one or more safetensors files; nothing is copied.

    Raises: ModelError if a file is not a well-formed safetensors file, or a name stands in two of them.
    """
    tensors: dict[str, Stored] = {}
    for path in paths:
        for name, tensor in _open(path).items():
            if name in tensors:
                raise ModelError(f"the tensor {name!r} stands in {tensors[name].path.name} and in {path}")
            tensors[name] = tensor
    return tensors


def as_float32(name: str, tensor: Stored) -> Floats:
    """The tensor as finite float32: a view where it is stored so, else widened (or, from F64, narrowed).

    Raises: ModelError if it holds integers, or a value that is not finite.
    """
    if tensor.dtype not in FLOATS:
        raise ModelError(
            f"{tensor.path}: the tensor {name!r} is {tensor.dtype}; floating point numbers are needed"
        )
    if tensor.dtype == "BF16":
        values: Floats = (tensor.array.astype(np.uint32) << 16).view(np.float32)
    elif tensor.dtype == "F32" and tensor.array.flags.aligned:
        values = tensor.array
    else:
        with np.errstate(over="ignore"):
            values = tensor.array.astype(np.float32)
    # A sum is several times cheaper than a mask; only where it fails is every value looked at.
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum(dtype=np.float32)
    if not math.isfinite(total) and not np.isfinite(values).all():
        raise ModelError(
            f"{tensor.path}: the tensor {name!r} holds NaN or infinite values; the model is damaged"
        )
    return values


def _open(path: Path) -> dict[str, Stored]:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size < 8:
                raise _damaged(path, f"it has {size} bytes")
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    length = int.from_bytes(mapped[:8], "little")
    if length > min(size - 8, HEADER_BYTES):
        raise _damaged(path, f"its header claims {length} bytes of a file of {size}")
    header = parse_object(mapped[8 : 8 + length], f"the header of {path}")
    header.pop("__metadata__", None)
    if len(header) > TENSORS:
        raise _damaged(path, f"its header lists {len(header)} tensors")
    places = {name: _place(path, name, entry) for name, entry in header.items()}
    end = 0
    for name, (_, _, start, stop) in sorted(places.items(), key=lambda item: (item[1][2], item[1][3])):
        if start != end:
            raise _damaged(path, f"{name!r} starts at byte {start} of the data where {end} was due")
        end = stop
    if 8 + length + end != size:
        raise _damaged(path, f"its tensors end at byte {8 + length + end} of a file of {size}")
    return {
        name: Stored(path, dtype, _view(mapped, DTYPES[dtype], shape, 8 + length + start))
        for name, (dtype, shape, start, _) in places.items()
    }


def _view(mapped: mmap.mmap, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int) -> NDArray[Any]:
    count = math.prod(shape)
    if not count:
        return np.zeros(shape, dtype)
    return np.frombuffer(mapped, dtype, count, offset).reshape(shape)


def _place(path: Path, name: str, entry: object) -> tuple[str, tuple[int, ...], int, int]:
    """dtype, shape, start and stop of a header's entry."""
    if not isinstance(entry, dict) or not {"dtype", "shape", "data_offsets"} <= entry.keys():
        raise _damaged(path, f"the entry of {name!r} lacks dtype, shape or data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise ModelError(
            f"{path}: the tensor {name!r} has dtype {str(dtype)[:40]!r}; read are {', '.join(DTYPES)}"
        )
    if not _naturals(shape) or len(shape) > DIMENSIONS or not _naturals(offsets) or len(offsets) != 2:
        raise _damaged(path, f"the entry of {name!r} has no valid shape and data_offsets")
    start, stop = offsets
    if stop - start != math.prod(shape) * DTYPES[dtype].itemsize:
        raise _damaged(path, f"{name!r} of {dtype} {shape} cannot be {stop - start} bytes")
    return dtype, tuple(shape), start, stop


def _naturals(value: object) -> bool:
    # The bound keeps products of a few of them small numbers, whatever a header says.
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 1 << 48 for item in value)


def _damaged(path: Path, what: str) -> ModelError:
    return ModelError(f"{path} is not a whole safetensors file: {what}; download it anew")
