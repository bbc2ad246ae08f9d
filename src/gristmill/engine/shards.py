"""Parquet files: written aside, verified and renamed; read back a row group at a time.

Row groups are sized in bytes, never in rows: a default row group of source files would be over a gigabyte.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gristmill.errors import StageError

ROW_GROUP_BYTES = 8 << 20
COMPRESSION = "zstd"
COMPRESSION_LEVEL = 3


class ShardWriter:
    """Writes one Parquet file; nothing stands at ``path`` before ``close`` has verified it.

    ``row_group_bytes`` bounds the memory of a row group (uncompressed Arrow bytes). ``cut`` ends the
    current row group at once, so that a reader can skip to a known place. Used as a context manager it
    closes on success and removes the unfinished file on failure.
    """

    def __init__(
        self,
        path: Path,
        schema: pa.Schema,
        *,
        row_group_bytes: int = ROW_GROUP_BYTES,
        metadata: Mapping[str, str] | None = None,
        compression_level: int = COMPRESSION_LEVEL,
        use_dictionary: bool | list[str] = True,
    ) -> None:
        self.path = path
        self.rows = 0
        self._temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        self._schema = schema.with_metadata(dict(metadata)) if metadata else schema.remove_metadata()
        self._limit = row_group_bytes
        self._pending: list[pa.RecordBatch] = []
        self.pending_bytes = 0
        self._file = self._temporary.open("wb")
        self._writer = pq.ParquetWriter(
            self._file,
            self._schema,
            compression=COMPRESSION,
            compression_level=compression_level,
            use_dictionary=use_dictionary,
            store_schema=True,
            write_page_index=False,
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Append a batch (same columns as the schema, same order)."""
        size = batch.nbytes
        if size > self._limit and batch.num_rows > 1:
            half = batch.num_rows // 2
            self.write(batch.slice(0, half))
            self.write(batch.slice(half))
            return
        if self.pending_bytes + size > self._limit:
            self.cut()
        if batch.num_rows:
            self._pending.append(batch)
            self.pending_bytes += size

    def cut(self) -> None:
        """End the current row group."""
        if self._pending:
            self.write_row_group(pa.Table.from_batches(self._pending))
            self._pending, self.pending_bytes = [], 0

    def write_row_group(self, table: pa.Table) -> None:
        """Write a table as exactly one row group, also an empty one."""
        if not table.schema.equals(self._schema, check_metadata=True):
            table = table.cast(self._schema)
        table = table.combine_chunks()
        self._writer.write_table(table, row_group_size=max(table.num_rows, 1))
        self.rows += table.num_rows

    def close(self) -> None:
        """Finish, flush to disk, verify the row count, and put the file in its place.

        Raises StageError if what is on disk does not hold the rows that were written.
        """
        self.cut()
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        written = pq.read_metadata(self._temporary).num_rows
        if written != self.rows:
            raise StageError(f"{self.path}: wrote {self.rows} rows but the file holds {written}; run again")
        self._temporary.replace(self.path)

    def abandon(self) -> None:
        """Remove the unfinished file."""
        self._writer.is_open = False  # or its finaliser would write a footer to a closed file
        with suppress(OSError):  # a full disk is reported by the write that met it
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.close()
        finally:
            self.abandon()


def write_table(path: Path, table: pa.Table) -> None:
    """Write one in-memory table as a Parquet file, aside and renamed."""
    with ShardWriter(path, table.schema) as writer:
        for batch in table.to_batches():
            writer.write(batch)


