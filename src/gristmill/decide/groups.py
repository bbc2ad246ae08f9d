"""A sorted table as a row group a key, and an index that tells without reading them which of them changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pyarrow as pa

from gristmill.engine.shards import read_table, table_digest
from gristmill.engine.stages import Output, Shard

INDEX = pa.schema([
    pa.field("key", pa.string(), nullable=False),
    pa.field("digest", pa.string(), nullable=False),
])  # fmt: skip


def cut(name: str, table: pa.Table, keys: np.ndarray) -> Iterator[Output]:
    """Output ``name``, one batch for each run of equal keys, then output ``index``: their keys and digests in order."""
    changes = np.flatnonzero(keys[1:] != keys[:-1]) + 1
    bounds = [0, *changes.tolist(), len(keys)] if len(keys) else []
    digests = []
    for start, end in pairwise(bounds):
        part = table.slice(start, end - start).combine_chunks()
        digests.append(table_digest(part))
        yield from ((name, batch) for batch in part.to_batches())
    firsts = pa.array([str(keys[start]) for start in bounds[:-1]], pa.string())
    yield "index", pa.RecordBatch.from_arrays([firsts, pa.array(digests, pa.string())], schema=INDEX)


def read_index(shard: Shard) -> Mapping[str, tuple[int, str]]:
    """Row group and digest of the rows of each key."""
    index = read_table(shard.files["index"], INDEX)
    rows = zip(index["key"].to_pylist(), index["digest"].to_pylist(), strict=True)
    return {key: (number, digest) for number, (key, digest) in enumerate(rows)}
