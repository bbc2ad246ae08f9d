"""Digests of runs of rows of one table: equal digest, equal rows. A cache's names, not a published format.

A column is laid out as streams of bytes with the bounds of each row, once a table; a run of rows is then a
slice of each stream. (Arrow's own serialisation of a slice keeps bits and padding of its neighbours.)
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.release.schema import value_bytes


@dataclass(frozen=True)
class Stream:
    """Bytes of a column: those of row ``i`` stand from ``bounds[i]`` to before ``bounds[i + 1]``."""

    data: memoryview
    bounds: np.ndarray


def streams(table: pa.Table) -> list[Stream]:
    """The streams of all columns: numbers, booleans, timestamps, strings, and lists of these.

    Raises TypeError for another type.
    """
    return [stream for column in table.columns for stream in _streams(column.combine_chunks())]


def fingerprint(columns: list[Stream], start: int, end: int, *beside: bytes) -> bytes:
    """SHA-256 of the rows from ``start`` to before ``end`` and of the bytes ``beside``: 32 bytes."""
    hasher = hashlib.sha256()
    for part in beside:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    hasher.update((end - start).to_bytes(8, "little"))
    for column in columns:
        hasher.update(column.data[int(column.bounds[start]) : int(column.bounds[end])])
    return hasher.digest()


def _streams(array: pa.Array) -> list[Stream]:
    found = []
    if array.null_count:
        found.append(_fixed(array.is_valid().cast(pa.uint8()).to_numpy()))
    kind = array.type
    if pa.types.is_string(kind):
        lengths = pc.fill_null(pc.binary_length(array), 0).to_numpy()
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        return [*found, _fixed(lengths), Stream(value_bytes(array), ends)]
    if pa.types.is_list(kind):
        lengths = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
        ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
        below = [Stream(stream.data, stream.bounds[ends]) for stream in _streams(array.flatten())]
        return [*found, _fixed(lengths), *below]
    if pa.types.is_boolean(kind):
        return [*found, _fixed(pc.fill_null(array, False).cast(pa.uint8()).to_numpy())]
    if pa.types.is_timestamp(kind):
        return [*found, _fixed(pc.fill_null(array.view(pa.int64()), 0).to_numpy())]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return [*found, _fixed(pc.fill_null(array, 0).to_numpy())]
    raise TypeError(f"no fingerprint for columns of type {kind}")


def _fixed(values: np.ndarray) -> Stream:
    values = np.ascontiguousarray(values)
    data = memoryview(values.view(np.uint8)) if len(values) else memoryview(b"")  # type: ignore[arg-type]
    return Stream(data, np.arange(len(values) + 1, dtype=np.int64) * values.itemsize)