def read_batches(
    paths: Iterable[Path], columns: Sequence[str] | None = None, *, row_groups: Sequence[int] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield each row group of each file as one record batch, in order; ``row_groups`` selects by number."""
    for path in paths:
        with open_shard(path) as file:
            numbers = range(file.num_row_groups) if row_groups is None else row_groups
            for number in numbers:
                table = file.read_row_group(number, columns=columns, use_threads=False)
                yield from table.combine_chunks().to_batches()


def read_table(paths: Iterable[Path], schema: pa.Schema, columns: Sequence[str] | None = None) -> pa.Table:
    """Read whole files as one table in the order given; an empty table of ``schema`` if there are none."""
    if columns is not None:
        schema = pa.schema([schema.field(name) for name in columns])
    batches = list(read_batches(paths, columns))
    return pa.Table.from_batches(batches, schema=batches[0].schema if batches else schema)


def table_digest(table: pa.Table) -> str:
    """Digest of the rows of a table of numbers, texts and lists of these: it tells equal rows from others, however they
    lie."""
    digest = hashlib.sha256(f"{table.schema.remove_metadata()} {table.num_rows}".encode())
    for column in table.combine_chunks().columns:
        for array in column.chunks:
            _feed(digest, array)
    return digest.hexdigest()


def _feed(digest: hashlib._Hash, array: pa.Array) -> None:
    digest.update(np.packbits(array.is_valid().to_numpy(zero_copy_only=False)).tobytes())
    if pa.types.is_list(array.type):
        digest.update(pc.fill_null(pc.list_value_length(array), 0).to_numpy().tobytes())
        _feed(digest, pc.list_flatten(array))
    elif pa.types.is_string(array.type):
        digest.update(pc.fill_null(pc.binary_length(array), 0).to_numpy().tobytes())
        digest.update("".join(array.drop_null().to_pylist()).encode())
    else:
        digest.update(pc.fill_null(array, 0).to_numpy().tobytes())


def open_shard(path: Path) -> pq.ParquetFile:
    """Open a Parquet file. Raises StageError naming the file if it is missing or damaged."""
    try:
        return pq.ParquetFile(path, memory_map=False, pre_buffer=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise StageError(
            f"{path}: cannot be read as Parquet ({error}); remove its folder and run the build again"
        ) from error


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SegmentReader:
    """Open Parquet files of rows sorted by a string key, read by key; a context manager that closes them.

    Row groups whose statistics exclude all keys asked for are not read; of the others only the key
    column is read before it is known that they hold one.
    """

    def __init__(self, paths: Iterable[Path], key: str) -> None:
        self._key = key
        self._files = [open_shard(path) for path in paths]
        self._bounds = [_bounds(file, key) for file in self._files]

    def read(self, wanted: np.ndarray, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows whose key is in ``wanted`` (sorted, distinct strings); ``columns`` must hold the key."""
        if not len(wanted):
            return
        values = pa.array(wanted.tolist(), pa.string())
        for file, (least, most) in zip(self._files, self._bounds, strict=True):
            first = np.searchsorted(wanted, least, side="left")
            last = np.searchsorted(wanted, most, side="right")
            numbers = np.flatnonzero(first < last)
            if len(wanted) < file.metadata.num_rows:
                numbers = _holding(file, numbers, self._key, values)
            for number in numbers.tolist():
                table = file.read_row_group(number, columns=columns, use_threads=False)
                chosen = table.filter(pc.is_in(table[self._key], value_set=values))
                yield from chosen.combine_chunks().to_batches()

    def __enter__(self) -> SegmentReader:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()


def _holding(file: pq.ParquetFile, numbers: np.ndarray, key: str, values: pa.Array) -> np.ndarray:
    """Those of some row groups that hold one of the values of the key."""
    if not len(numbers):
        return numbers
    keys = file.read_row_groups(numbers.tolist(), columns=[key], use_threads=False)[key]
    rows = [file.metadata.row_group(number).num_rows for number in numbers.tolist()]
    found = np.flatnonzero(pc.is_in(keys, value_set=values).to_numpy())
    return numbers[np.unique(np.searchsorted(np.cumsum(rows), found, side="right"))]


def _bounds(file: pq.ParquetFile, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest key of each row group; without statistics bounds that exclude nothing."""
    position = file.schema_arrow.get_field_index(key)
    least, most = [], []
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        statistics = group.column(position).statistics if group.num_rows else None
        if statistics is not None and statistics.has_min_max:
            least.append(statistics.min)
            most.append(statistics.max)
        else:
            least.append("")
            most.append("\U0010ffff")
    return np.array(least, object), np.array(most, object)


def read_matching(
    path: Path, key: str, wanted: np.ndarray, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """``SegmentReader.read`` of one file."""
    with SegmentReader([path], key) as reader:
        yield from reader.read(wanted, columns)


def join_batches(batches: Iterable[pa.RecordBatch], limit: int, column: str) -> Iterator[pa.RecordBatch]:
    """Join batches one after the other until their binary ``column`` holds ``limit`` bytes.

    What is picked from row groups comes a few rows at a time, and a call of a kernel has a cost of its own.
    """
    waiting: list[pa.RecordBatch] = []
    size = 0
    for batch in batches:
        waiting.append(batch)
        size += pc.sum(pc.binary_length(batch[column])).as_py() or 0
        if size >= limit:
            yield pa.concat_batches(waiting)
            waiting, size = [], 0
    if waiting:
        yield pa.concat_batches(waiting)


def split_batch(batch: pa.RecordBatch, limit: int, column: str) -> Iterator[pa.RecordBatch]:
    """Cut a batch into slices whose binary ``column`` holds at most ``limit`` bytes, or a single row."""
    lengths = pc.fill_null(pc.binary_length(batch[column]), 0).to_numpy(zero_copy_only=False).astype(np.int64)
    ends = np.cumsum(lengths)
    start = 0
    while start < batch.num_rows:
        before = ends[start - 1] if start else 0
        end = max(start + 1, int(np.searchsorted(ends, before + limit, side="right")))
        yield batch.slice(start, end - start)
        start = end
