"""The stages that spread licence statements over a listing's entries.

Matches are gathered for each listing first, so that a listing is decided again only if its own entries or
the statements among them have changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from gristmill import tables
from gristmill.decide.groups import INDEX, cut, read_index
from gristmill.decide.licence_decisions import Decision, rows_of
from gristmill.decide.licences import apply
from gristmill.decide.origins import DECLARED
from gristmill.engine.graph import Engine
from gristmill.engine.shards import read_table
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql
from gristmill.engine.stages import Inputs, Output, Shard, Stage, digest

EVIDENCE = pa.schema([pa.field("listing", pa.string(), nullable=False), *tables.LICENCE_MATCHES.schema])

DECIDED = pa.schema([("content_id", pa.string()), ("expression", pa.string()), ("rule", pa.string())])

_STATED = """
SELECT {columns} FROM matches ANTI JOIN decided USING (content_id)
UNION ALL
SELECT {columns} FROM matches SEMI JOIN decided USING (content_id) WHERE kind = 'manifest'
UNION ALL
SELECT content_id, 'notice', expression, rule, 0, 0, 1.0, NULL, NULL FROM decided WHERE expression IS NOT NULL
"""


def evidence_stage(spill: Path, memory: int, threads: int, decisions: Sequence[Decision] = ()) -> Stage:
    """Inputs ``entries`` and ``licence_matches``: the matches among each listing's contents, a row group each, and their index.

    What people decided takes the place of what was found, so only listings that hold such a content are decided again.
    """
    return Stage(
        "licence-evidence",
        3,
        _evidence,
        {"evidence": EVIDENCE, "index": INDEX},
        params={"decisions": [list(row) for row in rows_of(decisions)]} if decisions else {},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("evidence",),
    )


def licences_of(
    listings: Sequence[Shard], evidence: Shard, origins: Shard, mode: str, vendored: str, engine: Engine
) -> list[Shard]:
    """Table ``licences`` of every listing, from what ``origins`` says it declares; ``mode`` and ``vendored`` are the
    recipe's propagation and vendored."""
    groups = read_index(evidence)
    table = read_table(origins.files["declared"], DECLARED)
    declared = dict(zip(*(column.to_pylist() for column in table.columns), strict=True))
    pairs = []
    for listing in listings:
        number, digits = groups.get(listing.key, (None, ""))
        stage = Stage(
            "licences",
            2,
            _licences,
            {tables.LICENCES.name: tables.LICENCES.schema},
            params={"declared": declared[listing.key], "mode": mode, "vendored": vendored},
        )
        files = {
            "entries": listing.files["entries"],
            "evidence": () if number is None else evidence.files["evidence"],
        }
        row_groups = {} if number is None else {"evidence": number}
        pairs.append((stage, Shard(digest(listing.key, digits), files, row_groups)))
    return [shard for shard in engine.map_each(pairs) if shard is not None]


def _evidence(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "matches", inputs.files[tables.LICENCE_MATCHES.name], tables.LICENCE_MATCHES.schema)
        decided = params.get("decisions", [])
        sql.register(
            "decided",
            pa.Table.from_pylist([dict(zip(DECIDED.names, row, strict=True)) for row in decided], DECIDED),
        )
        paths = file_list(inputs.files["entries"])
        columns = ", ".join(f'"{name}"' for name in tables.LICENCE_MATCHES.schema.names)
        found = fetch_table(
            sql,
            f"""
            SELECT DISTINCT parse_filename(parse_dirpath(filename)) AS listing, {columns}
            FROM (SELECT filename, content_id FROM read_parquet({paths}, filename = true))
            JOIN ({_STATED.format(columns=columns)}) USING (content_id)
            ORDER BY listing, content_id, start, "end", rule, expression
            """,
        ).cast(EVIDENCE)
    yield from cut("evidence", found, found["listing"].to_numpy())


def _licences(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    entries = inputs.table("entries", tables.ENTRIES.schema)
    matches = inputs.table("evidence", EVIDENCE).drop_columns(["listing"])
    head = entries.filter(entries["head"])
    declared, vendored = params["declared"], params["vendored"]
    for batch in apply(head, matches, declared, params["mode"], vendored).to_batches():
        yield tables.LICENCES.name, batch
    history = entries.filter(pa.compute.invert(entries["head"]))
    if history.num_rows:
        # What only the history holds is judged by every licence that its directories ever stated.
        both = pa.concat_tables([history, head])
        applied = apply(both, matches, declared, "union", vendored).slice(0, history.num_rows)
        for batch in applied.to_batches():
            yield tables.LICENCES.name, batch
