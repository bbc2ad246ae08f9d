"""How many cores this process may use, and one BLAS thread a call while packs are what runs in parallel."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from math import ceil
from pathlib import Path
from typing import Any

CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = CGROUPS) -> int:
    """Cores that the process may run on, by its affinity and its container's quota of CPU time; 1 at least.

    Args:
        cgroups: Where the control groups of the container are mounted (versions 1 and 2 are understood).
    """
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else (os.cpu_count() or 1)
    quota = _quota(cgroups)
    return max(1, cores if quota is None else min(cores, ceil(quota)))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold the BLAS that numpy uses to one thread a call, for as long as any thread is inside.

    OpenBLAS with threads of its own has one number of threads for the whole process: other numpy code that runs
    meanwhile is held, too, and freed with the last. Other libraries are held for the calling thread.
    """
    shared, others = _pools()
    _hold(shared)
    try:
        with others.limit(limits=1):
            yield
    finally:
        _release(shared)


@dataclass(frozen=True)
class _Pool:
    """A library's threads, through its own functions."""

    get: Callable[[], int]
    set: Callable[[int], object]


_lock = threading.Lock()
_holders = 0
_before: list[int] = []


def _hold(pools: tuple[_Pool, ...]) -> None:
    global _holders, _before
    with _lock:
        if not _holders:
            _before = [pool.get() for pool in pools]
            for pool in pools:
                pool.set(1)
        _holders += 1


def _release(pools: tuple[_Pool, ...]) -> None:
    global _holders
    with _lock:
        _holders -= 1
        if not _holders:
            for pool, number in zip(pools, _before, strict=True):
                pool.set(number)


def _forget() -> None:
    """A forked child has none of its parent's threads: nobody is inside, and nobody will free the lock."""
    global _lock, _holders
    _lock, _holders = threading.Lock(), 0


os.register_at_fork(after_in_child=_forget)


@cache
def _pools() -> tuple[tuple[_Pool, ...], Any]:
    """What has one number for the process, and threadpoolctl's controller of the rest; numpy's is loaded by now.

    threadpoolctl lets the first thread alone that asks change the former, and ignores all others, silently.
    """
    from threadpoolctl import ThreadpoolController

    found = ThreadpoolController().select(user_api="blas")
    pools = {one["filepath"]: _pool(one) for one in found.info()}
    shared = tuple(pool for pool in pools.values() if pool)
    return shared, found.select(filepath=[path for path, pool in pools.items() if not pool])


def _pool(library: dict[str, Any]) -> _Pool | None:
    if library["internal_api"] != "openblas" or library.get("threading_layer") == "openmp":
        return None
    loaded = ctypes.CDLL(library["filepath"])
    for before, after in (("scipy_", "64_"), ("scipy_", ""), ("", "64_"), ("", "")):
        getter = getattr(loaded, f"{before}openblas_get_num_threads{after}", None)
        setter = getattr(loaded, f"{before}openblas_set_num_threads{after}", None)
        if getter and setter:
            return _Pool(getter, setter)
    return None


def _quota(cgroups: Path) -> float | None:
    """Cores' worth of CPU time of the control group; None: no limit."""
    try:
        # Version 2: "max 100000" or "150000 100000", microseconds of time in each period.
        if (cgroups / "cpu.max").is_file():
            time, period = (cgroups / "cpu.max").read_text().split()[:2]
        else:
            time = (cgroups / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (cgroups / "cpu" / "cpu.cfs_period_us").read_text().strip()
        return int(time) / int(period) if time != "max" and int(time) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
