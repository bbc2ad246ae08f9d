"""How a build runs on this machine: nothing here changes what it makes."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gristmill.errors import RecipeError

DRIVER_BYTES = 300 << 20
WORKER_BYTES = 320 << 20
SMALLEST = 640_000_000
FRUGAL_BELOW = 2 << 30
SQL_THREAD_BYTES = 256 << 20


@dataclass(frozen=True)
class Settings:
    """Workers, and the sizes that keep them within the memory asked for.

    ``memory`` bounds the driver and all workers together, in bytes; it lowers the number of workers before
    it lowers the size of what each holds.
    """

    workers: int
    memory: int
    engine: str = "local"

    @property
    def segment_bytes(self) -> int:
        """Contents gathered in memory for one segment, in bytes."""
        return min(64 << 20, self._worker_bytes // 12)

    @property
    def frugal(self) -> bool:
        """Memory is short: workers are let go before the SQL engine takes their share."""
        return self.memory < FRUGAL_BELOW

    @property
    def sql_memory(self) -> int:
        """Memory limit of the SQL engine, in bytes."""
        return (self.memory - DRIVER_BYTES) * 3 // 4 if self.frugal else min(4 << 30, self.memory // 4)

    @property
    def sql_threads(self) -> int:
        """Threads of the SQL engine; each needs memory of its own."""
        return max(1, min(self.workers, self.sql_memory // SQL_THREAD_BYTES))

    @property
    def worker_sql_memory(self) -> int:
        """Memory limit of the SQL engine in a task beside which others run, in bytes."""
        return self._worker_bytes // 2

    @property
    def _worker_bytes(self) -> int:
        return (self.memory - DRIVER_BYTES) // self.workers


def make_settings(memory: str | None = None, workers: int | None = None, engine: str = "local") -> Settings:
    """Settings from what the user typed; defaults: half of this machine's memory, all its cores.

    ``memory`` is a number with a unit, for example ``2GB`` or ``900MB``. Raises RecipeError if it is not,
    or is too small for one worker.
    """
    limit = parse_bytes(memory) if memory else max(_physical_memory() // 2, SMALLEST)
    if limit < SMALLEST:
        raise RecipeError(
            f"memory = {memory}: one worker needs {SMALLEST // 1_000_000}MB; give at least that"
        )
    cores = (
        workers
        if workers is not None
        else len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count() or 1
    )
    if cores < 1:
        raise RecipeError(f"workers = {cores}: give at least 1")
    fit = (limit - DRIVER_BYTES) // WORKER_BYTES
    return Settings(workers=max(1, min(cores, fit)), memory=limit, engine=engine)


def parse_bytes(text: str) -> int:
    """Bytes of a size such as 900MB, 1.5GB or 1GiB (B, KB, MB, GB, TB: powers of 1000; KiB ...: of 1024)."""
    units = {"": 1, "b": 1}
    for power, letter in enumerate("kmgt", 1):
        units |= {letter: 1000**power, f"{letter}b": 1000**power, f"{letter}ib": 1024**power}
    cleaned = text.strip().lower().replace(" ", "")
    digits = cleaned.rstrip("bikmgt")
    try:
        return int(float(digits) * units[cleaned[len(digits) :]])
    except (ValueError, KeyError, OverflowError):
        raise RecipeError(f"size {text!r}: write a number with a unit, for example 900MB or 2GB") from None


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return 4 << 30
