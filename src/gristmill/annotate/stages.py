"""The stages that annotate: a side-car file for every segment and annotator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.annotate import annotators
from gristmill.annotate.annotators import Annotator
from gristmill.annotate.known import AFTER, after
from gristmill.annotate.text import with_text
from gristmill.engine.shards import read_matching, split_batch
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql, quote_list
from gristmill.engine.stages import Inputs, Output, Stage

KERNEL_BYTES = 2 << 20
"""text handed to a kernel at a time: its temporaries are several times larger, and should fit the cache"""

NAMES = pa.schema([
    pa.field("segment", pa.string(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("name", pa.string(), nullable=False),
])  # fmt: skip


def annotator_stage(annotator: Annotator, options: Mapping[str, Any], key: bytes, key_id: str) -> Stage:
    """The stage of one annotator; ``options`` are part of the result's key, the secret ``key`` is not."""
    wanted = {name: options[name] for name in annotator.options if name != "key"}
    if "key" in annotator.options:
        wanted["key_id"] = key_id
    function = {"bytes": _from_bytes, "text": _from_text, "paths": _from_paths}.get(
        annotator.reads, _from_names
    )
    return Stage(
        annotator.name,
        annotator.version,
        function,
        {annotator.table.name: annotator.table.schema},
        params=wanted,
        private={"key": key, "stage": annotator.name},
    )


def names_stage(segments: Sequence[str], spill: Path, memory: int, threads: int) -> Stage:
    """The stage that finds the (content, file name) pairs that no earlier run of it has listed.

    Inputs: ``entries``, ``ids`` (of each of ``segments``), ``known`` (its earlier outputs). Output ``names``: one row
    group a segment; ``after``: the keys of the earlier runs whose pairs it left out.
    """
    return Stage(
        "names",
        2,
        _names,
        {"names": NAMES, "after": AFTER},
        private={"segments": list(segments), "spill": spill, "memory": memory, "threads": threads},
        row_groups=("names",),
    )


def _annotator(table: str) -> Annotator:
    return annotators.ALL[table]


def _from_bytes(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    for batch in inputs.batches("contents", ["content_id", "length", "data"]):
        for part in split_batch(batch, KERNEL_BYTES, "data"):
            yield annotators.TEXT.table.name, annotators.TEXT.annotate(part)


def _from_text(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    annotator = _annotator(params["stage"])
    text = _text_rows(inputs)
    for batch in inputs.batches("contents", ["content_id", "length", "data"]):
        for part in split_batch(batch, KERNEL_BYTES, "data"):
            yield annotator.table.name, annotators.call(annotator, text_batch(part, text), params)


def _from_names(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    annotator = _annotator(params["stage"])
    text = _text_rows(inputs)
    names = inputs.table("names", NAMES, ["content_id", "name"])
    if annotator.reads == "name lists":
        grouped = names.group_by("content_id", use_threads=False).aggregate([("name", "list")])
        names = grouped.rename_columns(["content_id", "names"])
    names = names.sort_by("content_id").combine_chunks()
    keys = names["content_id"].to_numpy()
    for path in inputs.files["contents"]:
        for batch in read_matching(path, "content_id", np.unique(keys), ["content_id", "length", "data"]):
            for part in split_batch(batch, KERNEL_BYTES, "data"):
                named = _repeat_by_name(text_batch(part, text), keys, names)
                yield annotator.table.name, annotators.call(annotator, named, params)


def _from_paths(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    paths = pa.concat_arrays(
        [batch["path"] for batch in inputs.batches("entries", ["path"])] or [pa.array([], pa.string())]
    )
    batch = pa.RecordBatch.from_arrays([pc.unique(paths)], names=["path"])
    yield annotators.PATHS.table.name, annotators.PATHS.annotate(batch)


def _names(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    yield "after", after(inputs.files["known"])
    if not inputs.files["ids"]:
        return
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "entries", inputs.files["entries"], tables.ENTRIES.schema)
        create_view(sql, "known", inputs.files["known"], NAMES)
        files = inputs.files["ids"]
        segments = params["segments"]
        sql.register("segments", pa.table({"filename": list(map(str, files)), "segment": segments}))
        pairs = fetch_table(
            sql,
            f"""
            SELECT segment, content_id, name
            FROM (
                SELECT DISTINCT content_id, name FROM entries
                ANTI JOIN (
                    SELECT content_id, name FROM known WHERE segment IN (SELECT unnest({quote_list(segments)}))
                ) USING (content_id, name)
                WHERE type <> 'submodule'
            )
            JOIN read_parquet({file_list(files)}, filename = true) AS held USING (content_id)
            JOIN segments USING (filename)
            WHERE failed_for IS NULL
            ORDER BY segment, content_id, name
            """,
        ).cast(NAMES)
    segments = pairs["segment"].to_numpy()
    starts = np.flatnonzero(segments[1:] != segments[:-1]) + 1 if len(segments) else np.array([], np.int64)
    for start, end in zip([0, *starts], [*starts, len(segments)], strict=True):
        if end > start:
            yield from (("names", b) for b in pairs.slice(start, end - start).combine_chunks().to_batches())


def text_batch(batch: pa.RecordBatch, text: pa.Table) -> pa.RecordBatch:
    """Contents with their UTF-8 text; ``text`` is the side-car table, joined by content id."""
    rows = pc.index_in(batch["content_id"], value_set=text["content_id"])
    (aligned,) = text.take(rows).combine_chunks().to_batches()
    return with_text(batch, aligned)


def _text_rows(inputs: Inputs) -> pa.Table:
    return inputs.table("text", tables.TEXT.schema).combine_chunks()


def _repeat_by_name(batch: pa.RecordBatch, keys: np.ndarray, names: pa.Table) -> pa.RecordBatch:
    """One row for each row of ``names`` (sorted by ``keys``) that belongs to a content of the batch."""
    ids = batch["content_id"].to_numpy(zero_copy_only=False)
    first, last = np.searchsorted(keys, ids, side="left"), np.searchsorted(keys, ids, side="right")
    counts = last - first
    rows = np.repeat(np.arange(len(ids)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    picked = names.take(pa.array(np.repeat(first, counts) + within))
    column = names.column_names[1]
    repeated = batch if (counts == 1).all() else batch.take(pa.array(rows))
    return repeated.append_column(column, picked[column].combine_chunks())
