"""Print the tables and what each column means."""

from __future__ import annotations

import argparse
import sys

from gristmill.decide.facts import FACTS
from gristmill.errors import RecipeError
from gristmill.release.schema import FILES, STUBS
from gristmill.tables import TABLES, Table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", nargs="*", help="tables to print (default: all)")


def run(options: argparse.Namespace) -> int:
    """Print the tables as Markdown; docs/tables.md is this output."""
    known = (*TABLES, FACTS, FILES, STUBS)
    for name in options.name:
        if name not in {table.name for table in known}:
            raise RecipeError(f"no table {name!r}; tables: {', '.join(table.name for table in known)}")
    for table in known:
        if not options.name or table.name in options.name:
            sys.stdout.write(as_markdown(table))
    return 0


def as_markdown(table: Table) -> str:
    """One table as a Markdown section."""
    lines = [f"## {table.name}", "", f"{table.doc} Key: {', '.join(table.key)}.", ""]
    lines += ["| column | type | meaning |", "| --- | --- | --- |"]
    for column in table.columns:
        kind = str(column.type).replace("|", "\\|")
        null = " (may be null)" if column.nullable else ""
        lines.append(f"| {column.name} | {kind} | {column.doc.replace('|', chr(92) + '|')}{null} |")
    return "\n".join(lines) + "\n\n"
