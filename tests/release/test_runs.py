"""Runs: any range of places reads what a filter of all rows would."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import ReleaseError
from gristmill.release.runs import cut_runs, read_range, run_writer

SCHEMA = pa.schema([pa.field("name", pa.string()), pa.field("place", pa.uint64(), nullable=False)])
PLACES = st.lists(st.integers(0, 2**64 - 1), max_size=30)


def write(path: Path, runs: list[list[int]]) -> None:
    with run_writer(path, SCHEMA) as writer:
        for places in runs:
            columns = [pa.array([str(place) for place in places]), pa.array(places, pa.uint64())]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(PLACES, max_size=3), max_size=2), st.integers(0, 2**64), st.integers(0, 2**64))
def test_reading_a_range_equals_a_filter(files: list[list[list[int]]], least: int, end: int) -> None:
    least, end = min(least, end), max(least, end)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.arrow" for number in range(len(files))]
        for path, runs in zip(paths, files, strict=True):
            write(path, [sorted(run) for run in runs])
        found = [row for batch in read_range(paths, least, end) for row in batch.to_pylist()]
    wanted = [place for runs in files for run in runs for place in sorted(run) if least <= place < end]
    assert [row["place"] for row in found] == wanted
    assert [row["name"] for row in found] == [str(place) for place in wanted]


@given(PLACES, st.sampled_from([1, 2, 4, 64]), st.integers(1, 9))
def test_runs_lie_within_ranges_as_far_as_rows_allow(places: list[int], ranges: int, size: int) -> None:
    rows = pa.table({"place": pa.array(sorted(places), pa.uint64())})
    runs = [run["place"].to_pylist() for run in cut_runs(rows, size)]
    assert [place for run in runs for place in run] == sorted(places)
    assert all(runs)
    if len(places) > size * ranges // 2:  # as many runs as ranges, at least
        assert all(len({place * ranges >> 64 for place in run}) == 1 for run in runs)


@pytest.mark.parametrize("data", [b"", b"ARROW1 and no more"])
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "rows.arrow"
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match=r"rows\.arrow"):
        list(read_range([path], 0, 1 << 64))
