"""Tasks in processes of this machine."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from types import TracebackType

import pyarrow as pa

from gristmill.engine.executors.base import Outcome
from gristmill.engine.memory import keep_little
from gristmill.engine.process import begin_process
from gristmill.engine.stages import Task
from gristmill.engine.tasks import TaskReport, run_task
from gristmill.errors import StageError


class LocalExecutor:
    """A pool of spawned processes, kept between stages; with one worker tasks run in this process.

    A stage of one task runs in this process too. ``frugal`` ends the pool before that, so that idle workers
    hold no memory while it runs. To start the pool costs more than a few small tasks, so until there is one
    this process does the first tasks of a stage itself, for up to ``alone`` seconds.

    A worker that dies (killed for memory, a crash in native code) breaks the pool: the pool is made anew and
    the tasks that were under way are run again one at a time, so that the one that kills its worker is
    known by name and the rest is done.
    """

    def __init__(self, workers: int, *, frugal: bool = False, alone: float = 0.0) -> None:
        self.workers = max(1, workers)
        self._frugal = frugal
        self._alone = 0.0 if frugal else alone  # what a task leaves in memory would stay with this process
        if frugal:
            keep_little()
        self._pool: ProcessPoolExecutor | None = None

    def run(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """Run all tasks; yields outcomes as they end."""
        waiting = list(reversed(tasks))
        deadline = time.perf_counter() + self._alone
        while waiting and (self.workers == 1 or len(waiting) == 1 or self._still_alone(deadline)):
            if self._frugal:
                self._stop(wait=True)
            yield _run_here(waiting.pop())
        suspects: list[Task] = []
        running: dict[Future[TaskReport], Task] = {}
        while waiting or running:
            while waiting and len(running) < 2 * self.workers:
                task = waiting.pop()
                try:
                    running[self._submit(task)] = task
                except BrokenProcessPool:
                    waiting.append(task)
                    break
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                task = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    suspects.append(task)
                elif error is not None:
                    yield Outcome(
                        task, None, error if isinstance(error, Exception) else StageError(str(error))
                    )
                else:
                    yield Outcome(task, future.result())
            if suspects and not running:
                self._stop()
                for task in suspects:
                    yield self._run_alone(task)
                suspects = []

    def _still_alone(self, deadline: float) -> bool:
        return self._pool is None and time.perf_counter() < deadline

    def _submit(self, task: Task) -> Future[TaskReport]:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self.workers,
                mp_context=get_context("spawn"),
                initializer=_prepare_worker,
                initargs=(self._frugal,),
            )
        return self._pool.submit(run_task, task)

    def _run_alone(self, task: Task) -> Outcome:
        try:
            return Outcome(task, self._submit(task).result())
        except BrokenProcessPool:
            self._stop()
            what = ", ".join(str(path) for paths in task.inputs.files.values() for path in paths[:1])
            return Outcome(
                task,
                None,
                StageError(
                    f"stage {task.stage.name}: the worker died on {what or task.key} (killed for memory, or a "
                    f"crash in native code); raise the memory setting or lower the workers, then run again"
                ),
            )
        except Exception as error:
            return Outcome(task, None, error)

    def _stop(self, *, wait: bool = False) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pool = self._pool
        if pool is not None and kind is not None:
            for process in list(pool._processes.values()):  # interrupted: do not wait for long tasks
                process.terminate()
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _run_here(task: Task) -> Outcome:
    try:
        return Outcome(task, run_task(task))
    except Exception as error:
        return Outcome(task, None, error)


def _prepare_worker(frugal: bool) -> None:
    """One thread a worker, and Ctrl-C is the parent's to handle."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    begin_process()
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    if frugal:
        keep_little()
