"""Counts that add up: parts counted by themselves come to what the finished folder says."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_schema import file_row, stub_row, write_shard

from gristmill.release.count import COUNTS, add_up, count_rows
from gristmill.release.plan import DROPPED
from gristmill.release.schema import FILES, slug
from gristmill.release.statistics import LARGEST_CLUSTERS, compute_statistics

FILE = st.fixed_dictionaries(
    {
        "language": st.sampled_from(["C", "C++", None]),
        "licence_expression": st.sampled_from(["MIT", "Apache-2.0", None]),
        "license_type": st.sampled_from(["permissive", "no_license"]),
        "length_bytes": st.integers(0, 2**40),
        "num_lines": st.integers(0, 2**40),
        "redactions": st.integers(0, 3),
        "occurrences": st.one_of(st.integers(1, 9), st.integers(1, 2**45)),
        "cluster": st.none() | st.integers(0, 50),
        "origin_url": st.sampled_from(["https://a.example/x", "https://b.example/y"]),
    }
)
STUB = st.tuples(st.sampled_from(["binary", "size"]), st.integers(-1, 1000))


def file_of(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """A row of FILES; a cluster's size follows from its name."""
    cluster = values.pop("cluster")
    known = {"cluster_id": f"{cluster:040x}", "cluster_size": 2 + cluster % 7} if cluster is not None else {}
    return file_row(f"/{number}.c", f"{number}\n", values.pop("language"), **values, **known)


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(FILE, max_size=40), st.lists(STUB, max_size=6), st.integers(0, 40))
def test_parts_add_up_to_the_whole(files: Any, stubs: Any, cut: int) -> None:
    rows = [file_of(number, dict(values)) for number, values in enumerate(files)]
    with tempfile.TemporaryDirectory() as folder:
        check(Path(folder), rows, stubs, cut)


def check(folder: Path, rows: list[dict[str, Any]], stubs: list[tuple[str, int]], cut: int) -> None:
    for language in {row["language"] for row in rows}:
        own = [row for row in rows if row["language"] == language]
        write_shard(folder, f"data/{slug(language)}/00000-of-00001.parquet", own)
    left = [stub_row(f"/{n}", reason, length_bytes=size) for n, (reason, size) in enumerate(stubs)]
    write_shard(folder, "stubs/00000-of-00001.parquet", left)
    tables = [pa.Table.from_pylist(part, FILES.schema) for part in (rows[:cut], rows[cut:])]
    counts = [count_rows(table) for table in tables]
    assert all(table.schema.equals(COUNTS) for table in counts)
    dropped = [{"reason": reason, "files": 1, "bytes": max(size, 0)} for reason, size in stubs]
    written = [
        {
            "released_bytes": row["released_bytes"],
            "redactions": row["redactions"],
            "redacted_files": int(row["redactions"] > 0),
        }
        for row in rows
    ]
    found = add_up(
        pa.concat_tables(counts),
        written,
        pa.Table.from_pylist(dropped, DROPPED),
        len({row["origin_url"] for row in rows}),
    )
    assert found == compute_statistics(folder)
    assert len(found.largest_clusters) <= LARGEST_CLUSTERS
