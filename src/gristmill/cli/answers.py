"""The answers of ``gristmill classify`` as a table on the screen and as a Parquet file."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

from gristmill.cli.options import plain_console, printable

if TYPE_CHECKING:
    import pyarrow as pa

BAR = 24
"""Letters of the bar of a score of 1."""
BATCH_ROWS, BATCH_BYTES = 4096, 16 << 20
"""Most rows and bytes of JSON lines of a row group; one line may be longer."""


def print_answer(answer: Mapping[str, Any]) -> None:
    """Print a single text's labels with their scores."""
    console = plain_console()
    if not answer["labels"]:
        console.print("no label reaches the threshold")
        return
    names = [" / ".join(path) for path in answer["paths"]] if "paths" in answer else answer["labels"]
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    for name, score in zip(names, answer["scores"], strict=True):
        table.add_row(printable(name.replace("\n", " ")), f"{score:.4f}", "█" * round(BAR * score))
    console.print(table)


def write_parquet(lines: Path, output: Path, *, threshold: bool, tree: bool) -> None:
    """Write JSON lines of answers as a Parquet file, a few thousand at a time; equal lines give equal bytes.

    ``threshold`` and ``tree`` add the columns ``abstained`` and ``paths``. Lone surrogates become U+FFFD.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [
        pa.field("row", pa.int64()),
        pa.field("sequence", pa.string()),
        pa.field("labels", pa.list_(pa.string())),
        pa.field("scores", pa.list_(pa.float64())),
        pa.field("error", pa.string()),
    ]
    if threshold:
        fields.append(pa.field("abstained", pa.bool_()))
    if tree:
        fields.append(pa.field("paths", pa.list_(pa.list_(pa.string()))))
    schema = pa.schema(fields)
    with output.open("wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(lines):
            writer.write_table(_table(batch, schema))


def _batches(lines: Path) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    with lines.open("rb") as file:
        for line in file:
            batch.append(json.loads(line))
            size += len(line)
            if len(batch) == BATCH_ROWS or size >= BATCH_BYTES:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _table(batch: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist([_clean(answer) for answer in batch], schema=schema)


def _clean(value: Any) -> Any:
    """The value with lone surrogates, which Arrow cannot hold, replaced."""
    if isinstance(value, str):
        return (
            value if value.isascii() else value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        )
    if isinstance(value, dict):
        return {key: _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list) else value
