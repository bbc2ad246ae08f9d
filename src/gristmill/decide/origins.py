"""The origins of a build, each once, with the recipe's metadata joined."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from gristmill import tables
from gristmill.collect.metadata import join_metadata
from gristmill.engine.stages import Inputs, Output, Stage

DECLARED = pa.schema([pa.field("licence", pa.string())])


def origins_stage(metadata: pa.Table | None) -> Stage:
    """Input ``origins`` of every listing. Output: table ``origins``, one row an origin, sorted by id.

    Output ``declared``: the licence that an index declares for each listing, in their order. It is a listing's
    own, since two versions of a package may differ; the recipe's metadata, where it names one, overrides it.
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
    listed = table.to_pylist()
    # Two versions of a package are one origin; which row stands must not depend on the order of the sources.
    rows = {row["origin_id"]: row for row in sorted(listed, key=lambda row: row["declared_licence"] or "")}
    distinct = pa.Table.from_pylist([rows[key] for key in sorted(rows)], schema=tables.ORIGINS.schema)
    for batch in join_metadata(distinct, params["table"]).to_batches():
        yield tables.ORIGINS.name, batch
    licences = (
        join_metadata(table, params["table"]).select(["declared_licence"]).rename_columns(DECLARED.names)
    )
    for batch in licences.combine_chunks().to_batches():
        yield "declared", batch


def _fingerprint(metadata: pa.Table | None) -> str | None:
    return None if metadata is None else hashlib.sha256(repr(metadata.to_pylist()).encode()).hexdigest()
