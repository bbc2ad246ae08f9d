"""The threads that run an engine's packs, whole packs in each."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gristmill.zeroshot.engines.base import Engine
from gristmill.zeroshot.models.model import Floats
from gristmill.zeroshot.schedule import Compute, Limits, Row, stream

T = TypeVar("T")


class Workers:
    """As many threads as the engine has workers, begun at the first use; several streams may share them.

    A forked process, which has none of its parent's threads, begins its own.
    """

    def __init__(self, engine: Engine) -> None:
        self._limits = Limits(budget=max(engine.token_budget, 1), workers=max(engine.workers, 1))
        self._threads: ThreadPoolExecutor | None = None
        self._process = 0
        self._lock = threading.Lock()

    def stream(
        self, rows: Iterable[tuple[Row, T]], compute: Compute, columns: int
    ) -> Iterator[tuple[Floats, T]]:
        """``schedule.stream`` on these threads."""
        return stream(rows, compute, self._executor(), self._limits, columns)

    def close(self) -> None:
        """End the threads after the packs that they run now."""
        with self._lock:
            if self._threads is not None and self._process == os.getpid():
                self._threads.shutdown(wait=True, cancel_futures=True)
            self._threads = None

    def _executor(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None or self._process != os.getpid():
                self._threads = ThreadPoolExecutor(self._limits.workers, thread_name_prefix="zeroshot")
                self._process = os.getpid()
            return self._threads
