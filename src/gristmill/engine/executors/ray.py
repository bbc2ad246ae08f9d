"""Tasks on a Ray cluster, or on a Ray that is started on this machine. All nodes must see the workspace."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from gristmill.engine.executors.base import Outcome
from gristmill.engine.stages import Task
from gristmill.engine.tasks import run_task
from gristmill.errors import MissingExtraError, StageError


class RayExecutor:
    """Runs each task as one Ray task of one CPU; the address is taken from ``RAY_ADDRESS`` where it is set."""

    def __init__(self, workers: int) -> None:
        try:
            import ray
        except ImportError as error:
            raise MissingExtraError(
                "engine = 'ray' needs the package ray: pip install 'gristmill[ray]'"
            ) from error
        self.workers = max(1, workers)
        self._ray: Any = ray
        self._started = not ray.is_initialized()
        if self._started:
            address = os.environ.get("RAY_ADDRESS")
            options: dict[str, Any] = {"address": address} if address else {"num_cpus": self.workers}
            if not address:
                os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
                options["include_dashboard"] = False
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
        self._run_task = ray.remote(num_cpus=1, max_retries=1)(run_task)

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Run all tasks; at most four a worker are submitted at a time."""
        waiting = list(reversed(tasks))
        running: dict[Any, Task] = {}
        while waiting or running:
            while waiting and len(running) < 4 * self.workers:
                task = waiting.pop()
                running[self._run_task.remote(task)] = task
            ended, _ = self._ray.wait(list(running), num_returns=1)
            for reference in ended:
                task = running.pop(reference)
                try:
                    yield Outcome(task, self._ray.get(reference))
                except Exception as error:
                    cause = getattr(error, "cause", None)
                    known = cause if isinstance(cause, Exception) else None
                    yield Outcome(task, None, known or StageError(f"stage {task.stage.name}: {error}"))

    def __enter__(self) -> RayExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._started:
            self._ray.shutdown()
