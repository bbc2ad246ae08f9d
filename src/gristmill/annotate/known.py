"""Stages that list what no earlier run of theirs has listed: every run is kept, and each adds what is new.

Such a stage has an output of rows by segment, whose first column is the segment and each of whose row groups
holds rows of a single one, and an output ``after``: the keys of the earlier runs whose rows it left out.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from gristmill.engine.shards import open_shard, read_table
from gristmill.workspace import Workspace

AFTER = pa.schema([pa.field("key", pa.string(), nullable=False)])


def earlier_runs(workspace: Workspace, stage: str, output: str) -> list[Path]:
    """The files ``output`` of all runs of a stage that are whole, in the order of their keys."""
    found = (workspace.stages / stage).glob(f"[0-9a-f]*/{output}.parquet")
    return sorted(path for path in found if path.with_name("after.parquet").exists())


def after(earlier: tuple[Path, ...]) -> pa.RecordBatch:
    """The rows of ``after`` of a run that leaves out what ``earlier`` runs list."""
    return pa.RecordBatch.from_arrays(
        [pa.array([path.parent.name for path in earlier], pa.string())], schema=AFTER
    )


def forget_incomplete(workspace: Workspace, stage: str, output: str) -> None:
    """Remove runs that left out what a run listed that is no longer there."""
    while True:
        found = earlier_runs(workspace, stage, output)
        there = {path.parent.name for path in found}
        stale = [
            path.parent
            for path in found
            if not there.issuperset(read_table([path.with_name("after.parquet")], AFTER)["key"].to_pylist())
        ]
        for folder in stale:
            shutil.rmtree(folder)
        if not stale:
            return


def segments_of(path: Path) -> Iterator[tuple[int, str]]:
    """Number and segment of each row group of a run's file."""
    with open_shard(path) as file:
        for number in range(file.num_row_groups):
            yield number, str(file.metadata.row_group(number).column(0).statistics.min)
