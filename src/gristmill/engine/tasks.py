"""Run one task: call the stage function, write its outputs aside, put the folder in place."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pyarrow as pa

from gristmill.engine.memory import give_memory_back
from gristmill.engine.shards import ShardWriter, sync_folder
from gristmill.engine.stages import Exchange, Output, Task
from gristmill.errors import GristmillError, StageError

REPORT = "task.json"
PENDING_BYTES = 32 << 20
"""rows that the writers of one task hold before they become row groups"""


@dataclass(frozen=True)
class TaskReport:
    """What a task did: rows written by output, CPU and wall seconds, and whether it had been done before."""

    key: str
    rows: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    reused: bool = False


def run_task(task: Task) -> TaskReport:
    """Do the task unless its folder exists. Raises StageError naming stage and inputs on failure."""
    if task.done():
        return TaskReport(task.key, reused=True)
    started, cpu_started = time.perf_counter(), time.process_time()
    aside = task.folder.with_name(f".{task.folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    try:
        rows = _write_outputs(task, aside)
        report = TaskReport(
            task.key,
            rows,
            round(time.process_time() - cpu_started, 6),
            round(time.perf_counter() - started, 6),
        )
        (aside / REPORT).write_text(json.dumps(asdict(report), sort_keys=True))
        sync_folder(aside)
        try:
            aside.replace(task.folder)
        except OSError:  # another worker finished the same task first: equal key, equal result
            if not task.done():
                raise
        sync_folder(task.folder.parent)
    except GristmillError:
        raise
    except Exception as error:
        raise StageError(f"stage {task.stage.name}: {_describe(task)}: {_reason(error)}") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        give_memory_back()
    return report


def read_report(folder: Path) -> TaskReport:
    """The report of a finished task, marked as reused."""
    try:
        values = msgspec.json.decode((folder / REPORT).read_bytes())
        return TaskReport(**{**values, "reused": True})
    except (OSError, ValueError, TypeError) as error:
        raise StageError(f"{folder}: damaged task folder ({error}); remove it and run again") from error


def _write_outputs(task: Task, aside: Path) -> dict[str, int]:
    own = {"folder": aside} if task.stage.own_files else {}
    batches = task.stage.function(task.inputs, {**task.stage.params, **task.stage.private, **own})
    if task.exchange is not None:
        return _write_partitions(task, aside, batches, task.exchange)
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                ShardWriter(
                    aside / f"{name}.parquet",
                    schema,
                    compression_level=task.stage.compression_level,
                    use_dictionary=[column for column in schema.names if column not in task.stage.plain],
                )
            )
            for name, schema in task.stage.outputs.items()
        }
        for name, batch in batches:
            if name in task.stage.row_groups:
                writers[name].write_row_group(pa.Table.from_batches([batch]))
            else:
                writers[name].write(batch)
                _relieve(writers.values())
    return {name: writer.rows for name, writer in writers.items()}


def _relieve(writers: Iterable[ShardWriter]) -> None:
    """End the largest unfinished row group while all of them together pass the bound.

    It depends on nothing but the rows, so the files stay the same on every machine.
    """
    while sum(writer.pending_bytes for writer in writers) > PENDING_BYTES:
        max(writers, key=lambda writer: writer.pending_bytes).cut()


def _write_partitions(
    task: Task, aside: Path, batches: Iterator[Output], exchange: Exchange
) -> dict[str, int]:
    """Sort all rows by partition and write each partition as one row group, empty ones too."""
    ((name, schema),) = task.stage.outputs.items()
    table = pa.Table.from_batches((batch for _, batch in batches), schema=schema).combine_chunks()
    partition = table.column(exchange.column).to_numpy() % np.uint64(exchange.partitions)
    order = np.argsort(partition, kind="stable")
    ends = np.searchsorted(partition[order], np.arange(exchange.partitions, dtype=np.uint64), side="right")
    limit = 1 << 62
    dictionary = [column for column in schema.names if column not in task.stage.plain]
    level = task.stage.compression_level
    path = aside / f"{name}.parquet"
    with ShardWriter(
        path, schema, row_group_bytes=limit, compression_level=level, use_dictionary=dictionary
    ) as writer:
        start = 0
        for end in ends.tolist():
            writer.write_row_group(table.take(pa.array(order[start:end])))
            start = end
    return {name: writer.rows}


def _describe(task: Task) -> str:
    names = [str(path) for paths in task.inputs.files.values() for path in paths]
    shown = ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
    return shown or f"task {task.key}"


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        mend = " (free some space and run again: finished work is kept)" if error.errno == 28 else ""
        return f"{error.strerror or error}{mend}"
    if isinstance(error, MemoryError):
        return "out of memory; raise the memory setting or lower the number of workers"
    if isinstance(error, duckdb.IOException | duckdb.InvalidInputException):
        return f"{error} (if a file named here is damaged, remove its folder and run the build again)"
    return f"{type(error).__name__}: {error}"
