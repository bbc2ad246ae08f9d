"""Stages and tasks: what is computed, from what, and the key under which the result is kept.

A task's key is the hash of its stage (name, version, parameters) and of the keys of its inputs, so equal
key means equal result. Its outputs are a folder of that name, written aside and renamed whole: a folder
that exists is done, and a build that was killed goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill.engine import shards

KEY_DIGITS = 32
Output = tuple[str, pa.RecordBatch]


@dataclass(frozen=True)
class Shard:
    """Files that belong together under one key: ``files`` maps an input name to Parquet files.

    ``row_groups`` narrows an input to one row group of each of its files.
    """

    key: str
    files: Mapping[str, tuple[Path, ...]]
    row_groups: Mapping[str, int] = field(default_factory=dict)

    def file(self, name: str) -> Path:
        """The one file of that name."""
        (path,) = self.files[name]
        return path


@dataclass(frozen=True)
class Inputs:
    """What a stage function reads: named Parquet files, a row group at a time or whole."""

    files: Mapping[str, tuple[Path, ...]]
    row_groups: Mapping[str, int] = field(default_factory=dict)

    def batches(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """The named input as record batches, in order (of its row group only, where the shard says so)."""
        groups = (self.row_groups[name],) if name in self.row_groups else None
        return shards.read_batches(self.files.get(name, ()), columns, row_groups=groups)

    def table(self, name: str, schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
        """The named input as one table."""
        batches = list(self.batches(name, columns))
        if columns is not None:
            schema = pa.schema([schema.field(column) for column in columns])
        return pa.Table.from_batches(batches, schema=batches[0].schema if batches else schema)


StageFunction = Callable[[Inputs, Mapping[str, Any]], Iterator[Output]]


@dataclass(frozen=True)
class Stage:
    """A pure function over shards.

    ``function`` is a module-level function ``(inputs, params) -> iterator of (output name, batch)``;
    ``outputs`` names its tables. ``version`` changes when its results change. ``params`` must be JSON and
    is part of the key; ``private`` is handed over too but is not (paths, secrets, worker settings).
    Each batch of an output named in ``row_groups`` is written as a row group of its own, so that readers
    can skip by its statistics. ``plain`` names columns that gain nothing from a dictionary: ids and bodies.
    ``compression_level`` is zstd's; intermediate files are read soon and often, so theirs is low. With
    ``own_files`` the function is given ``params["folder"]``, the task's folder in the making, and may put
    files of its own beside its outputs; they are kept under the task's key like these.
    """

    name: str
    version: int
    function: StageFunction
    outputs: Mapping[str, pa.Schema]
    params: Mapping[str, Any] = field(default_factory=dict)
    private: Mapping[str, Any] = field(default_factory=dict)
    row_groups: tuple[str, ...] = ()
    plain: tuple[str, ...] = ()
    compression_level: int = 1
    own_files: bool = False


@dataclass(frozen=True)
class Task:
    """One call of a stage function on one shard; everything in it can be sent to another process."""

    stage: Stage
    key: str
    inputs: Inputs
    folder: Path
    exchange: Exchange | None = None

    def outputs(self, name: str) -> Path:
        """Path of an output of the finished task."""
        return self.folder / f"{name}.parquet"

    def done(self) -> bool:
        """True if the task has been finished, now or by an earlier run."""
        return self.folder.is_dir()


@dataclass(frozen=True)
class Exchange:
    """Partitioning of a map's output: by ``column`` (an unsigned integer) modulo ``partitions``.

    Each partition becomes one row group of the file, so a reducer reads its row group of every file.
    """

    column: str
    partitions: int


def digest(*parts: object) -> str:
    """Hexadecimal digest of JSON-serialisable parts in a canonical form."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_DIGITS]


def task_key(stage: Stage, input_key: str, exchange: Exchange | None = None) -> str:
    """The key of a stage's result on an input: equal key, equal result."""
    cut = None if exchange is None else (exchange.column, exchange.partitions)
    return digest(stage.name, stage.version, stage.params, input_key, cut)
