"""The collect stages: what is planned, how segments are cut, and what is recorded where bytes are missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill import tables
from gristmill.collect import directory
from gristmill.collect.reader import Context, Limits, Source
from gristmill.collect.stages import IDS, SLOTS, fetch_stage, ids_stage, list_stage, plan_stage, slot
from gristmill.engine.executors import open_executor
from gristmill.engine.graph import Engine
from gristmill.engine.progress import Progress
from gristmill.engine.shards import write_table
from gristmill.engine.stages import Inputs, Shard


@pytest.fixture
def context(tmp_path: Path) -> Context:
    return Context(tmp_path / "cache", Limits(max_content_bytes=5_000), b"key")


def entries(folder: Path, name: str, *rows: tuple[str, int, str | None, str]) -> Path:
    """A listing's table of entries: content ids with length, skipped and type; its origin is named ``name``."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.parquet"
    values = [
        {"origin_id": name, "anchor": "a", "directory_id": "d", "path": str(n), "name": str(n), "type": kind, "perms": 0,
         "content_id": content, "length": length, "skipped": skipped, "head": True}
        for n, (content, length, skipped, kind) in enumerate(rows)
    ]  # fmt: skip
    write_table(path, pa.Table.from_pylist(values, schema=tables.ENTRIES.schema))
    return path


def plan(
    tmp_path: Path, files: dict[str, tuple[Path, ...]], segment_bytes: int
) -> list[list[tuple[int, str]]]:
    """Run the plan stage: the batches, each a list of (source, content)."""
    stage = plan_stage(segment_bytes, tmp_path / "spill", 100 << 20, 1)
    batches = [batch for _, batch in stage.function(Inputs(files), {**stage.params, **stage.private})]
    for number, batch in enumerate(batches):
        assert set(batch["batch"].to_pylist()) == {number}
    return [list(zip(b["source"].to_pylist(), b["content_id"].to_pylist(), strict=True)) for b in batches]


def test_the_plan_asks_each_missing_content_once_of_the_first_that_can(tmp_path: Path) -> None:
    one = entries(
        tmp_path / "e",
        "one",
        ("aa", 6, None, "file"),
        ("bb", 6, None, "file"),
        ("cc", 1, "too_large", "file"),
    )
    two = entries(
        tmp_path / "e",
        "two",
        ("aa", 6, None, "file"),
        ("dd", 6, None, "symlink"),
        ("ee", 0, None, "submodule"),
    )
    ids = tmp_path / "ids.parquet"
    rows = [{"content_id": "bb", "failed_for": None}, {"content_id": "aa", "failed_for": "one"}]
    write_table(ids, pa.Table.from_pylist(rows, schema=IDS))
    files: dict[str, tuple[Path, ...]] = {"entries": (one, two), "ids": ()}
    assert plan(tmp_path, files, 1_000) == [[(0, "aa"), (0, "bb"), (1, "dd")]]
    files = {"entries": (one, two), "ids": (ids,)}
    assert plan(tmp_path, files, 1_000) == [[(1, "aa"), (1, "dd")]]


def test_the_plan_is_cut_by_bytes_and_a_large_content_jumps_no_number(tmp_path: Path) -> None:
    path = entries(
        tmp_path / "e",
        "one",
        ("aa", 50, None, "file"),
        ("bb", 4, None, "file"),
        ("cc", 4, None, "file"),
        ("dd", -1, None, "file"),
    )
    batches = plan(tmp_path, {"entries": (path,), "ids": ()}, 10)
    assert [[content for _, content in batch] for batch in batches] == [["aa"], ["bb", "cc", "dd"]]
    assert plan(tmp_path, {"entries": (entries(tmp_path / "e", "none"),), "ids": ()}, 10) == []


def test_slots_are_equal_ranges() -> None:
    counts = [0] * SLOTS
    for first in range(256):
        counts[slot(f"{first:02x}" + "0" * 38)] += 1
    assert set(counts) == {256 // SLOTS}
    assert [slot("00"), slot("ff")] == [0, SLOTS - 1]


def test_a_segment_is_sorted_hashed_and_cut_at_slots(tmp_path: Path, context: Context) -> None:
    folder = tmp_path / "d"
    folder.mkdir()
    for number in range(300):
        (folder / f"f{number}").write_bytes(b"%d" % number)
    state = directory.resolve(Source("dir", str(folder)), context)
    with open_executor("local", 1) as executor:
        engine = Engine(tmp_path / "stages", executor, Progress(quiet=True))
        (listed,) = engine.map_shards(list_stage(state, context), [Shard("", {})])
        files = {"entries": (listed.file("entries"),), "ids": ()}
        (planned,) = engine.map_shards(
            plan_stage(1 << 20, tmp_path / "spill", 100 << 20, 1), [Shard("k", files)]
        )
        (folder / "f7").unlink()  # gone between listing and reading
        asked = Shard("f", {"wanted": planned.files["wanted"]}, {"wanted": 0})
        (segment,) = engine.map_shards(fetch_stage({0: state}, context), [asked])
        (told,) = engine.map_shards(ids_stage(), [segment])
    file = pq.ParquetFile(segment.file("contents"))
    rows = file.read().to_pylist()
    assert len(rows) == 299
    assert [row["content_id"] for row in rows] == sorted(row["content_id"] for row in rows)
    for row in rows:
        data = row["data"]
        assert row["content_id"] == hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        assert (row["sha1"], row["sha256"]) == (
            hashlib.sha1(data).hexdigest(),
            hashlib.sha256(data).hexdigest(),
        )
        assert row["length"] == len(data)
    for number in range(file.num_row_groups):
        ids = file.read_row_group(number, columns=["content_id"])["content_id"].to_pylist()
        assert len({slot(content) for content in ids}) == 1
    (skipped,) = pq.read_table(segment.file("skipped_contents")).to_pylist()
    assert skipped["content_id"] == hashlib.sha1(b"blob 1\x007").hexdigest()
    assert (skipped["reason"], skipped["origin_id"]) == ("corrupt", state.origin["origin_id"])
    listed_ids = pq.read_table(told.file("ids")).to_pylist()
    assert [row["content_id"] for row in listed_ids if row["failed_for"] is None] == [
        row["content_id"] for row in rows
    ]
    assert listed_ids[len(rows) :] == [
        {"content_id": skipped["content_id"], "failed_for": skipped["origin_id"]}
    ]


def test_limits_and_people_are_part_of_a_listings_key(tmp_path: Path, context: Context) -> None:
    (tmp_path / "d").mkdir()
    state = directory.resolve(Source("dir", str(tmp_path / "d")), context)
    others = [
        Context(context.cache, Limits(max_content_bytes=6_000), b"key"),
        Context(context.cache, context.limits, b"other"),
        Context(context.cache, context.limits, None),
    ]
    keys = [str(list_stage(state, one).params) for one in (context, *others)]
    assert len(set(keys)) == 4
    assert not any("key" in key.replace("people", "") and "b'key'" in key for key in keys)
    moved = Context(tmp_path / "elsewhere", context.limits, b"key")
    assert list_stage(state, moved).params == list_stage(state, context).params
