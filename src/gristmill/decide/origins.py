"""The origins of a build, each once, with the recipe's metadata joined; and what each listing declares."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from gristmill import tables
from gristmill.collect.metadata import join_metadata
from gristmill.engine.stages import Inputs, Output, Stage

DECLARED = pa.schema([
    pa.field("listing", pa.string(), nullable=False),
    pa.field("declared_licence", pa.string()),
])  # fmt: skip


def origins_stage(metadata: pa.Table | None) -> Stage:
    """Input ``origins`` of every listing; output table ``origins``, one row an origin, sorted by id.

    Output ``declared``: the licence that an index declares, listing by listing, since two versions of a package
    may differ. The recipe's metadata, where it names one, overrides it.
    """
    return Stage(
        "origins",
        2,
        _origins,
        {tables.ORIGINS.name: tables.ORIGINS.schema, "declared": DECLARED},
        params={"metadata": _fingerprint(metadata)},
        private={"table": metadata},
    )


def _origins(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    table = inputs.table("origins", tables.ORIGINS.schema)
    declared = join_metadata(table, params["table"])["declared_licence"].combine_chunks()
    keys = pa.array([path.parent.name for path in inputs.files["origins"]], pa.string())
    yield "declared", pa.RecordBatch.from_arrays([keys, declared], schema=DECLARED)
    listed = table.to_pylist()
    # Two versions of a package are one origin; which row stands must not depend on the order of the sources.
    rows = {row["origin_id"]: row for row in sorted(listed, key=lambda row: row["declared_licence"] or "")}
    distinct = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=tables.ORIGINS.schema)
    for batch in join_metadata(distinct, params["table"]).to_batches():
        yield tables.ORIGINS.name, batch


def _fingerprint(metadata: pa.Table | None) -> str | None:
    return None if metadata is None else hashlib.sha256(repr(metadata.to_pylist()).encode()).hexdigest()
