"""A safetensors file written tensor by tensor, without a second copy of the model in memory."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.models.weights import DTYPES, Stored


def write_weights(path: Path, tensors: Mapping[str, Stored]) -> None:
    """Write ``tensors`` by their names and stored types; equal tensors give equal files.

    The format is that of ``models.weights``, with wide types first and names in order within a width, so that every
    tensor starts at a multiple of its item's size. Returns when the file is on the disk.
    """
    names = sorted(tensors, key=lambda name: (-DTYPES[tensors[name].dtype].itemsize, name))
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name in names:
        tensor = tensors[name]
        start, end = end, end + tensor.array.size * DTYPES[tensor.dtype].itemsize
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.array.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=True).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            file.write(_bytes(tensors[name]))
        file.flush()
        os.fsync(file.fileno())


def _bytes(tensor: Stored) -> memoryview:
    array: NDArray[Any] = np.ascontiguousarray(tensor.array, DTYPES[tensor.dtype])
    return array.reshape(-1).view(np.uint8).data
