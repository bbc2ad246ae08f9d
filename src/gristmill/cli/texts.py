"""Texts for the commands, read row by row: lines, JSON lines, CSV, or a column of a Parquet file."""

from __future__ import annotations

import codecs
import csv
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gristmill.errors import TextError

LINE_BYTES = 64 << 20
"""Longest line; a longer one is a bad row, of which no more than this is in memory."""
PARQUET_ROWS = 256
"""Rows of a Parquet file that are decoded at a time."""
TEXT_FIELD = "text"
STDIN = "-"

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class Row:
    """One row of the input: its values, or what is wrong with it."""

    number: int
    """Counted from 1; a header is not counted."""
    values: Mapping[str, object]
    error: str = ""

    def text(self, field: str) -> str | TextError:
        """The value of a field that must be a string, or the error that says what is there instead."""
        if self.error:
            return TextError(self.error)
        value = self.values.get(field)
        if isinstance(value, str):
            return value
        if field not in self.values:
            return TextError(f"there is no field {field!r}, only {_names(self.values)}")
        return TextError(f"field {field!r} must be a string, not {type(value).__name__}")


def read_rows(
    source: str, fields: Iterable[str], *, optional: Iterable[str] = (), json_lines: bool = False
) -> Iterator[Row]:
    """The rows of a file, as a stream that holds one row (of Parquet: a few hundred) at a time.

    Args:
        source: A file, whose form its suffix says (.jsonl, .csv, .tsv, .parquet; any other: each line a text,
            in the field ``text``), or ``-`` for standard input.
        fields: Columns to read; those of a table must be there.
        optional: Columns to read if a table has them.
        json_lines: Read a file without a known suffix, or standard input, as JSON lines.

    Bytes that are no UTF-8 are read as U+FFFD; a byte order mark is left out. A row that is damaged carries its
    error. Raises: TextError, at once or at the first row, for a file that cannot be read at all.
    """
    wanted = tuple(dict.fromkeys(fields))
    _openable(source)
    suffix = "" if source == STDIN else Path(source).suffix.lower()
    if suffix == ".parquet":
        return _parquet_rows(source, wanted, tuple(optional))
    if suffix in DELIMITERS:
        return _csv_rows(source, wanted, DELIMITERS[suffix])
    if suffix in JSON_LINES or json_lines:
        return _json_rows(source)
    if wanted != (TEXT_FIELD,):
        raise TextError(
            f"{source}: lines of text have no fields {', '.join(wanted)}; use a .jsonl, .csv or .parquet file"
        )
    return _line_rows(source)


def digest_rows(source: str) -> tuple[str, int | None]:
    """``sha256:`` and the digest of a file, and its number of rows where that is cheap to tell.

    Raises: TextError.
    """
    whole, ends, last = hashlib.sha256(), 0, b"\n"
    with _open(source) as file:
        while block := file.read(1 << 20):
            whole.update(block)
            ends += block.count(b"\n")
            last = block[-1:]
    suffix = Path(source).suffix.lower()
    rows = None if suffix == ".parquet" or suffix in DELIMITERS else ends + (last != b"\n")
    return f"sha256:{whole.hexdigest()}", rows


@contextmanager
def _open(source: str) -> Iterator[BinaryIO]:
    """The bytes of a file or of standard input."""
    if source == STDIN:
        yield sys.stdin.buffer
        return
    try:
        with Path(source).open("rb") as file:
            yield file
    except OSError as error:
        raise TextError(f"{source} cannot be read: {error.strerror or error}") from error


def _openable(source: str) -> None:
    try:
        if source == STDIN or Path(source).is_file() or Path(source).is_fifo():
            return
    except ValueError:  # NUL in the name
        pass
    raise TextError(f"{source!r} is no file; name one, or - for standard input")


def _lines(source: str) -> Iterator[bytes | None]:
    """The lines with their ends; None for one that is too long, which is skipped over."""
    with _open(source) as file:
        first = True
        while line := file.readline(LINE_BYTES):
            long = len(line) == LINE_BYTES and not line.endswith(b"\n")
            while long and (rest := file.readline(LINE_BYTES)):
                if rest.endswith(b"\n"):
                    break
            if first:
                line, first = line.removeprefix(codecs.BOM_UTF8), False
            yield None if long else line


def _line_rows(source: str) -> Iterator[Row]:
    for number, line in enumerate(_lines(source), 1):
        if line is None:
            yield Row(number, {}, _too_long())
        else:
            text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace")
            yield Row(number, {TEXT_FIELD: text})


def _json_rows(source: str) -> Iterator[Row]:
    for number, line in enumerate(_lines(source), 1):
        if line is None:
            yield Row(number, {}, _too_long())
            continue
        try:
            value = json.loads(line.decode("utf-8", "replace"))
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, f"not valid JSON ({str(error)[:100]})")
            continue
        if isinstance(value, dict):
            yield Row(number, value)
        else:
            yield Row(number, {}, f"a line must hold a JSON object, not {type(value).__name__}")


def _csv_rows(source: str, wanted: tuple[str, ...], delimiter: str) -> Iterator[Row]:
    before = csv.field_size_limit(LINE_BYTES)
    reader = csv.reader(_csv_lines(source), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        _check_columns(source, wanted, header)
        for number, cells in enumerate(reader, 1):
            error = ""
            if len(cells) != len(header):
                error = f"{len(cells)} cells where the header has {len(header)}"
            yield Row(number, dict(zip(header, cells, strict=False)), error)
    except csv.Error as error:
        # Where a quote is missing, the rows that follow cannot be told apart any more.
        raise TextError(f"{source}, line {reader.line_num}: {error}; mend the file") from error
    finally:
        csv.field_size_limit(before)


def _csv_lines(source: str) -> Iterator[str]:
    for number, line in enumerate(_lines(source), 1):
        if line is None:
            raise TextError(f"{source}, line {number}: {_too_long()}")
        yield line.decode("utf-8", "replace")


def _parquet_rows(source: str, wanted: tuple[str, ...], optional: tuple[str, ...]) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(source) as table:
            names = table.schema_arrow.names
            _check_columns(source, wanted, names)
            columns = [*wanted, *(name for name in optional if name in names)]
            number = 0
            for batch in table.iter_batches(PARQUET_ROWS, columns=columns):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(number, values)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TextError(f"{source} is no Parquet file that can be read: {str(error)[:300]}") from error


def _check_columns(source: str, wanted: tuple[str, ...], names: list[str]) -> None:
    for name in wanted:
        if name not in names:
            raise TextError(f"{source} has no column {name!r}; it has {_names(names)}")
    doubles = sorted({name for name in names if names.count(name) > 1} & set(wanted))
    if doubles:
        raise TextError(f"{source} has the column {doubles[0]!r} twice; rename one")


def _names(names: Iterable[str]) -> str:
    shown = ", ".join(repr(str(name)[:40]) for name in list(names)[:20])
    return shown or "none"


def _too_long() -> str:
    return f"the line is longer than {LINE_BYTES >> 20} MiB; split the text"
