"""Row groups by key, and the index that says which of them changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.decide.groups import INDEX, cut, read_index
from gristmill.engine.shards import table_digest
from gristmill.engine.stages import Inputs, Shard, Stage, Task
from gristmill.engine.tasks import run_task

ROWS = pa.schema([pa.field("key", pa.int64(), nullable=False), pa.field("value", pa.string())])


def indexed(folder: Path, rows: list[tuple[int, str | None]]) -> tuple[Shard, dict[str, tuple[int, str]]]:
    table = pa.Table.from_pylist([{"key": key, "value": value} for key, value in rows], schema=ROWS)

    def function(inputs: Inputs, params: object) -> object:
        return cut("rows", table, table["key"].to_numpy())

    stage = Stage("cut", 1, function, {"rows": ROWS, "index": INDEX}, row_groups=("rows",))  # type: ignore[arg-type]
    task = Task(stage, "0", Inputs({}), folder)
    run_task(task)
    shard = Shard("0", {name: (task.outputs(name),) for name in stage.outputs})
    return shard, dict(read_index(shard))


def test_a_row_group_a_key_and_digests_that_tell_what_changed(tmp_path: Path) -> None:
    shard, before = indexed(tmp_path / "a", [(2, "x"), (2, None), (5, "y"), (9, "z")])
    assert {key: number for key, (number, _) in before.items()} == {"2": 0, "5": 1, "9": 2}
    file = pq.ParquetFile(shard.file("rows"))
    for number, digest in before.values():
        assert table_digest(file.read_row_group(number)) == digest
    _, after = indexed(tmp_path / "b", [(1, "w"), (2, "x"), (2, ""), (5, "y"), (9, "z")])
    assert after["5"] == (2, before["5"][1])
    assert after["9"][1] == before["9"][1]
    assert after["2"][1] != before["2"][1]


def test_no_rows_no_groups(tmp_path: Path) -> None:
    shard, index = indexed(tmp_path / "a", [])
    assert index == {}
    assert pq.ParquetFile(shard.file("rows")).num_row_groups == 0
    assert list(cut("rows", ROWS.empty_table(), np.array([], np.int64)))[-1][1].num_rows == 0
