"""Tasks: whole or not there, with a report, and errors that name the stage, the input and the mend."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.engine.shards import write_table
from gristmill.engine.stages import Exchange, Inputs, Output, Stage, Task, digest, task_key
from gristmill.engine.tasks import PENDING_BYTES, read_report, run_task
from gristmill.errors import OriginError, StageError

SCHEMA = pa.schema([pa.field("key", pa.uint64(), nullable=False), pa.field("data", pa.binary())])


def batch(*keys: int, size: int = 1) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array(keys, pa.uint64()), pa.array([b"x" * size] * len(keys))], schema=SCHEMA
    )


def yield_params(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    yield from params["outputs"]
    if "error" in params:
        raise params["error"]


def task(folder: Path, outputs: list[Output], exchange: Exchange | None = None, **private: Any) -> Task:
    names = dict.fromkeys([name for name, _ in outputs] or ["a"])
    groups = private.pop("row_groups", ())
    stage = Stage(
        "made", 1, yield_params, dict.fromkeys(names, SCHEMA), {}, {"outputs": outputs, **private}, groups
    )
    inputs = Inputs({"in": (Path("/from/first.parquet"), Path("/from/second.parquet"), Path("/third"))})
    (folder / "made").mkdir(exist_ok=True)
    return Task(stage, "k", inputs, folder / "made" / "k", exchange)


def test_a_task_is_done_once_and_tells_of_itself(tmp_path: Path) -> None:
    made = task(tmp_path, [("a", batch(1, 2)), ("b", batch(3)), ("a", batch(4))])
    report = run_task(made)
    assert (report.rows, report.reused) == ({"a": 3, "b": 1}, False)
    assert {path.name for path in made.folder.iterdir()} == {"a.parquet", "b.parquet", "task.json"}
    assert pq.read_table(made.outputs("a"))["key"].to_pylist() == [1, 2, 4]
    assert run_task(made).reused
    again = read_report(made.folder)
    assert (again.reused, again.rows) == (True, report.rows)


@pytest.mark.parametrize(
    "error", [ValueError("v"), KeyError("k"), MemoryError(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_a_failed_task_leaves_nothing_and_is_named(tmp_path: Path, error: Exception) -> None:
    made = task(tmp_path, [("a", batch(1))], error=error)
    with pytest.raises(StageError) as caught:
        run_task(made)
    said = str(caught.value)
    assert said.startswith("stage made: /from/first.parquet, /from/second.parquet and 1 more: ")
    expected = {MemoryError: "raise the memory setting", OSError: "free some space and run again"}.get(
        type(error)
    )
    assert (expected or type(error).__name__) in said
    assert list((tmp_path / "made").iterdir()) == []


def test_an_error_meant_for_the_user_stays_as_it_is(tmp_path: Path) -> None:
    error = OriginError("origin x: cannot be read")
    with pytest.raises(OriginError) as caught:
        run_task(task(tmp_path, [], error=error))
    assert caught.value is error


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"key": "k", "more": 1}'])
def test_a_damaged_report_is_named(tmp_path: Path, text: str | None) -> None:
    made = task(tmp_path, [("a", batch(1))])
    run_task(made)
    path = made.folder / "task.json"
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(StageError, match=r"made/k: damaged task folder .* remove it and run again"):
        read_report(made.folder)


def test_batches_of_named_outputs_are_row_groups(tmp_path: Path) -> None:
    made = task(
        tmp_path,
        [("a", batch(1, 2)), ("b", batch(1)), ("a", batch()), ("a", batch(3)), ("b", batch(2))],
        row_groups=("a",),
    )
    run_task(made)
    groups = {name: pq.ParquetFile(made.outputs(name)).metadata for name in "ab"}
    assert [groups["a"].row_group(n).num_rows for n in range(groups["a"].num_row_groups)] == [2, 0, 1]
    assert groups["b"].num_row_groups == 1


def test_an_exchange_has_a_row_group_for_every_partition(tmp_path: Path) -> None:
    made = task(tmp_path, [("a", batch(7, 1, 4)), ("a", batch(2, 10))], Exchange("key", 4))
    assert run_task(made).rows == {"a": 5}
    file = pq.ParquetFile(made.outputs("a"))
    keys = [file.read_row_group(n)["key"].to_pylist() for n in range(file.num_row_groups)]
    assert keys == [[4], [1], [2, 10], [7]]


def test_many_outputs_hold_few_rows(tmp_path: Path) -> None:
    """Forty outputs that each hold less than a row group's bytes would together hold far more than the bound."""
    outputs = [(f"o{number % 40}", batch(number, size=1 << 20)) for number in range(80)]
    made = task(tmp_path, outputs)
    run_task(made)
    groups = sum(pq.read_metadata(made.outputs(f"o{number}")).num_row_groups for number in range(40))
    assert groups > 40
    assert PENDING_BYTES < 80 << 20


def test_keys_depend_on_what_the_result_depends_on(tmp_path: Path) -> None:
    stage = task(tmp_path, []).stage
    base = task_key(stage, "in")
    others = [
        task_key(stage, "other"),
        task_key(stage, "in", Exchange("key", 4)),
        task_key(stage, "in", Exchange("key", 5)),
        task_key(Stage("made", 2, yield_params, stage.outputs), "in"),
        task_key(Stage("other", 1, yield_params, stage.outputs), "in"),
        task_key(Stage("made", 1, yield_params, stage.outputs, {"p": 1}), "in"),
    ]
    assert len({base, *others}) == 7
    assert task_key(Stage("made", 1, yield_params, stage.outputs, {}, {"private": 1}), "in") == base
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest("ab", "c") != digest("a", "bc")


def test_another_worker_was_faster(tmp_path: Path) -> None:
    made = task(tmp_path, [("a", batch(1))])

    def race() -> Iterator[Output]:
        yield "a", batch(2)
        write_table_at(made.folder)

    slow = task(tmp_path, [])
    object.__setattr__(slow.stage, "private", {"outputs": race()})
    assert run_task(slow).rows == {"a": 1}
    assert pq.read_table(made.outputs("a"))["key"].to_pylist() == [9]
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["k"]


def write_table_at(folder: Path) -> None:
    folder.mkdir()
    write_table(folder / "a.parquet", pa.Table.from_batches([batch(9)]))
    (folder / "task.json").write_text(json.dumps({"key": "k"}))


def put_file(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (Path(params["folder"]) / "own").write_text("mine")
    yield "a", batch(1)
    if params.get("error"):
        raise params["error"]


def test_a_stage_may_put_files_of_its_own_beside_its_outputs(tmp_path: Path) -> None:
    stage = Stage("made", 1, put_file, {"a": SCHEMA}, own_files=True)
    (tmp_path / "made").mkdir()
    made = Task(stage, "k", Inputs({}), tmp_path / "made" / "k")
    run_task(made)
    assert (made.folder / "own").read_text() == "mine"
    assert task_key(stage, "x") == task_key(Stage("made", 1, put_file, {"a": SCHEMA}), "x")
    failing = Stage("made", 1, put_file, {"a": SCHEMA}, private={"error": ValueError("no")}, own_files=True)
    with pytest.raises(StageError, match="no"):
        run_task(Task(failing, "f", Inputs({}), tmp_path / "made" / "f"))
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"k"}
