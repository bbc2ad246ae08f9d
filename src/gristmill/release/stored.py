"""Pages of the column ``content`` in files: where they are, and how they are read back, each proved by its CRC-32."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

import numpy as np

from gristmill.errors import ReleaseError
from gristmill.release.pages import is_whole

PAGE = np.dtype(
    [(name, np.int64) for name in ("file", "offset", "size", "header_bytes", "raw_bytes", "rows", "crc")]
)
"""Where a page is: ``size`` bytes of a file from ``offset``, ``header_bytes`` of them its header. ``raw_bytes``
is the size of its ``rows`` as they are encoded, before compression; ``crc`` the CRC-32 of what follows the header."""
READ_BYTES = 4 << 20
"""neighbouring pages that are read at a time"""


@dataclass(frozen=True)
class StoredPages:
    """Pages in order: ``at`` is an array of PAGE whose ``file`` is a number in ``files``."""

    files: Sequence[Path]
    at: np.ndarray

    def take(self, numbers: np.ndarray | slice) -> StoredPages:
        """Some of the pages."""
        return StoredPages(self.files, self.at[numbers])


class DamagedPageError(ReleaseError):
    """A page on disk is not what it was."""


class PageReader:
    """Reads pages, and keeps their files open; a context manager that closes them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = files
        self._open: dict[int, BinaryIO] = {}
        self._stack = ExitStack()

    def read(self, at: np.ndarray) -> bytes:
        """The bytes of neighbouring pages of one file. Raises DamagedPageError if they are not whole any more."""
        number, start, size = int(at["file"][0]), int(at["offset"][0]), int(at["size"].sum())
        path = self._files[number]
        try:
            if number not in self._open:
                self._open[number] = self._stack.enter_context(path.open("rb"))
            file = self._open[number].fileno()
            inside = start >= 0 and bool((at["size"] >= 0).all()) and start + size <= os.fstat(file).st_size
            data = os.pread(file, size, start) if inside else b""
        except OSError as error:
            raise DamagedPageError(f"{path}: {error.strerror}; run the build again") from error
        whole = memoryview(data)
        place = 0
        for own, header, crc in at[["size", "header_bytes", "crc"]].tolist():
            if place + own > len(data) or not is_whole(whole[place : place + own], header, crc):
                raise DamagedPageError(f"{path}: damaged at byte {start + place}; run the build again")
            place += own
        return data

    def __enter__(self) -> PageReader:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def copy_pages(pages: StoredPages, target: BinaryIO) -> np.ndarray:
    """Append pages to an open file; returns the offset of each in it. Raises DamagedPageError."""
    ends = np.cumsum(pages.at["size"])
    offsets: np.ndarray = target.tell() + ends - pages.at["size"]
    with PageReader(pages.files) as reader:
        for first, last in _neighbours(pages.at, ends):
            target.write(reader.read(pages.at[first:last]))
    return offsets


def _neighbours(at: np.ndarray, ends: np.ndarray) -> Iterator[tuple[int, int]]:
    """Runs of pages that follow each other in one file, of about READ_BYTES at most."""
    if len(at):
        apart = (at["file"][1:] != at["file"][:-1]) | (
            at["offset"][1:] != at["offset"][:-1] + at["size"][:-1]
        )
        apart |= np.diff(ends // READ_BYTES) != 0
        bounds = [0, *(np.flatnonzero(apart) + 1).tolist(), len(at)]
        yield from pairwise(bounds)
