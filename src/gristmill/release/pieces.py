"""Pieces of shards: what one range holds of a language whose shards are joined from several ranges.

A piece is the rows of a shard but for their texts, then where its pages are, both as Arrow IPC streams, then the
pages as they will stand in the shard. It is read once and soon, so it costs no more than copying it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.errors import ReleaseError
from gristmill.release.paged import StoredPage, append_pages

SUFFIX = ".piece"
PLACES = pa.schema([
    pa.field(name, pa.int64(), nullable=False)
    for name in ("offset", "size", "header_bytes", "raw_bytes", "rows", "crc")
])  # fmt: skip


def write_piece(path: Path, rows: pa.Table, pages: Sequence[StoredPage]) -> np.ndarray:
    """Write rows and copies of the pages that hold their texts; returns the offset of each page in the file.

    Raises DamagedPageError if a page is damaged on disk, or gone.
    """
    sizes = np.array([page.size for page in pages], np.int64)
    values = [[getattr(page, name) for page in pages] for name in PLACES.names[1:]]
    offsets = np.cumsum(sizes) - sizes  # from the first page
    places = pa.table([pa.array(offsets), *(pa.array(value, pa.int64()) for value in values)], schema=PLACES)
    with path.open("w+b") as file:
        for table in (rows.replace_schema_metadata(), places):
            with pa.ipc.new_stream(file, table.schema, options=_OPTIONS) as stream:
                stream.write_table(table)
        found = append_pages(file, pages)
        file.flush()
        os.fsync(file.fileno())
    return found


def read_piece(path: Path) -> tuple[pa.Table, list[StoredPage]]:
    """The rows of a piece, and its pages. Raises ReleaseError if it cannot be read."""
    try:
        with path.open("rb") as file:
            rows, places = (pa.ipc.open_stream(file).read_all() for _ in range(2))
            start = file.tell()
    except (pa.ArrowException, OSError) as error:
        raise ReleaseError(f"{path}: cannot be read ({error}); remove its folder and run again") from error
    columns = (places[name].to_pylist() for name in PLACES.names)
    return rows, [StoredPage(path, start + offset, *others) for offset, *others in zip(*columns, strict=True)]


_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
