"""Data pages of the column ``content``: encoded once, named by what is in them, found again by later builds.

A page is a Parquet data page (version 1) of a required column of byte arrays: a header, and the plain encoding
of its rows (length as little-endian int32, then the bytes) as one zstd frame. The header states the CRC-32 of
the frame, as the format allows, so a page proves by itself that it is whole.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from gristmill.errors import ReleaseError
from gristmill.release.thrift import I32, STRUCT, write_struct

COMPRESSION_LEVEL = 3
_DATA_PAGE, _PLAIN, _RLE = 0, 0, 3
_CODEC = pa.Codec("zstd", COMPRESSION_LEVEL)


@dataclass(frozen=True)
class Page:
    """An encoded page: its ``header`` and ``frame``, the size of its rows as encoded, the frame's CRC-32."""

    header: bytes
    frame: pa.Buffer
    raw_bytes: int
    crc: int

    @property
    def size(self) -> int:
        """Bytes of header and frame."""
        return len(self.header) + int(self.frame.size)


def encode_page(bodies: Sequence[bytes | memoryview]) -> Page:
    """Encode the texts of a page. Raises ReleaseError if they are too many bytes for one."""
    parts: list[bytes | memoryview] = []
    for body in bodies:
        parts += (struct.pack("<i", len(body)), body)
    raw = b"".join(parts)
    if len(raw) > 0x7FFFFFFF:
        raise ReleaseError(f"a page of {len(raw)} bytes: no page may pass 2 GiB; lower max_content_bytes")
    frame = _CODEC.compress(raw)
    crc = zlib.crc32(frame)
    (signed,) = struct.unpack("<i", struct.pack("<I", crc))
    data = {1: (I32, len(bodies)), 2: (I32, _PLAIN), 3: (I32, _RLE), 4: (I32, _RLE)}
    header = {
        1: (I32, _DATA_PAGE), 2: (I32, len(raw)), 3: (I32, frame.size), 4: (I32, signed), 5: (STRUCT, data)
    }  # fmt: skip
    return Page(write_struct(header), frame, len(raw), crc)


def is_whole(page: memoryview, header_bytes: int, crc: int) -> bool:
    """True if the frame behind the header of a page has a checksum."""
    return zlib.crc32(page[header_bytes:]) == crc


def decode_page(frame: memoryview, raw_bytes: int, rows: int) -> list[memoryview]:
    """The texts of the frame of a page, in order. Raises ReleaseError if it holds other rows than stated."""
    try:
        data = memoryview(_CODEC.decompress(frame, raw_bytes))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ReleaseError(f"a page of the column content cannot be decoded ({error})") from error
    texts = []
    at = 0
    for _ in range(rows):
        (size,) = struct.unpack_from("<i", data, at) if at + 4 <= len(data) else (-1,)
        if not 0 <= size <= len(data) - at - 4:
            raise ReleaseError("a page of the column content does not hold the rows that it states")
        texts.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return texts


def row_groups(raw_bytes: np.ndarray, limit: int) -> list[tuple[int, int]]:
    """Runs of pages, as first and one after the last, that hold at most ``limit`` bytes or a single page."""
    ends = np.cumsum(raw_bytes)
    runs = []
    first = 0
    while first < len(ends):
        before = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, before + limit, side="right")))
        runs.append((first, last))
        first = last
    return runs
