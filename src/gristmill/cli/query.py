"""Ask the tables of the last build, and its release, in SQL.

Every table of the documentation is a view, as are ``files`` and ``stubs`` of the release.
"""

from __future__ import annotations

import argparse
import csv
import decimal
import json
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
from rich.table import Table

from gristmill import tables
from gristmill.cli.options import add_workspace, existing_workspace, plain_console, printable
from gristmill.decide.facts import FACTS
from gristmill.engine.sql import create_view, fetch_table, open_sql
from gristmill.errors import GristmillError, WorkspaceError
from gristmill.release.schema import FILES, STUBS, shards
from gristmill.settings import make_settings
from gristmill.workspace import Workspace

SHOWN_ROWS = 100


class QueryError(GristmillError):
    """The database does not accept the query."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("sql", help="a query in DuckDB's SQL")
    add_workspace(parser)
    parser.add_argument(
        "--format", choices=("table", "csv", "json"), default="table", help="how to print rows"
    )
    parser.add_argument("--memory", help="memory limit, for example 2GB (default: half of this machine's)")


def run(options: argparse.Namespace) -> int:
    """Run the query and print its rows."""
    workspace = existing_workspace(options)
    settings = make_settings(options.memory)
    with open_sql(workspace.spill, settings.memory // 2, settings.workers) as sql:
        _create_views(sql, workspace)
        try:
            result = fetch_table(sql, options.sql)
        except (duckdb.Error, AttributeError) as error:
            raise QueryError(f"query: {error}") from error
    _print_rows(result, options.format)
    return 0


def _create_views(sql: duckdb.DuckDBPyConnection, workspace: Workspace) -> None:
    catalogue = workspace.read_catalogue()
    for table in (*tables.TABLES, FACTS):
        create_view(sql, table.name, catalogue.get(table.name, []), table.schema)
    release = _last_release(workspace)
    for table in (FILES, STUBS):
        create_view(sql, table.name, shards(release, table), table.schema)


def _last_release(workspace: Workspace) -> Path:
    path = workspace.runs / "last.json"
    try:
        return workspace.releases / str(json.loads(path.read_text())["release"])
    except (OSError, ValueError, KeyError) as error:
        raise WorkspaceError(f"{path}: no report of a run ({error}); run: gristmill build") from error


def _plain(value: object) -> object:
    """A value that JSON does not know: decimals (sums of integers) as numbers, all else as text."""
    if isinstance(value, decimal.Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def _print_rows(result: pa.Table, form: str) -> None:
    if form == "json":
        for row in result.to_pylist():
            sys.stdout.write(json.dumps(row, default=_plain, ensure_ascii=False) + "\n")
    elif form == "csv":
        writer = csv.writer(sys.stdout)
        writer.writerow(result.column_names)
        writer.writerows(row.values() for row in result.to_pylist())
    else:
        shown = Table(box=None, pad_edge=False)
        for name in result.column_names:
            shown.add_column(name, overflow="fold")
        for row in result.slice(0, SHOWN_ROWS).to_pylist():
            shown.add_row(*(printable(str(value)) if value is not None else "" for value in row.values()))
        console = plain_console()
        console.print(shown)
        if result.num_rows > SHOWN_ROWS:
            console.print(f"{result.num_rows - SHOWN_ROWS:,} more rows; --format csv or json prints all")
