"""DuckDB as embedded SQL over content-free tables, with a memory limit and a place to spill."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pyarrow as pa


@contextmanager
def open_sql(spill: Path, memory_bytes: int, threads: int) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection of its own to an in-memory database that spills to ``spill`` beyond ``memory_bytes``.

    The database is the process's, since to make one takes ten milliseconds; so all that is made in it must be
    temporary, which is seen by this connection alone and ends with it. No extension is loaded or installed and
    times are UTC.
    """
    spill.mkdir(parents=True, exist_ok=True)
    connection = _database(os.getpid(), spill, max(memory_bytes >> 20, 64), max(1, threads)).cursor()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@functools.cache
def _database(process: int, spill: Path, megabytes: int, threads: int) -> duckdb.DuckDBPyConnection:
    """``process`` is this one: a fork must not use what its parent opened."""
    database = duckdb.connect(
        ":memory:",
        config={
            "memory_limit": f"{megabytes}MiB",
            "temp_directory": str(spill),
            "threads": threads,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        },
    )
    database.execute("SET preserve_insertion_order = false")
    return database


def quote(text: str) -> str:
    """An SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def quote_list(texts: Iterable[str]) -> str:
    """An SQL list of string literals; typed, so that it may be empty."""
    return "CAST([" + ", ".join(quote(text) for text in texts) + "] AS VARCHAR[])"


def create_view(
    connection: duckdb.DuckDBPyConnection, name: str, files: Iterable[Path], schema: pa.Schema
) -> None:
    """A view over Parquet files, taken by their names; with no files an empty table of ``schema``."""
    paths = list(files)
    if paths:
        source = f"read_parquet({file_list(paths)})"
        columns = ", ".join(f'"{field.name}"' for field in schema)
        connection.execute(f'CREATE TEMP VIEW "{name}" AS SELECT {columns} FROM {source}')
    else:
        empty = schema.empty_table()
        connection.register(f"_empty_{name}", empty)
        connection.execute(f'CREATE TEMP VIEW "{name}" AS SELECT * FROM "_empty_{name}"')


def file_list(paths: Iterable[Path]) -> str:
    """An SQL list of file names, with characters that DuckDB would read as a pattern put in brackets."""
    names = (re.sub(r"[*?\[]", lambda found: f"[{found[0]}]", str(path)) for path in paths)
    return f"[{', '.join(quote(name) for name in names)}]"


def fetch_table(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] | None = None
) -> pa.Table:
    """Run a query, with ``values`` for its question marks, and return its result as an Arrow table."""
    return connection.sql(query, params=values).to_arrow_table()


def stream_batches(
    connection: duckdb.DuckDBPyConnection, query: str, schema: pa.Schema, rows: int = 8192
) -> Iterator[pa.RecordBatch]:
    """Run a query and yield its result in batches of ``schema``, at most ``rows`` at a time."""
    for batch in connection.sql(query).to_arrow_reader(rows):
        yield from pa.Table.from_batches([batch]).cast(schema).combine_chunks().to_batches()
