"""Runs of rows in the order of their places, kept as Arrow IPC: each range of a release reads a little of every run.

Parquet would cost more to decode than all else that is done to these rows: they are wide, and read in small
parts. A batch of a file is a run, so its first and last place tell whether a range needs it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from gristmill.errors import ReleaseError

PLACE = "place"
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


@contextmanager
def run_writer(path: Path, schema: pa.Schema) -> Iterator[pa.ipc.RecordBatchFileWriter]:
    """A file of runs in the making: each batch written to it must be sorted by its column ``place``."""
    with path.open("wb") as file:
        with pa.ipc.new_file(file, schema, options=_OPTIONS) as writer:
            yield writer
        file.flush()
        os.fsync(file.fileno())


def cut_runs(rows: pa.Table, size: int) -> Iterator[pa.Table]:
    """Rows in the order of their places as runs of ``size`` at most on average.

    They are cut where leading bits of the place change, as ranges are, so that of many ranges each reads runs
    that no other needs.
    """
    places = rows[PLACE].to_numpy()
    bits = max(0, -(-len(places) // size) - 1).bit_length()
    heads = places >> np.uint64(64 - bits) if bits else np.zeros(len(places), np.uint64)
    bounds = [0, *(np.flatnonzero(heads[1:] != heads[:-1]) + 1).tolist(), len(places)]
    yield from (rows.slice(start, end - start) for start, end in pairwise(bounds) if start < end)


def read_range(paths: Iterable[Path], least: int, end: int) -> Iterator[pa.RecordBatch]:
    """Rows whose place is at least ``least`` and less than ``end``, file by file and run by run.

    Raises ReleaseError naming the file if it cannot be read.
    """
    for path in paths:
        try:
            with pa.OSFile(str(path)) as file:
                yield from _in_range(file, least, end)
        except (pa.ArrowException, OSError) as error:
            raise ReleaseError(
                f"{path}: cannot be read ({error}); remove its folder and run again"
            ) from error


def _in_range(file: pa.NativeFile, least: int, end: int) -> Iterator[pa.RecordBatch]:
    whole = pa.ipc.open_file(file)
    number = whole.schema.get_field_index(PLACE)
    narrow = pa.ipc.open_file(
        file, options=pa.ipc.IpcReadOptions(included_fields=[number], use_threads=False)
    )
    for run in range(whole.num_record_batches):
        # Bounds as unsigned integers of Python: numpy would make them floats.
        places = narrow.get_batch(run)[PLACE].to_numpy()
        first, last = (
            int(np.searchsorted(places, np.uint64(bound))) if bound < 1 << 64 else len(places)
            for bound in (least, end)
        )
        if not first and last == len(places):
            yield whole.get_batch(run)
        elif first < last:
            # A copy: a slice would keep the whole run in memory.
            yield whole.get_batch(run).take(pa.array(np.arange(first, last)))
