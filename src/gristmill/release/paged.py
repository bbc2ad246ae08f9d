"""Write a shard whose column ``content`` is made of pages that were encoded before.

pyarrow writes the file with that column empty; then the pages are appended behind its row groups and the
footer is made to point at them. So the file is what pyarrow makes of the same rows, but for the place of one
column, and whoever reads only the other columns reads one stretch of the file. A few dozen bytes of the
empty column stay behind in each row group; nothing points at them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill.engine.shards import COMPRESSION
from gristmill.errors import ReleaseError
from gristmill.release.pages import COMPRESSION_LEVEL, row_groups
from gristmill.release.schema import FILES
from gristmill.release.stored import StoredPages, copy_pages
from gristmill.release.thrift import (
    BINARY,
    I32,
    I64,
    LIST,
    STRUCT,
    Struct,
    read_header,
    read_list_header,
    read_struct,
    skip,
    write_list_header,
    write_struct,
)

PLAIN_COLUMNS = ("blob_id", "content_id", "swhid", "path", "content", "original_sha256", "released_sha256")
CONTENT = FILES.schema.get_field_index("content")
MAGIC = b"PAR1"
ROW_GROUP_BYTES = 16 << 20
"""text of a row group"""
_DATA_PAGE, _PLAIN, _RLE = 0, 0, 3
# Fields of parquet.thrift: FileMetaData.row_groups; RowGroup; ColumnChunk.meta_data; ColumnMetaData.
_ROW_GROUPS = 4
_COLUMNS, _TOTAL_BYTES, _TOTAL_COMPRESSED = 1, 2, 6
_META_DATA = 3
_ENCODINGS, _PATH, _UNCOMPRESSED, _COMPRESSED, _DATA_OFFSET = 2, 3, 6, 7, 9
_INDEX_OFFSET, _DICTIONARY_OFFSET, _STATISTICS, _ENCODING_STATS, _SIZE_STATISTICS = 10, 11, 12, 13, 16


@dataclass(frozen=True)
class _Chunk:
    """The column ``content`` of one row group: where its pages start, their sizes, and the bytes of its texts."""

    offset: int
    size: int
    raw_bytes: int
    pages: int
    text_bytes: int


def write_paged_shard(path: Path, rows: pa.Table, pages: StoredPages) -> np.ndarray:
    """Write rows of FILES whose texts stand in ``pages``, aside and renamed.

    Args:
        path: the file to write.
        rows: all columns of FILES but ``content``, in order.
        pages: the pages that hold the texts of these rows, in order.

    Returns:
        The offset of each page in the file.

    Raises:
        ReleaseError: the pages do not hold as many rows.
        DamagedPageError: one of them is damaged on disk, or gone.
    """
    ends = np.cumsum(pages.at["rows"]).tolist()
    texts = ends[-1] if ends else 0
    if texts != rows.num_rows:
        raise ReleaseError(f"{path}: {rows.num_rows} rows but {texts} texts; this is a bug, do not publish")
    runs = row_groups(pages.at["raw_bytes"], ROW_GROUP_BYTES)
    spans = [(ends[first - 1] if first else 0, ends[last - 1]) for first, last in runs]
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write_others(temporary, rows, spans)
        with temporary.open("r+b") as file:
            footer = _cut_footer(file)
            offsets = copy_pages(pages, file)
            file.write(_pointing(footer, _chunks(pages.at, offsets, runs, spans)))
            file.flush()
            os.fsync(file.fileno())
        written = pq.read_metadata(temporary)
        if (written.num_rows, written.num_row_groups) != (rows.num_rows, len(runs)):
            raise ReleaseError(
                f"{path}: the file holds {written.num_rows} rows of {rows.num_rows}; run again"
            )
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return offsets


def _write_others(path: Path, rows: pa.Table, spans: Sequence[tuple[int, int]]) -> None:
    """All columns, ``content`` as empty texts."""
    with pq.ParquetWriter(
        path,
        FILES.schema,
        compression=COMPRESSION,
        compression_level=COMPRESSION_LEVEL,
        use_dictionary=[name for name in FILES.schema.names if name not in PLAIN_COLUMNS],
        store_schema=True,
        write_page_index=False,
    ) as writer:
        for start, end in spans:
            part = rows.slice(start, end - start)
            empty = pa.StringArray.from_buffers(
                part.num_rows, pa.py_buffer(bytes(4 * (part.num_rows + 1))), pa.py_buffer(b"")
            )
            part = part.add_column(CONTENT, FILES.schema.field(CONTENT), empty)
            writer.write_table(part.select(FILES.schema.names), row_group_size=part.num_rows)


def _cut_footer(file: BinaryIO) -> bytes:
    """Read the footer of an open Parquet file and cut it off; the file stands at its end then."""
    end = file.seek(-8, os.SEEK_END)
    size = int.from_bytes(file.read(4), "little")
    file.seek(end - size)
    footer = file.read(size)
    file.truncate(end - size)
    file.seek(end - size)
    return footer


def _chunks(
    at: np.ndarray,
    offsets: np.ndarray,
    runs: Sequence[tuple[int, int]],
    spans: Sequence[tuple[int, int]],
) -> Iterator[_Chunk]:
    for (first, last), (start, end) in zip(runs, spans, strict=True):
        size, raw, headers = (
            int(at[name][first:last].sum()) for name in ("size", "raw_bytes", "header_bytes")
        )
        yield _Chunk(int(offsets[first]), size, raw + headers, last - first, raw - 4 * (end - start))


def _pointing(footer: bytes, chunks: Iterator[_Chunk]) -> bytes:
    """A footer, its length and the magic, with the column ``content`` of each row group where it is now."""
    try:
        kind, number, at = read_header(footer, 0, 0)
        while kind and number != _ROW_GROUPS:
            at = skip(footer, at, kind)
            kind, number, at = read_header(footer, at, number)
        parts = [footer[:at]]
        if kind == LIST:
            _, count, after = read_list_header(footer, at)
            parts.append(footer[at:after])
            at = after
            for _, chunk in zip(range(count), chunks, strict=True):
                group, at = _row_group(footer, at, chunk)
                parts.append(group)
    except IndexError:
        raise ReleaseError("the footer of a Parquet file is cut short; run the build again") from None
    parts.append(footer[at:])
    body = b"".join(parts)
    return body + len(body).to_bytes(4, "little") + MAGIC


def _row_group(footer: bytes, at: int, chunk: _Chunk) -> tuple[bytes, int]:
    """One row group with its column ``content`` replaced, and the byte after it in the old footer."""
    kind, number, at = read_header(footer, at, 0)
    if (kind, number) != (LIST, _COLUMNS):
        raise ReleaseError("a Parquet footer of a form that this version does not know; run the build again")
    element, count, at = read_list_header(footer, at)
    start = at
    for _ in range(CONTENT):
        at = skip(footer, at, element)
    column, after = read_struct(footer, at)
    parts = [write_list_header(element, count), footer[start:at]]
    before = dict(column[_META_DATA][1])
    if before[_PATH] != (LIST, (BINARY, [b"content"])):
        raise ReleaseError(
            "a Parquet footer with its columns in another order; this is a bug, do not publish"
        )
    column[_META_DATA] = (STRUCT, _meta_data(before, chunk))
    parts.append(write_struct(column))
    at = after
    for _ in range(count - CONTENT - 1):
        at = skip(footer, at, element)
    parts.append(footer[after:at])
    rest, at = read_struct(footer, at, _COLUMNS)
    rest[_TOTAL_BYTES] = (I64, rest[_TOTAL_BYTES][1] - before[_UNCOMPRESSED][1] + chunk.raw_bytes)
    if _TOTAL_COMPRESSED in rest:
        rest[_TOTAL_COMPRESSED] = (I64, rest[_TOTAL_COMPRESSED][1] - before[_COMPRESSED][1] + chunk.size)
    # The list of columns is the first field: its header, then the fields that follow it.
    return bytes([_COLUMNS << 4 | LIST]) + b"".join(parts) + write_struct(rest, _COLUMNS), at


def _meta_data(before: Struct, chunk: _Chunk) -> Struct:
    """The ColumnMetaData of the pages, from that of the empty column."""
    after = dict(before)
    for number in (_INDEX_OFFSET, _DICTIONARY_OFFSET):
        after.pop(number, None)
    after[_ENCODINGS] = (LIST, (I32, [_PLAIN, _RLE]))
    after[_UNCOMPRESSED] = (I64, chunk.raw_bytes)
    after[_COMPRESSED] = (I64, chunk.size)
    after[_DATA_OFFSET] = (I64, chunk.offset)
    after[_STATISTICS] = (STRUCT, {3: (I64, 0)})  # no nulls; no least and greatest text
    counted = {1: (I32, _DATA_PAGE), 2: (I32, _PLAIN), 3: (I32, chunk.pages)}
    after[_ENCODING_STATS] = (LIST, (STRUCT, [counted]))
    if _SIZE_STATISTICS in after:
        after[_SIZE_STATISTICS] = (STRUCT, {1: (I64, chunk.text_bytes)})
    return after
