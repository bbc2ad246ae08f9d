"""Which devices to use, how many threads, and which float type suits each."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import ThreadpoolController

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Precision

FLOATS: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}


def find_devices(device: str) -> tuple[torch.device, ...]:
    """The devices that ``device`` names: auto, cpu, cuda, cuda:N, or several CUDA devices with commas between.

    Raises: ModelError if one does not exist, stands there twice, or is of a kind that is not supported.
    """
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cpu" or (device == "auto" and not count):
        return (torch.device("cpu"),)
    if device in ("auto", "cuda") and count:
        return tuple(torch.device("cuda", number) for number in range(count))
    numbers = [_cuda_number(part.strip(), device, count) for part in device.split(",")]
    if len(set(numbers)) != len(numbers):
        raise ModelError(f"device {device!r} names a device twice; name each once")
    return tuple(torch.device("cuda", number) for number in numbers)


def compute_type(precision: Precision, device: torch.device, bitsandbytes: bool) -> torch.dtype:
    """The float type of everything that is not an integer."""
    if precision in FLOATS:
        return FLOATS[precision]
    if device.type == "cpu":
        return torch.float32
    # bitsandbytes' 8-bit kernels on CUDA take and give float16 only.
    if (bitsandbytes and precision == "int8") or not _has_bfloat16(device):
        return torch.float16
    return torch.bfloat16


def default_workers(devices: tuple[torch.device, ...]) -> int:
    """One pack a usable core on the CPU; two a CUDA device, so that one is prepared while the other runs."""
    if devices[0].type == "cuda":
        return 2 * len(devices)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else (os.cpu_count() or 1)


def token_budget(devices: tuple[torch.device, ...]) -> int:
    """Tokens a pack: enough rows to fill a GPU; on a core 512 rows already reach the peak and stay in its cache."""
    return 32_768 if devices[0].type == "cuda" else 512


@contextmanager
def one_thread() -> Iterator[None]:
    """Hold torch's OpenMP loops to the calling thread, in this thread only; packs are the unit of parallelism."""
    # torch sets a new thread's number of threads on first use, which would undo the limit; this is that first use.
    torch.get_num_threads()
    with _openmp().limit(limits=1):
        yield


def _has_bfloat16(device: torch.device) -> bool:
    """In hardware; torch emulates it elsewhere, slowly."""
    with torch.cuda.device(device):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))


@cache
def _openmp() -> ThreadpoolController:
    return ThreadpoolController().select(user_api="openmp")


def _cuda_number(part: str, device: str, count: int) -> int:
    kind, _, number = part.partition(":")
    if kind != "cuda" or not (number.isascii() and number.isdigit() and len(number) < 5):
        if part == "cuda":
            raise ModelError(f"device {device!r}: torch sees no CUDA device; use device='cpu'")
        raise ModelError(
            f"device {device[:80]!r} is not known; use auto, cpu, cuda, cuda:0, or cuda:0,cuda:1"
        )
    if int(number) >= count:
        seen = f"{count} CUDA device{'s' * (count != 1)}"
        raise ModelError(f"device {part!r} does not exist: torch sees {seen}; use device='cpu' or another")
    return int(number)
