"""Is a content text, and in which encoding; and the text itself, as UTF-8.

UTF-8 comes first and is decided on the whole content (RFC 3629, as Arrow validates it), so a file that
declares another encoding but is valid UTF-8 is UTF-8. What is not goes to ``charsets.detect``. A content with
a NUL character is binary, as git has it, unless the NUL bytes are those of UTF-16 or UTF-32. A byte order
mark is part of the text and stays.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate import charsets
from gristmill.errors import StageError

NAME = "text"
VERSION = 1
TABLE = tables.TEXT

_BLOCK_BYTES = 1 << 20


def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Which contents are text, and in which encoding.

    Args:
        batch: columns ``content_id`` (string), ``length`` (int64, bytes) and ``data`` (binary or large_binary,
            no nulls).

    Returns:
        One row of ``tables.TEXT`` a row of the batch, in its order.
    """
    data = batch.column("data")
    encodings: list[str | None] = ["utf-8"] * len(data)
    for row in np.flatnonzero(~_valid_utf8(data)).tolist():
        encodings[row] = charsets.detect(data[row].as_py())
    encoding = pa.array(encodings, pa.string())
    return pa.RecordBatch.from_arrays(
        [
            batch.column("content_id").cast(pa.string()),
            batch.column("length").cast(pa.int64()),
            pc.is_null(encoding),
            encoding,
        ],
        schema=TABLE.schema,
    )


def with_text(batch: pa.RecordBatch, text: pa.RecordBatch) -> pa.RecordBatch:
    """Append column ``text``: the content as UTF-8 bytes, null where it is binary.

    The bytes of contents that are UTF-8 already are shared with column ``data``, not copied, unless another
    content of the batch has to be re-encoded; then the column is written anew, once.

    Args:
        batch: columns ``content_id`` and ``data`` (binary or large_binary), and any others.
        text: rows of ``tables.TEXT`` for all contents of the batch, in any order.

    Returns:
        The batch with column ``text``, of the type of ``data``, behind its columns.

    Raises:
        StageError: ``text`` lacks a content, or a content does not decode in the encoding stated for it.
    """
    encoding = _encodings_of(batch, text)
    data = batch.column("data")
    is_text = pc.is_valid(encoding)
    column = data if pc.all(is_text).as_py() is not False else _with_nulls(data, is_text)
    foreign = pc.fill_null(pc.not_equal(encoding, "utf-8"), False)
    if pc.any(foreign).as_py():
        rows = np.flatnonzero(foreign.to_numpy(zero_copy_only=False)).tolist()
        decoded = [_decoded(batch, row, encoding[row].as_py()) for row in rows]
        column = pc.replace_with_mask(column, foreign, pa.array(decoded, data.type))
    return batch.append_column(pa.field("text", data.type, nullable=True), column)


def _valid_utf8(data: pa.Array) -> npt.NDArray[np.bool_]:
    """Which rows are valid UTF-8 without a NUL."""
    good = ~_holds_nul(data)
    wide = pa.large_string() if pa.types.is_large_binary(data.type) else pa.string()
    # The cast validates the rows that are not null, all at once and without a copy.
    column = data if good.all() else _with_nulls(data, pa.array(good))
    try:
        column.cast(wide)
    except pa.ArrowInvalid:
        for row in np.flatnonzero(good).tolist():
            good[row] = _is_utf8(data[row].as_buffer())
    return good


def _is_utf8(value: pa.Buffer) -> bool:
    try:
        str(value, "utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _holds_nul(data: pa.Array) -> npt.NDArray[np.bool_]:
    """Which rows hold a NUL byte."""
    found = np.zeros(len(data), dtype=bool)
    bounds, body = _bounds(data)
    for start in range(int(bounds[0]), int(bounds[-1]), _BLOCK_BYTES):
        block = body[start : min(start + _BLOCK_BYTES, int(bounds[-1]))]
        if not block.all():
            positions = np.flatnonzero(block == 0) + start
            found[np.searchsorted(bounds, positions, side="right") - 1] = True
    return found


def _bounds(data: pa.Array) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """The bounds of the rows of a binary column, and the bytes they point into."""
    if len(data) == 0:
        return np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.uint8)
    _, offsets, body = data.buffers()
    width = 8 if pa.types.is_large_binary(data.type) else 4
    bounds = np.frombuffer(offsets, dtype=f"i{width}", count=len(data) + 1, offset=data.offset * width)
    return bounds.astype(np.int64), np.frombuffer(body or b"", dtype=np.uint8)


def _with_nulls(data: pa.Array, valid: pa.BooleanArray) -> pa.Array:
    """The column over the same bytes, null where ``valid`` is false."""
    _, offsets, body = data.buffers()
    padded = pa.concat_arrays([pa.nulls(data.offset, pa.bool_()).fill_null(True), valid])
    return pa.Array.from_buffers(
        data.type, len(data), [padded.buffers()[1], offsets, body], offset=data.offset
    )


def _encodings_of(batch: pa.RecordBatch, text: pa.RecordBatch) -> pa.Array:
    """The encoding of each row of the batch; null if binary."""
    wanted = batch.column("content_id").cast(pa.string())
    known = text.column("content_id").cast(pa.string())
    if wanted.equals(known):
        return text.column("encoding")
    rows = pc.index_in(wanted, value_set=known)
    if rows.null_count:
        missing = wanted.filter(pc.is_null(rows))
        raise StageError(
            f"table text has no row for {len(missing)} of {len(wanted)} contents, for example "
            f"{missing[0].as_py()}: annotate them with {NAME!r} first"
        )
    return text.column("encoding").take(rows)


def _decoded(batch: pa.RecordBatch, row: int, encoding: str) -> bytes:
    try:
        return str(batch.column("data")[row].as_buffer(), encoding).encode("utf-8")
    except (UnicodeError, LookupError) as error:
        content_id = batch.column("content_id")[row].as_py()
        raise StageError(
            f"content {content_id} does not decode as {encoding!r}, as table text states ({error}): "
            f"delete its row of that table and build again"
        ) from error
