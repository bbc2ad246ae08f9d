"""Pieces of shards: what one range holds of a language whose shards are joined from several ranges.

A piece is read once and soon, by the stage that joins it, so it costs little more than a copy: the rows of all
pieces of a task lie in one file as Arrow holds them, and the pages of all of them in another. Where the pages of
a piece are stands beside its rows.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.errors import ReleaseError
from gristmill.release.schema import FILES, logical_schema
from gristmill.release.stored import PAGE, StoredPages, copy_pages

PIECES, PAGES_OF_PIECES = "pieces.arrow", "pieces.pages"
WITHOUT_CONTENT = logical_schema(FILES)
_INDEX = b"pages"


class PieceWriter:
    """Writes pieces into a folder, numbered from 0 as they come; a context manager that closes the files."""

    def __init__(self, folder: Path) -> None:
        self._rows = (folder / PIECES).open("wb")
        self._pages = (folder / PAGES_OF_PIECES).open("wb")
        self._writer = pa.ipc.new_file(self._rows, WITHOUT_CONTENT)

    def add(self, rows: pa.Table, pages: StoredPages) -> np.ndarray:
        """Write the next piece: rows of WITHOUT_CONTENT and the pages of their texts.

        Returns the offset of each page. Raises DamagedPageError if one is damaged; the piece is not written then.
        """
        start = self._pages.tell()
        try:
            offsets = copy_pages(pages, self._pages)
        except BaseException:
            self._pages.seek(start)
            self._pages.truncate()
            raise
        index = pages.at.copy()
        index["file"], index["offset"] = 0, offsets
        (batch,) = rows.combine_chunks().to_batches()
        self._writer.write_batch(batch, custom_metadata={_INDEX: index.tobytes()})
        return offsets

    def __enter__(self) -> PieceWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()
        for file in (self._rows, self._pages):
            with file:
                file.flush()
                os.fsync(file.fileno())


def read_piece(path: Path, number: int) -> tuple[pa.RecordBatch, StoredPages]:
    """The rows of a piece in the file PIECES of a task, and its pages. Raises ReleaseError if it cannot be read."""
    try:
        with pa.OSFile(str(path)) as file:
            found = pa.ipc.open_file(file).get_batch_with_custom_metadata(number)
    except (pa.ArrowException, OSError) as error:
        raise ReleaseError(f"{path}: cannot be read ({error}); remove its folder and run again") from error
    index = np.frombuffer(found.custom_metadata[_INDEX], PAGE)
    return found.batch, StoredPages([path.with_name(PAGES_OF_PIECES)], index)
