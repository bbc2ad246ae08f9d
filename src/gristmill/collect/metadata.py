"""Facts about origins that their bytes do not tell: stars, forks, creation, from a CSV or Parquet file."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from gristmill import tables
from gristmill.errors import RecipeError

COLUMNS: dict[str, tuple[str, pa.DataType]] = {
    "stars": ("stars", pa.int64()),
    "forks": ("forks", pa.int64()),
    "created_at": ("created_at", tables.TIMESTAMP),
    "github_id": ("github_id", pa.int64()),
    "licence": ("declared_licence", pa.string()),
}


def read_metadata(path: Path) -> pa.Table:
    """Read a metadata file: column ``url`` and any of COLUMNS; other columns are an error.

    Returns the columns under the names of table ``origins``, with ``key``, the normalised URL. Raises
    RecipeError naming the file and the column.
    """
    try:
        table = pq.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
    except (OSError, pa.ArrowException) as error:
        raise RecipeError(f"collect.metadata: {path}: cannot be read: {error}") from error
    twice = sorted({name for name in table.column_names if table.column_names.count(name) > 1})
    if twice:
        raise RecipeError(f"collect.metadata: {path}: column {twice[0]!r} stands twice; keep one")
    unknown = sorted(set(table.column_names) - {"url", *COLUMNS})
    if "url" not in table.column_names or unknown:
        wrong = f"unknown column {unknown[0]!r}" if unknown else "no column 'url'"
        raise RecipeError(f"collect.metadata: {path}: {wrong}; columns: url, {', '.join(COLUMNS)}")
    columns: dict[str, pa.Array] = {
        "key": pa.array([normalise_url(str(url)) for url in table["url"].to_pylist()])
    }
    if len(set(columns["key"].to_pylist())) != table.num_rows:
        raise RecipeError(f"collect.metadata: {path}: the same URL stands twice; keep one row an origin")
    for name, (column, kind) in COLUMNS.items():
        if name in table.column_names:
            try:
                columns[column] = table[name].cast(kind)
            except pa.ArrowException as error:
                raise RecipeError(f"collect.metadata: {path}: column {name!r}: {error}") from error
    return pa.table(columns)


def join_metadata(origins: pa.Table, metadata: pa.Table | None) -> pa.Table:
    """Table ``origins`` with the metadata's values wherever it has one for the origin's URL."""
    if metadata is None:
        return origins
    rows = {row["key"]: row for row in metadata.to_pylist()}
    joined = []
    for origin in origins.to_pylist():
        facts = rows.get(normalise_url(origin["url"]), {})
        joined.append(origin | {k: v for k, v in facts.items() if k != "key" and v is not None})
    return pa.Table.from_pylist(joined, schema=tables.ORIGINS.schema)


def normalise_url(url: str) -> str:
    """A URL for comparison: no scheme, user, trailing slash or ``.git``, lower case.

    ``git@host:owner/name`` (scp's form) is the same as ``ssh://git@host/owner/name``.
    """
    text = url.strip().lower()
    _, separator, rest = text.partition("://")
    text = rest if separator else text
    head, at, tail = text.partition("@")
    if at and "/" not in head:
        text = tail
    if not separator:
        text = re.sub(r"\A([^/:]+):(?!\d+/)", r"\1/", text)
    return text.rstrip("/").removesuffix(".git")
