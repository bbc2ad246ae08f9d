"""The small stages that finish a release: join pieces of shards, describe stubs, list the visits it is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gristmill import tables
from gristmill.collect.swhid import swhid
from gristmill.engine.shards import read_batches, read_table
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.release.earlier import WRITTEN
from gristmill.release.manifest import file_digest
from gristmill.release.paged import write_paged_shard
from gristmill.release.pieces import read_piece
from gristmill.release.schema import STUBS, rows_digest
from gristmill.release.stored import StoredPages
from gristmill.release.write import describe

VISITED = pa.schema([
    pa.field("origin_url", pa.string(), nullable=False),
    pa.field("kind", pa.string(), nullable=False),
    pa.field("state", pa.string(), nullable=False),
    pa.field("snapshot", pa.string()),
    pa.field("anchor", pa.string()),
])  # fmt: skip


def merge_stage(slug: str, numbers: Sequence[int]) -> Stage:
    """The stage that joins the pieces of a shard, in order, into ``<slug>.parquet``.

    Input ``pieces``, files of pieces, and ``numbers`` those of this language in each. The pages are copied as
    they are. Output ``written``.
    """
    return Stage(
        "merge",
        4,
        _merge,
        {"written": WRITTEN},
        params={"slug": slug, "pyarrow": pa.__version__},
        private={"numbers": list(numbers)},
        own_files=True,
    )


def describe_stage() -> Stage:
    """Input ``stubs``, a shard; output ``written``."""
    return Stage("describe", 1, _describe, {"written": WRITTEN})


def visits_stage() -> Stage:
    """Inputs ``origins`` and ``visits``, a file each of every listing; output ``visited``, in their order."""
    return Stage("release-visits", 1, _visits, {"visited": VISITED})


def _merge(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    batches, pages = [], []
    files: list[Path] = []
    for path, number in zip(inputs.files["pieces"], params["numbers"], strict=True):
        rows, own = read_piece(path, number)
        at = own.at.copy()
        at["file"] += len(files)
        batches.append(rows)
        pages.append(at)
        files += own.files
    whole = pa.Table.from_batches(batches).combine_chunks()
    path = Path(params["folder"]) / f"{params['slug']}.parquet"
    write_paged_shard(path, whole, StoredPages(files, np.concatenate(pages)))
    row = describe(params["slug"], b"", path, whole)
    yield from (("written", b) for b in pa.Table.from_pylist([row], schema=WRITTEN).to_batches())


def _describe(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (path,) = inputs.files[STUBS.name]
    row = {
        "slug": STUBS.name,
        "made_from": b"",
        "rows": pq.read_metadata(path).num_rows,
        "bytes": path.stat().st_size,
        "sha256": file_digest(path),
        "logical_sha256": rows_digest(STUBS.schema, read_batches([path])),
        "released_bytes": 0,
        "redactions": 0,
        "redacted_files": 0,
    }
    yield from (("written", b) for b in pa.Table.from_pylist([row], schema=WRITTEN).to_batches())


def _visits(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    rows = []
    for origins, visits in zip(inputs.files["origins"], inputs.files["visits"], strict=True):
        (origin,) = read_table([origins], tables.ORIGINS.schema, ["url", "kind"]).to_pylist()
        for visit in read_table(
            [visits], tables.VISITS.schema, ["state", "snapshot_id", "anchor"]
        ).to_pylist():
            snapshot = visit["snapshot_id"]
            rows.append(
                {
                    "origin_url": origin["url"],
                    "kind": origin["kind"],
                    "state": visit["state"],
                    "snapshot": swhid("snp", snapshot) if snapshot else None,
                    "anchor": visit["anchor"],
                }
            )
    yield "visited", pa.RecordBatch.from_pylist(rows, schema=VISITED)
