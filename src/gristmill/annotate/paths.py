"""What a path alone says: its extension, and whether linguist counts it as vendored, test or documentation."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate import linguist

NAME = "paths"
VERSION = 1
TABLE = tables.PATHS


def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The facts of each distinct path.

    Args:
        batch: column ``path`` (string, no nulls, '/' between segments); repeats are welcome.

    Returns:
        One row of ``tables.PATHS`` a distinct path, in ascending order of the paths' UTF-8 bytes.
    """
    distinct = pc.unique(batch.column("path").cast(pa.string()))
    paths = distinct.take(pc.sort_indices(distinct))
    enry = linguist.library()
    names = [linguist.plain(path) for path in paths.to_pylist()]
    return pa.RecordBatch.from_arrays(
        [
            paths,
            extensions(paths),
            pa.array([enry.is_vendor(name) for name in names], pa.bool_()),
            pa.array([enry.is_test(name) for name in names], pa.bool_()),
            pa.array([enry.is_documentation(name) for name in names], pa.bool_()),
        ],
        schema=TABLE.schema,
    )


def extensions(paths: pa.Array) -> pa.Array:
    """The text after the last dot of each path's last segment, lower case; empty if there is no dot.

    A name that only starts with a dot (``.gitignore``) has an extension by this rule, as linguist has it.
    """
    found = pc.extract_regex(paths, r"\.(?P<extension>[^./]*)$")
    return pc.utf8_lower(pc.fill_null(pc.struct_field(found, "extension"), ""))
