"""The stages that measure pairs of contents: shingle hashes of those asked about, and similarities.

Only hashes move between them. The similarity of a pair is a fact about two contents, so it is kept and never
computed again, whatever the policy of a later build.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate import shingles
from gristmill.annotate.stages import KERNEL_BYTES, text_batch
from gristmill.decide.near_duplicates.pair_stages import ASKED, HELD, WANTED
from gristmill.decide.near_duplicates.similarity import jaccard
from gristmill.engine.shards import join_batches, read_matching, split_batch
from gristmill.engine.stages import Inputs, Output, Stage

HASHES = pa.list_(pa.field("element", pa.uint64(), nullable=False))
SHINGLES = pa.schema([
    pa.field("partition", pa.uint64(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("hashes", HASHES, nullable=False),
])  # fmt: skip
SIDES = ("content_a", "content_b")
SIMILARITIES_STAGE = "similarities-" + shingles.SCHEME.replace("/", "-")
"""named by the scheme, so that similarities of two schemes never stand in one folder"""


def shingles_stage() -> Stage:
    """Inputs ``contents``, ``text`` and ``held`` of a segment, and ``wanted``: shingle hashes of its wanted files."""
    return Stage("shingles", 2, _shingles, {"shingles": SHINGLES}, params={"scheme": shingles.SCHEME})


def similarities_stage() -> Stage:
    """Reduce of ``shingles`` with the partition's ``asked``: the exact Jaccard index of each pair."""
    return Stage(SIMILARITIES_STAGE, 1, _similarities, {tables.SIMILARITIES.name: tables.SIMILARITIES.schema})


def _shingles(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    held = inputs.table("held", HELD)["content_id"]
    parts = [
        batch.filter(pc.is_in(batch["content_id"], value_set=held)) for batch in inputs.batches("wanted")
    ]
    wanted = pa.Table.from_batches(parts, schema=WANTED)
    ids, partitions = wanted["content_id"].to_numpy(), wanted["partition"].to_numpy()
    text = inputs.table("text", tables.TEXT.schema)
    text = text.filter(pc.is_in(text["content_id"], value_set=held)).combine_chunks()
    for path in inputs.files["contents"]:
        bodies = read_matching(path, "content_id", np.unique(ids), ["content_id", "length", "data"])
        for batch in join_batches(bodies, KERNEL_BYTES, "data"):
            for part in split_batch(batch, KERNEL_BYTES, "data"):
                texts = text_batch(part, text)
                hashes, offsets = shingles.shingle_hashes(texts["text"])
                found = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), pa.array(hashes)).cast(HASHES)
                names = texts["content_id"].to_numpy(zero_copy_only=False)
                first = np.searchsorted(ids, names, side="left")
                counts = np.searchsorted(ids, names, side="right") - first
                rows = np.repeat(np.arange(len(names)), counts)
                within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
                at = pa.array(rows)
                columns = [
                    pa.array(partitions[np.repeat(first, counts) + within]),
                    texts["content_id"].take(at),
                    found.take(at),
                ]
                yield "shingles", pa.RecordBatch.from_arrays(columns, schema=SHINGLES)


def _similarities(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    table = inputs.table("shingles", SHINGLES).combine_chunks()
    asked = inputs.table("asked", ASKED)
    lists = table["hashes"].combine_chunks()
    hashes, offsets = lists.flatten().to_numpy(), lists.offsets.to_numpy().astype(np.int64)
    sides = [pc.index_in(asked[name], value_set=table["content_id"]) for name in SIDES]
    pairs = np.stack([side.to_numpy() for side in sides], axis=1).astype(np.int64)
    values = jaccard(hashes, offsets - offsets[0], pairs)
    result = asked.select(SIDES).append_column("jaccard", pa.array(values)).cast(tables.SIMILARITIES.schema)
    for batch in result.combine_chunks().to_batches(max_chunksize=1 << 16):
        yield tables.SIMILARITIES.name, batch
