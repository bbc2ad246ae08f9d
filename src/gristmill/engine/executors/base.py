"""The contract of an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from gristmill.engine.stages import Task
from gristmill.engine.tasks import TaskReport


@dataclass(frozen=True)
class Outcome:
    """A task that ended: its report, or the error that ended it."""

    task: Task
    report: TaskReport | None
    error: Exception | None = None


class Executor(Protocol):
    """Runs tasks that are independent of each other, in any order, and yields each outcome as it ends."""

    workers: int

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Run all tasks; an error of one is an outcome and does not stop the others."""
        ...

    def __enter__(self) -> Executor: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
