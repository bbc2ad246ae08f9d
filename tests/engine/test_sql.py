"""Embedded SQL: quoting, views over no files, streams, and spilling within the memory limit."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.engine.shards import write_table
from gristmill.engine.sql import create_view, fetch_table, open_sql, quote, quote_list, stream_batches

SCHEMA = pa.schema([pa.field("n", pa.int64(), nullable=False), pa.field("text", pa.string())])
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")


@given(st.lists(st.text(CHARACTERS, max_size=20), max_size=5))
def test_quoted_text_reads_back(texts: list[str]) -> None:
    with duckdb.connect() as sql:
        for text in texts:
            assert sql.execute(f"SELECT {quote(text)}").fetchall() == [(text,)]
        assert sql.execute(f"SELECT {quote_list(texts)}").fetchall() == [(texts,)]


def test_a_view_over_files_and_over_none(tmp_path: Path) -> None:
    paths = [tmp_path / "it's one.parquet", tmp_path / "two.parquet"]
    for number, path in enumerate(paths):
        write_table(path, pa.table({"n": [number], "text": [None]}, schema=SCHEMA))
    with open_sql(tmp_path / "spill", 100 << 20, 1) as sql:
        create_view(sql, "several", paths, SCHEMA)
        create_view(sql, "narrow", paths, pa.schema([SCHEMA.field("n")]))
        create_view(sql, "none", [], SCHEMA)
        assert sorted(fetch_table(sql, "SELECT n FROM several")["n"].to_pylist()) == [0, 1]
        assert fetch_table(sql, "SELECT * FROM narrow").column_names == ["n"]
        assert fetch_table(sql, "SELECT * FROM none").num_rows == 0
        assert fetch_table(sql, "SELECT * FROM several WHERE n = ?", [1]).num_rows == 1


def test_a_stream_has_the_schema_and_the_order(tmp_path: Path) -> None:
    with open_sql(tmp_path / "spill", 100 << 20, 2) as sql:
        query = "SELECT range::INTEGER AS n, 'x' AS text FROM range(50000) ORDER BY n DESC"
        batches = list(stream_batches(sql, query, SCHEMA, rows=4096))
        assert all(batch.schema == SCHEMA for batch in batches)
        assert len(batches) > 5
        assert pa.Table.from_batches(batches)["n"].to_pylist() == list(range(50_000))[::-1]
        assert list(stream_batches(sql, f"{query} LIMIT 0", SCHEMA)) == []


def test_a_sort_larger_than_the_memory_spills(tmp_path: Path) -> None:
    with open_sql(tmp_path / "spill", 64 << 20, 1) as sql:
        sql.execute(
            "CREATE TEMP TABLE t AS SELECT md5(range::VARCHAR) || md5(range::VARCHAR) AS h FROM range(2000000)"
        )
        table = fetch_table(
            sql, "SELECT count(*) AS n, count(DISTINCT h) AS d FROM (SELECT h FROM t ORDER BY h)"
        )
        assert table.to_pylist() == [{"n": 2_000_000, "d": 2_000_000}]
        assert list((tmp_path / "spill").iterdir())


def test_nothing_is_installed_and_times_are_utc(tmp_path: Path) -> None:
    with open_sql(tmp_path / "spill", 100 << 20, 1) as sql:
        for name, value in (("autoinstall_known_extensions", False), ("autoload_known_extensions", False)):
            assert sql.execute(f"SELECT current_setting('{name}')").fetchall() in (
                [(value,)],
                [(str(value).lower(),)],
            )
        assert sql.execute("SELECT current_setting('TimeZone')").fetchall() == [("UTC",)]
        with pytest.raises(duckdb.Error):
            sql.execute("SELECT * FROM nowhere")
