"""The three primitives of every pipeline: map_shards, exchange, reduce_partition.

They run a pure stage function over shards on an executor and return the shards it made, in the order of
their inputs whatever the order in which the tasks ended. File bodies never cross an exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gristmill.engine.executors import Executor
from gristmill.engine.progress import Progress
from gristmill.engine.stages import Exchange, Inputs, Shard, Stage, Task, digest, task_key
from gristmill.engine.tasks import read_report
from gristmill.errors import GristmillError, StageError


@dataclass(frozen=True)
class Engine:
    """Where stages run and keep their results: the folder of stages, the executor, the progress display."""

    folder: Path
    executor: Executor
    progress: Progress

    def map_shards(self, stage: Stage, inputs: Sequence[Shard]) -> list[Shard]:
        """Run the stage once a shard; returns one shard of outputs for each input."""
        return self._all([self._task(stage, shard) for shard in inputs])

    def map_each(
        self,
        pairs: Sequence[tuple[Stage, Shard]],
        *,
        tolerate: Callable[[int, GristmillError], None] | None = None,
    ) -> list[Shard | None]:
        """Run stages of one name but different parameters, each on its own shard.

        With ``tolerate`` a failed task calls it with the task's number and the error and leaves a None;
        without, the first error is raised once all other tasks have ended.
        """
        return self._run([self._task(stage, shard) for stage, shard in pairs], tolerate)

    def exchange(self, stage: Stage, inputs: Sequence[Shard], by: Exchange) -> list[Shard]:
        """Map, and cut each output into partitions by a column of unsigned integers."""
        return self._all([self._task(stage, shard, by) for shard in inputs])

    def reduce_partition(
        self,
        stage: Stage,
        exchanged: Sequence[Shard],
        by: Exchange,
        *,
        beside: Shard | None = None,
        whole: Shard | None = None,
    ) -> list[Shard]:
        """Run the stage once a partition over that partition of every exchanged shard.

        ``beside`` holds further inputs that are cut into the same partitions, a row group each; ``whole``
        such that every partition reads in full.
        """
        if not exchanged:
            return []
        (name,) = exchanged[0].files
        files = {name: tuple(shard.file(name) for shard in exchanged), **(beside.files if beside else {})}
        key = digest([shard.key for shard in exchanged], *(s.key if s else "" for s in (beside, whole)))
        every = {**files, **(whole.files if whole else {})}
        shards = [
            Shard(f"{key}/{number}", every, dict.fromkeys(files, number)) for number in range(by.partitions)
        ]
        return self._all([self._task(stage, shard) for shard in shards])

    def _task(self, stage: Stage, shard: Shard, by: Exchange | None = None) -> Task:
        key = task_key(stage, shard.key, by)
        return Task(stage, key, Inputs(shard.files, shard.row_groups), self.folder / stage.name / key, by)

    def _all(self, tasks: Sequence[Task]) -> list[Shard]:
        return [shard for shard in self._run(tasks, None) if shard is not None]

    def _run(
        self, tasks: Sequence[Task], tolerate: Callable[[int, GristmillError], None] | None
    ) -> list[Shard | None]:
        if not tasks:
            return []
        name = tasks[0].stage.name
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        distinct = {task.key: task for task in tasks}
        known = {key for key, task in distinct.items() if task.done()}
        failed: dict[str, GristmillError] = {}
        with self.progress.stage(name, len(distinct), done=len(known)) as bar:
            for key in sorted(known):
                bar.reuse(read_report(distinct[key].folder))
            for outcome in self.executor.run([task for key, task in distinct.items() if key not in known]):
                if outcome.report is not None:
                    bar.advance(outcome.report)
                elif isinstance(outcome.error, GristmillError):
                    failed[outcome.task.key] = outcome.error
                else:
                    raise outcome.error or StageError(f"stage {name}: a task ended without a result")
        for number, task in enumerate(tasks):
            if task.key in failed:
                if tolerate is None:
                    raise failed[task.key]
                tolerate(number, failed[task.key])
        return [None if task.key in failed else _result(task) for task in tasks]


def _result(task: Task) -> Shard:
    return Shard(task.key, {name: (task.outputs(name),) for name in task.stage.outputs})
