"""Buffers that a thread uses again and again: fresh large arrays cost page faults on every call."""

from __future__ import annotations

import threading
from math import prod

import numpy as np

from gristmill.zeroshot.models.model import Floats


class Scratch(threading.local):
    """Each thread sees its own buffers; they are as large as the largest asked for, and go with this object."""

    def __init__(self) -> None:
        self._buffers: dict[str, Floats] = {}

    def take(self, name: str, *shape: int) -> Floats:
        """The named buffer as a contiguous array of this shape, holding anything; it is valid until taken anew."""
        size = prod(shape)
        buffer = self._buffers.get(name)
        if buffer is None or buffer.size < size:
            buffer = self._buffers[name] = np.empty(size, np.float32)
        return buffer[:size].reshape(shape)
