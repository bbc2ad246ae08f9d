"""One suite for every executor: same results, same bytes, same behaviour on failure."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from stages_under_test import NUMBERS, look_stage, scale_stage, sum_stage

from gristmill.engine.executors import Executor, open_executor
from gristmill.engine.graph import Engine
from gristmill.engine.progress import Progress
from gristmill.engine.shards import read_table, write_table
from gristmill.engine.stages import Exchange, Shard, digest
from gristmill.errors import StageError

KINDS = [
    pytest.param(("local", 1), id="local-1"),
    pytest.param(("local", 2), id="local-2"),
    pytest.param(("ray", 2), id="ray-2", marks=pytest.mark.ray),
]


@pytest.fixture(scope="module", params=KINDS)
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    kind, workers = request.param
    if kind == "ray":
        pytest.importorskip("ray", reason="the ray extra is not installed")
        # Ray's workers import this folder's modules, and the package from where this process has it.
        paths = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    with open_executor(kind, workers) as opened:
        yield opened


@pytest.fixture
def engine(tmp_path: Path, executor: Executor) -> Engine:
    return Engine(tmp_path / "stages", executor, Progress(quiet=True))


def make_shards(folder: Path, count: int = 4, rows: int = 500) -> list[Shard]:
    folder.mkdir(exist_ok=True)
    shards = []
    for number in range(count):
        random = np.random.default_rng(number)
        table = pa.table(
            {"key": random.integers(0, 97, rows).astype(np.uint64), "value": random.integers(-9, 9, rows)},
            schema=NUMBERS,
        )
        path = folder / f"{number}.parquet"
        write_table(path, table)
        shards.append(Shard(digest("input", number), {"numbers": (path,)}))
    return shards


def contents(shards: list[Shard], name: str) -> pa.Table:
    return read_table([shard.file(name) for shard in shards], NUMBERS)


def digests(shards: list[Shard], name: str) -> list[str]:
    return [hashlib.sha256(shard.file(name).read_bytes()).hexdigest() for shard in shards]


def test_map_keeps_the_order_of_the_inputs(engine: Engine, tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in")
    made = engine.map_shards(scale_stage(3), inputs)
    assert contents(made, "numbers")["value"].to_pylist() == [
        3 * value for value in contents(inputs, "numbers")["value"].to_pylist()
    ]


def test_exchange_and_reduce_equal_a_plain_group_by(engine: Engine, tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in")
    by = Exchange("key", 7)
    reduced = engine.reduce_partition(sum_stage(), engine.exchange(scale_stage(1), inputs, by), by)
    found = {row["key"]: row["value"] for row in contents(reduced, "sums").to_pylist()}
    expected: dict[int, int] = {}
    for row in contents(inputs, "numbers").to_pylist():
        expected[row["key"]] = expected.get(row["key"], 0) + row["value"]
    assert found == expected
    assert len(reduced) == 7


def test_empty_partitions_and_empty_shards(engine: Engine, tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in", count=2, rows=0)
    by = Exchange("key", 3)
    reduced = engine.reduce_partition(sum_stage(), engine.exchange(scale_stage(1), inputs, by), by)
    assert contents(reduced, "sums").num_rows == 0
    assert engine.reduce_partition(sum_stage(), [], by) == []


def test_bytes_are_the_same_on_every_executor(engine: Engine, tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in")
    by = Exchange("key", 5)
    exchanged = engine.exchange(scale_stage(2), inputs, by)
    with open_executor("local", 1) as plain:
        other = Engine(tmp_path / "other", plain, Progress(quiet=True))
        assert digests(other.exchange(scale_stage(2), inputs, by), "numbers") == digests(exchanged, "numbers")


def test_what_is_done_is_not_done_again(engine: Engine, tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in")
    calls = tmp_path / "calls"
    calls.mkdir()
    first = engine.map_shards(scale_stage(2, calls=str(calls)), inputs[:3])
    again = engine.map_shards(scale_stage(2, calls=str(calls)), inputs)
    assert [shard.key for shard in again[:3]] == [shard.key for shard in first]
    assert len(list(calls.iterdir())) == 4
    engine.map_shards(scale_stage(5, calls=str(calls)), inputs)
    assert len(list(calls.iterdir())) == 8


def test_a_failed_task_does_not_stop_the_others(engine: Engine, tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in")
    lone = pa.table({"key": [1], "value": [1234]}, schema=NUMBERS)
    write_table(tmp_path / "lone.parquet", lone)
    bad = Shard(digest("bad"), {"numbers": (tmp_path / "lone.parquet",)})
    stage = scale_stage(2, fail_on=1234)
    with pytest.raises(StageError, match=r"scaled.*lone\.parquet.*the value that fails"):
        engine.map_shards(stage, [bad, *inputs])
    failures: list[int] = []
    made = engine.map_each(
        [(stage, shard) for shard in [*inputs, bad]], tolerate=lambda number, error: failures.append(number)
    )
    assert failures == [len(inputs)]
    assert [shard is None for shard in made] == [False] * len(inputs) + [True]
    assert not list((tmp_path / "stages").rglob("*.tmp"))


def test_a_worker_that_is_killed_is_named_and_the_rest_is_done(tmp_path: Path) -> None:
    inputs = make_shards(tmp_path / "in")
    write_table(tmp_path / "deadly.parquet", pa.table({"key": [1], "value": [666]}, schema=NUMBERS))
    bad = Shard(digest("deadly"), {"numbers": (tmp_path / "deadly.parquet",)})
    failures: list[str] = []
    with open_executor("local", 2) as executor:
        engine = Engine(tmp_path / "stages", executor, Progress(quiet=True))
        made = engine.map_each(
            [(scale_stage(2, die_on=666), shard) for shard in [bad, *inputs]],
            tolerate=lambda number, error: failures.append(str(error)),
        )
    assert [shard is None for shard in made] == [True, False, False, False, False]
    assert len(failures) == 1
    assert "deadly.parquet" in failures[0]


@pytest.mark.parametrize("alone", [60.0, 0.0])
def test_few_small_tasks_start_no_workers(tmp_path: Path, alone: float) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    with open_executor("local", 2, alone=alone) as executor:
        engine = Engine(tmp_path / "stages", executor, Progress(quiet=True))
        engine.map_shards(scale_stage(2, calls=str(calls)), make_shards(tmp_path / "in"))
    seen = {path.name.partition("-")[0] for path in calls.iterdir()}
    assert (seen == {str(os.getpid())}) == (alone > 0)


def test_many_tasks_go_to_workers_once_time_is_up(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.mkdir()
    with open_executor("local", 2, alone=0.3) as executor:
        engine = Engine(tmp_path / "stages", executor, Progress(quiet=True))
        inputs = make_shards(tmp_path / "in", count=8)
        made = engine.map_shards(scale_stage(2, calls=str(calls), pause=0.2), inputs)
        here = [path for path in calls.iterdir() if path.name.startswith(f"{os.getpid()}-")]
        assert len(list(calls.iterdir())) == 8
        assert len(here) == 2
        engine.map_shards(scale_stage(3, calls=str(calls)), inputs)
    assert [path for path in calls.iterdir() if path.name.startswith(f"{os.getpid()}-")] == here
    assert contents(made, "numbers")["value"].to_pylist() == [
        2 * value for value in contents(inputs, "numbers")["value"].to_pylist()
    ]


def test_workers_do_not_load_pandas(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    with open_executor("local", 2) as executor:
        engine = Engine(tmp_path / "stages", executor, Progress(quiet=True))
        made = engine.map_shards(look_stage(), make_shards(tmp_path / "in"))
    assert contents(made, "numbers")["value"].to_pylist() == [0] * 4


def test_kill_9_in_the_middle_then_only_the_rest_is_done(tmp_path: Path) -> None:
    """A build killed without warning leaves finished tasks whole, and the next run does the others."""
    inputs = make_shards(tmp_path / "in", count=6)
    script = tmp_path / "run.py"
    script.write_text(
        "import sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from pathlib import Path\n"
        "from stages_under_test import scale_stage\n"
        "from gristmill.engine.executors import open_executor\n"
        "from gristmill.engine.graph import Engine\n"
        "from gristmill.engine.progress import Progress\n"
        "from gristmill.engine.stages import Shard, digest\n"
        f"folder = Path({str(tmp_path / 'in')!r})\n"
        "shards = [Shard(digest('input', n), {'numbers': (folder / f'{n}.parquet',)}) for n in range(6)]\n"
        "with open_executor('local', 1) as executor:\n"
        f"    engine = Engine(Path({str(tmp_path / 'stages')!r}), executor, Progress(quiet=True))\n"
        "    engine.map_shards(scale_stage(2, pause=0.4), shards)\n"
    )
    child = subprocess.Popen([sys.executable, str(script)])
    folder = tmp_path / "stages" / "scaled"
    deadline = time.monotonic() + 60
    while len(finished(folder)) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(signal.SIGKILL)
    child.wait()
    done = finished(folder)
    assert 2 <= len(done) < 6
    calls = tmp_path / "calls"
    calls.mkdir()
    with open_executor("local", 1) as executor:
        engine = Engine(tmp_path / "stages", executor, Progress(quiet=True))
        made = engine.map_shards(scale_stage(2, calls=str(calls)), inputs)
    assert len(list(calls.iterdir())) == 6 - len(done)
    assert contents(made, "numbers")["value"].to_pylist() == [
        2 * value for value in contents(inputs, "numbers")["value"].to_pylist()
    ]


def finished(folder: Path) -> list[Path]:
    return [path for path in folder.glob("*") if not path.name.startswith(".")] if folder.exists() else []
