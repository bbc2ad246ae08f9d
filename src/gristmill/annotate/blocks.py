"""Texts laid end to end with a NUL between them, so that one numpy operation works on many texts at once.

A pattern that does not hold a NUL can never reach from one text into the next, and an index a few bytes
before or behind any text is legal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Positions = npt.NDArray[np.int64]

MARGIN = 16
"""NUL bytes in front of the first text; behind the last there are as many or more."""
_BLOCK_BYTES = 1 << 18


@dataclass(frozen=True)
class Block:
    """Some rows of a column of texts: text ``i`` is ``raw[starts[i]:ends[i]]``.

    ``data`` is ``raw`` as an array; its size is a multiple of 8. ``rows`` are the numbers of the texts in the
    column.
    """

    raw: bytes
    data: Bytes
    starts: Positions
    ends: Positions
    rows: Positions

    def text_of(self, positions: Positions) -> Positions:
        """Which text each position lies in, as an index into ``starts``."""
        return np.searchsorted(self.starts, positions, side="right") - 1


def blocks(text: pa.Array) -> Iterator[Block]:
    """Cut a column of texts into blocks of about ``_BLOCK_BYTES``, or one larger text. Nulls are left out.

    Raises:
        TypeError: the column is not binary or string, nor the large variant of either.
    """
    if pa.types.is_large_binary(text.type) or pa.types.is_large_string(text.type):
        width = 8
    elif pa.types.is_binary(text.type) or pa.types.is_string(text.type):
        width = 4
    else:
        raise TypeError(f"text has type {text.type}: cast it to binary or large_binary")
    if len(text) == text.null_count:
        return
    _, offsets, body = text.buffers()
    bounds = np.frombuffer(offsets, dtype=f"i{width}", count=len(text) + 1, offset=text.offset * width)
    (rows,) = np.nonzero(text.is_valid().to_numpy(zero_copy_only=False))
    begins, stops = bounds[:-1][rows].astype(np.int64), bounds[1:][rows].astype(np.int64)
    totals = np.concatenate(([0], np.cumsum(stops - begins)))
    view = memoryview(body or b"")
    first = 0
    while first < len(rows):
        last = int(np.searchsorted(totals, totals[first] + _BLOCK_BYTES, side="right")) - 1
        last = max(last, first + 1)
        yield _block(view, begins[first:last], stops[first:last], rows[first:last])
        first = last


def _block(view: memoryview, begins: Positions, stops: Positions, rows: Positions) -> Block:
    sizes = stops - begins
    starts = MARGIN + np.cumsum(sizes + 1) - (sizes + 1)
    ends = starts + sizes
    tail = MARGIN + -int(ends[-1]) % 8
    texts = [view[begin:stop] for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True)]
    raw = b"\0".join([bytes(MARGIN - 1), *texts, bytes(tail - 1)])
    return Block(raw, np.frombuffer(raw, dtype=np.uint8), starts, ends, rows)
