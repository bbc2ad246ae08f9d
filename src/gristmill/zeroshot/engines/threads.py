"""How many cores this process may use, and one BLAS thread a call while packs are what runs in parallel."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
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

    The number is the whole process's: other numpy code that runs meanwhile is held, too, and freed with the last.
    """
    _hold()
    try:
        yield
    finally:
        _release()


_lock = threading.Lock()
_holders = 0
_limit: Any = None


def _hold() -> None:
    global _holders, _limit
    with _lock:
        if not _holders:
            _limit = _controller().limit(limits=1)
        else:
            # OpenBLAS since 0.3.31 remembers for each thread what that thread has set last, as on its way out here.
            for library in _controller().lib_controllers:
                library.set_num_threads(1)
        _holders += 1


def _release() -> None:
    global _holders, _limit
    with _lock:
        _holders -= 1
        if not _holders:
            _limit.restore_original_limits()
            _limit = None


@cache
def _controller() -> Any:
    """Looking for the loaded libraries takes a millisecond, so it is done once; numpy's is loaded by then."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


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
