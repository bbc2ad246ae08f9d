"""Runs of a stage that lists what is new: they add up, and none stands whose forerunners are gone."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from gristmill.annotate.known import after, earlier_runs, forget_incomplete, segments_of
from gristmill.engine.shards import ShardWriter, write_table
from gristmill.workspace import Workspace, open_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return open_workspace(tmp_path / "w")


def run(workspace: Workspace, key: str, segments: list[str] | None = None) -> Path:
    """A finished run of stage ``finder`` that left out what all the others list."""
    earlier = earlier_runs(workspace, "finder", "found")
    folder = workspace.stages / "finder" / key
    folder.mkdir(parents=True)
    schema = pa.schema([("segment", pa.string())])
    with ShardWriter(folder / "found.parquet", schema) as writer:
        for segment in segments or ["s"]:
            writer.write_row_group(pa.table({"segment": [segment]}, schema=schema))
    write_table(folder / "after.parquet", pa.Table.from_batches([after(tuple(earlier))]))
    return folder


def keys(workspace: Workspace) -> list[str]:
    return [path.parent.name for path in earlier_runs(workspace, "finder", "found")]


def test_runs_are_in_the_order_of_their_keys_and_whole(workspace: Workspace) -> None:
    assert keys(workspace) == []
    run(workspace, "bb")
    run(workspace, "aa")
    (run(workspace, "cc") / "after.parquet").unlink()
    run(workspace, ".dd.tmp")
    assert keys(workspace) == ["aa", "bb"]


def test_what_followed_a_run_that_is_gone_goes_too(workspace: Workspace) -> None:
    first, _, last = run(workspace, "aa"), run(workspace, "bb"), run(workspace, "cc")
    forget_incomplete(workspace, "finder", "found")
    assert keys(workspace) == ["aa", "bb", "cc"]
    (last / "found.parquet").unlink()
    forget_incomplete(workspace, "finder", "found")
    assert keys(workspace) == ["aa", "bb"]
    (first / "found.parquet").unlink()
    forget_incomplete(workspace, "finder", "found")
    assert keys(workspace) == []


def test_the_segments_of_row_groups(workspace: Workspace) -> None:
    folder = run(workspace, "aa", ["s2", "s1", "s2"])
    assert list(segments_of(folder / "found.parquet")) == [(0, "s2"), (1, "s1"), (2, "s2")]
