"""The stages that spread licence statements over a listing's entries.

Matches are gathered for each listing first, so that a listing is decided again only if its own entries or
the statements among them have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill import tables
from gristmill.decide.licences import apply
from gristmill.engine.graph import Engine
from gristmill.engine.shards import fingerprint, open_shard
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql
from gristmill.engine.stages import Inputs, Output, Shard, Stage, digest

EVIDENCE = pa.schema([pa.field("listing", pa.string(), nullable=False), *tables.LICENCE_MATCHES.schema])


def evidence_stage(spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``entries`` and ``licence_matches``: the matches among each listing's contents, a row group each."""
    return Stage(
        "licence-evidence",
        1,
        _evidence,
        {"evidence": EVIDENCE},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("evidence",),
    )


def licences_of(
    listings: Sequence[Shard], evidence: Shard, declared: Sequence[str | None], mode: str, engine: Engine
) -> list[Shard]:
    """Table ``licences`` of every listing; ``mode`` is the recipe's propagation.

    ``declared`` is the licence that an index declares for each listing.
    """
    path = evidence.file("evidence")
    groups = _groups(path)
    pairs = []
    for listing, licence in zip(listings, declared, strict=True):
        entries = listing.files["entries"]
        number, digits = groups.get(listing.key, (None, ""))
        stage = Stage(
            "licences",
            1,
            _licences,
            {tables.LICENCES.name: tables.LICENCES.schema},
            params={"declared": licence, "mode": mode},
        )
        files = {"entries": entries, "evidence": () if number is None else (path,)}
        row_groups = {} if number is None else {"evidence": number}
        pairs.append((stage, Shard(digest(listing.key, digits), files, row_groups)))
    return [shard for shard in engine.map_each(pairs) if shard is not None]


def _evidence(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "matches", inputs.files[tables.LICENCE_MATCHES.name], tables.LICENCE_MATCHES.schema)
        paths = file_list(inputs.files["entries"])
        columns = ", ".join(f'"{name}"' for name in tables.LICENCE_MATCHES.schema.names)
        found = fetch_table(
            sql,
            f"""
            SELECT DISTINCT listing, {columns}
            FROM (SELECT DISTINCT parse_filename(parse_dirpath(filename)) AS listing, content_id
                  FROM read_parquet({paths}, filename = true))
            JOIN matches USING (content_id)
            ORDER BY listing, content_id, start, "end", rule, expression
            """,
        ).cast(EVIDENCE)
    listing = found["listing"].to_numpy()
    starts = np.flatnonzero(listing[1:] != listing[:-1]) + 1 if len(listing) else np.array([], np.int64)
    for start, end in zip([0, *starts], [*starts, len(listing)], strict=True):
        if end > start:
            yield from (
                ("evidence", b) for b in found.slice(start, end - start).combine_chunks().to_batches()
            )


def _groups(path: Path) -> dict[str, tuple[int, str]]:
    """Row group and digest of the matches of each listing that has any."""
    groups: dict[str, tuple[int, str]] = {}
    with open_shard(path) as file:
        for number in range(file.num_row_groups):
            table = file.read_row_group(number, use_threads=False)
            groups[table["listing"][0].as_py()] = (number, fingerprint(table))
    return groups


def _licences(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    entries = inputs.table("entries", tables.ENTRIES.schema)
    matches = inputs.table("evidence", EVIDENCE).drop_columns(["listing"])
    head = entries.filter(entries["head"])
    for batch in apply(head, matches, params["declared"], params["mode"]).to_batches():
        yield tables.LICENCES.name, batch
    history = entries.filter(pa.compute.invert(entries["head"]))
    if history.num_rows:
        # What only the history holds is judged by every licence that its directories ever stated.
        both = pa.concat_tables([history, head])
        applied = apply(both, matches, params["declared"], "union").slice(0, history.num_rows)
        for batch in applied.to_batches():
            yield tables.LICENCES.name, batch
