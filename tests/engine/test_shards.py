"""Parquet files: whole or absent, cut by bytes, read by key."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.engine.shards import (
    SegmentReader,
    ShardWriter,
    join_batches,
    read_batches,
    read_table,
    split_batch,
    table_digest,
    write_table,
)
from gristmill.errors import StageError

SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), pa.field("data", pa.binary())])


def batch_of(sizes: list[int], start: int = 0) -> pa.RecordBatch:
    ids = [f"{start + number:040x}" for number in range(len(sizes))]
    return pa.RecordBatch.from_arrays([pa.array(ids), pa.array([b"x" * s for s in sizes])], schema=SCHEMA)


def test_row_groups_are_cut_by_bytes(tmp_path: Path) -> None:
    with ShardWriter(tmp_path / "a.parquet", SCHEMA, row_group_bytes=10_000) as writer:
        writer.write(batch_of([100] * 500))
        writer.write(batch_of([50_000]))
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    sizes = [metadata.row_group(number).total_byte_size for number in range(metadata.num_row_groups)]
    assert metadata.num_rows == 501
    assert all(size < 60_000 for size in sizes)
    assert len(sizes) > 5


def test_nothing_stands_there_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), ShardWriter(tmp_path / "a.parquet", SCHEMA) as writer:
        writer.write(batch_of([10]))
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    write_table(path, pa.Table.from_batches([batch_of([10] * 50)]))
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(StageError, match=r"a\.parquet"):
        read_table([path], SCHEMA)


def test_disk_full_in_the_middle_of_a_write(tmp_path: Path) -> None:
    """A file-size limit stands in for a full disk: the write fails, nothing half-written stays."""
    import resource
    import signal

    path = tmp_path / "a.parquet"
    random = np.random.default_rng(1)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, old[1]))
        with pytest.raises(OSError), ShardWriter(path, SCHEMA, row_group_bytes=20_000) as writer:
            for number in range(50):
                data = pa.array([random.bytes(10_000)])
                writer.write(pa.RecordBatch.from_arrays([pa.array([f"{number:040x}"]), data], schema=SCHEMA))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 5_000), max_size=40), st.integers(1, 20_000))
def test_splitting_loses_nothing(sizes: list[int], limit: int) -> None:
    batch = batch_of(sizes)
    parts = list(split_batch(batch, limit, "data"))
    assert pa.Table.from_batches(parts, schema=SCHEMA).equals(pa.Table.from_batches([batch]))
    for part in parts:
        assert part.num_rows == 1 or sum(len(value.as_py()) for value in part["data"]) <= limit


@settings(max_examples=30, deadline=None)
@given(st.sets(st.integers(0, 400)), st.integers(1, 60))
def test_reading_by_key_equals_a_filter(wanted: set[int], group: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "a.parquet", Path(folder) / "b.parquet"]
        for path, start in zip(paths, (0, 150), strict=True):
            with ShardWriter(path, SCHEMA) as writer:
                for at in range(0, 150, group):
                    writer.write(batch_of([1] * min(group, 150 - at), start + at))
                    writer.cut()
        keys = np.array(sorted(f"{number:040x}" for number in wanted), dtype=object)
        with SegmentReader(paths, "id") as reader:
            found = [row for batch in reader.read(keys, ["id"]) for row in batch["id"].to_pylist()]
        everything = [row for batch in read_batches(paths, ["id"]) for row in batch["id"].to_pylist()]
    assert found == [row for row in everything if int(row, 16) in wanted]


def test_equal_digests_mean_equal_rows(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("n", pa.float64()), pa.field("t", pa.string())])
    tables = [
        pa.table({"n": n, "t": t}, schema=schema)
        for n, t in (
            ([1.0, None, 2.0], ["a", "b", "c"]),
            ([1.0, 2.0, None], ["a", "b", "c"]),
            ([1.0, None, 0.0], ["a", "b", "c"]),
            ([1.0, None, 2.0], ["ab", "", "c"]),
            ([1.0, None, 2.0], ["a", "b", None]),
            ([1.0, None, 2.0], ["a", "b", ""]),
            ([1.0, None], ["a", "b"]),
            ([], []),
        )
    ]
    digests = [table_digest(table) for table in tables]
    assert len(set(digests)) == len(tables)
    for table, digest in zip(tables, digests, strict=True):
        write_table(tmp_path / "one.parquet", table)
        assert table_digest(read_table([tmp_path / "one.parquet"], schema)) == digest
        assert table_digest(pa.concat_tables([table.slice(0, 1), table.slice(1)])) == digest
        if table.num_rows:
            assert (
                table_digest(
                    pa.concat_tables([tables[0], table, tables[4]]).combine_chunks().slice(3, table.num_rows)
                )
                == digest
            )
    assert table_digest(tables[0].rename_columns(["n", "u"])) != digests[0]


def test_the_digest_tells_lists_apart() -> None:
    lists = [[["a"], ["b"]], [["a", "b"], []], [["ab"], []], [["a"], None], [["a"], []], [None, ["a"]]]
    tables = [pa.table({"l": pa.array(one, pa.list_(pa.string()))}) for one in lists]
    digests = [table_digest(table) for table in tables]
    assert len(set(digests)) == len(lists)
    sliced = [pa.concat_tables([tables[0], one]).combine_chunks().slice(2) for one in tables]
    assert [table_digest(one) for one in sliced] == digests


@given(st.lists(st.lists(st.binary(max_size=4), max_size=4), max_size=8), st.integers(1, 9))
def test_joining_loses_nothing(parts: list[list[bytes]], limit: int) -> None:
    schema = pa.schema([("data", pa.binary())])
    batches = [pa.RecordBatch.from_pydict({"data": part}, schema=schema) for part in parts]
    joined = [batch["data"].to_pylist() for batch in join_batches(batches, limit, "data")]
    assert [one for part in joined for one in part] == [one for part in parts for one in part]
    assert all(sum(map(len, part)) >= limit for part in joined[:-1])
