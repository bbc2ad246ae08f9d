"""Memory that was freed goes back to the system, so that a limit on memory means something.

Allocators keep what a program frees, for speed; a driver and its workers would each keep their own peak.
"""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

import pyarrow as pa

_M_MMAP_THRESHOLD = -3  # from glibc's malloc.h
_LARGE = 256 << 10
KEPT_BYTES = 224 << 20
"""what a process may hold, the code that it has loaded among it: well within a worker's share of the memory"""


def give_memory_back() -> None:
    """Return freed memory of Arrow and of the C library to the system, if this process holds much.

    After a small task it is kept: to have it mapped and cleared again is a good part of what the next one costs.
    """
    if _resident() <= KEPT_BYTES:
        return
    pa.default_memory_pool().release_unused()
    trim = getattr(_c_library(), "malloc_trim", None)
    if trim is not None:
        trim(0)


def keep_little() -> None:
    """Have every large block returned the moment it is freed, for the rest of this process's life.

    Arrow then allocates through the C library, and that maps blocks from 256 KiB on by themselves. It costs
    a little time, so it is for builds whose memory is short. Without glibc only the first part applies.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(_c_library(), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)


def _resident() -> int:
    """Bytes of memory that this process holds; more than any limit where the system does not tell."""
    try:
        return int(Path("/proc/self/statm").read_bytes().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return sys.maxsize


@functools.cache
def _c_library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
