"""The stages that read origins: list their objects, plan what is missing, fetch it into sorted segments.

A segment is a Parquet file of contents sorted by id whose row groups never cross one of SLOTS equal ranges
of ids; ids are uniform, so a range of slots is a fair sample of a corpus and can be read without the rest.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import tables
from gristmill.collect.reader import Context, Limits, ReadContent, State
from gristmill.collect.sources import READERS
from gristmill.engine.shards import ROW_GROUP_BYTES
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql
from gristmill.engine.stages import Inputs, Output, Stage

LISTING_TABLES = (
    tables.ORIGINS,
    tables.VISITS,
    tables.SNAPSHOTS,
    tables.REVISIONS,
    tables.RELEASES,
    tables.DIRECTORIES,
    tables.ENTRIES,
)
SLOTS = 64

IDS = pa.schema([
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("failed_for", pa.string()),
])  # fmt: skip
WANTED = pa.schema([
    pa.field("batch", pa.int32(), nullable=False),
    pa.field("source", pa.int32(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
])  # fmt: skip


def list_stage(state: State, context: Context) -> Stage:
    """The stage that lists one state: all tables of its object graph, no bodies."""
    people = "keep" if context.people_key is None else _fingerprint(context.people_key)
    return Stage(
        "list",
        1,
        _list,
        {table.name: table.schema for table in LISTING_TABLES},
        params={
            "source": str(state.source),
            "state": state.state,
            "limits": _limits_key(context.limits),
            "people": people,
        },
        private={"state": state, "context": context},
    )


def plan_stage(segment_bytes: int, spill: Path, memory: int, threads: int) -> Stage:
    """The stage that finds the contents that no segment holds and cuts them into batches to fetch.

    Inputs: ``entries`` (one file a listing, in order) and ``ids`` of all segments. Each wanted content is asked
    from the first listing that has it and has not failed to deliver it.
    Output ``wanted``: one row group a batch.
    """
    return Stage(
        "plan",
        2,
        _plan,
        {"wanted": WANTED},
        params={"segment_bytes": segment_bytes},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("wanted",),
    )


def ids_stage() -> Stage:
    """The stage that lists a segment: the contents it holds, and those that origin ``failed_for`` did not deliver.

    Bodies stand in many row groups, and to open these only for the ids of all contents costs more than a join.
    """
    return Stage("ids", 1, _ids, {"ids": IDS}, plain=("content_id",))


def fetch_stage(states: Mapping[int, State], context: Context) -> Stage:
    """The stage that reads the wanted contents of some states into one segment."""
    return Stage(
        "fetch",
        1,
        _fetch,
        {
            tables.CONTENTS.name: tables.CONTENTS.schema,
            tables.SKIPPED_CONTENTS.name: tables.SKIPPED_CONTENTS.schema,
        },
        private={"states": dict(states), "context": context},
        row_groups=(tables.CONTENTS.name,),
        plain=("content_id", "sha1", "sha256", "data"),
    )


def slot(content_id: str) -> int:
    """Which of the SLOTS equal ranges of ids a content stands in."""
    return int(content_id[:2], 16) * SLOTS >> 8


def _list(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    state: State = params["state"]
    yield from READERS[state.source.scheme].list_objects(state, params["context"])


def _plan(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    entries = inputs.files["entries"]
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "ids", inputs.files["ids"], IDS)
        listed = pa.table({"path": [str(path) for path in entries], "source": np.arange(len(entries))})
        sql.register("listed", listed)
        paths = file_list(entries)
        wanted = fetch_table(
            sql,
            f"""
            SELECT content_id, min(source)::INTEGER AS source, max(length) AS length
            FROM (
                FROM read_parquet({paths}, filename = true) AS entry
                ANTI JOIN (FROM ids WHERE failed_for IS NULL) AS known USING (content_id)
                WHERE skipped IS NULL AND type <> 'submodule'
            ) AS entry
            ANTI JOIN ids ON ids.content_id = entry.content_id AND ids.failed_for = entry.origin_id
            JOIN listed ON entry.filename = listed.path
            GROUP BY content_id
            ORDER BY 2, 1
            """,
        )
    size = np.maximum(wanted["length"].to_numpy(), 0)
    batch = ((np.cumsum(size) - size) // params["segment_bytes"]).astype(np.int32)
    starts = np.flatnonzero(np.diff(batch, prepend=-1))
    numbered = pa.table({
        "batch": pa.array(np.searchsorted(starts, np.arange(len(batch)), side="right") - 1, pa.int32()),
        "source": wanted["source"],
        "content_id": wanted["content_id"],
    })  # fmt: skip
    for start, end in pairwise([*starts, len(batch)]):
        part = numbered.slice(start, end - start).cast(WANTED).combine_chunks()
        yield from (("wanted", piece) for piece in part.to_batches())


def _ids(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    held = inputs.table(tables.CONTENTS.name, tables.CONTENTS.schema, ["content_id"])
    none = pa.nulls(held.num_rows, pa.string())
    failed = inputs.table(
        tables.SKIPPED_CONTENTS.name, tables.SKIPPED_CONTENTS.schema, ["content_id", "origin_id"]
    )
    for table in (held.append_column("failed_for", none), failed):
        yield from (
            ("ids", b) for b in table.rename_columns(IDS.names).cast(IDS).combine_chunks().to_batches()
        )


def _fetch(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    wanted: dict[int, list[str]] = defaultdict(list)
    for batch in inputs.batches("wanted"):
        for number, content_id in zip(
            batch["source"].to_pylist(), batch["content_id"].to_pylist(), strict=True
        ):
            wanted[number].append(content_id)
    found: list[ReadContent] = []
    skipped: list[dict[str, object]] = []
    for number, ids in sorted(wanted.items()):
        state: State = params["states"][number]
        left = dict.fromkeys(ids)
        for content in READERS[state.source.scheme].read_contents(state, ids, params["context"]):
            left.pop(content.content_id, None)
            if content.data is not None:
                found.append(content)
            else:
                skipped.append(_skip(content.content_id, content.length, content.skipped or "missing", state))
        skipped += [_skip(content_id, -1, "missing", state) for content_id in left]
    found.sort(key=lambda content: content.content_id)
    yield from _segment(found)
    skipped.sort(key=lambda row: str(row["content_id"]))
    schema = tables.SKIPPED_CONTENTS.schema
    yield tables.SKIPPED_CONTENTS.name, pa.RecordBatch.from_pylist(skipped, schema=schema)


def _segment(contents: Sequence[ReadContent]) -> Iterator[Output]:
    """Sorted contents as row groups that are small enough and do not cross a slot."""
    group: list[ReadContent] = []
    size = 0
    for content in contents:
        crosses = bool(group) and slot(group[0].content_id) != slot(content.content_id)
        if group and (crosses or size + content.length > ROW_GROUP_BYTES):
            yield tables.CONTENTS.name, _contents_batch(group)
            group, size = [], 0
        group.append(content)
        size += content.length
    if group:
        yield tables.CONTENTS.name, _contents_batch(group)


def _contents_batch(contents: Sequence[ReadContent]) -> pa.RecordBatch:
    bodies = [content.data or b"" for content in contents]
    return pa.RecordBatch.from_arrays(
        [
            pa.array([content.content_id for content in contents]),
            pa.array([hashlib.sha1(body, usedforsecurity=False).hexdigest() for body in bodies]),
            pa.array([hashlib.sha256(body).hexdigest() for body in bodies]),
            pa.array([len(body) for body in bodies], pa.int64()),
            pa.array(bodies, pa.binary()),
        ],
        schema=tables.CONTENTS.schema,
    )


def _skip(content_id: str, length: int, reason: str, state: State) -> dict[str, object]:
    return {
        "content_id": content_id,
        "length": length,
        "reason": reason,
        "origin_id": state.origin["origin_id"],
    }


def _fingerprint(key: bytes) -> str:
    return hashlib.sha256(b"gristmill people key\0" + key).hexdigest()[:16]


def _limits_key(limits: Limits) -> list[int]:
    return [
        limits.max_content_bytes,
        limits.max_origin_bytes,
        limits.max_entries,
        limits.max_path_bytes,
        limits.max_depth,
        limits.max_compression_ratio,
    ]
