"""Verdicts: the rules' reasons, and what was decided by looking at other entries, as one row an entry.

``decisions`` gathers the latter, a row group a bucket: conflicts of licences, exact and near duplicates. A
bucket's verdicts are made again only if its reasons or its decisions changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gristmill import tables
from gristmill.decide.groups import INDEX, cut, read_index
from gristmill.decide.near_duplicates.assignment import assign
from gristmill.decide.near_duplicates.pair_stages import ASKED, EDGES
from gristmill.decide.reasons import REASONED, ROW_BITS
from gristmill.decide.rules import CONFLICT
from gristmill.decide.survivors import CONFLICTS, REPEATS, SURVIVORS
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql, stream_batches
from gristmill.engine.stages import Inputs, Output, Shard, Stage
from gristmill.errors import BalanceError
from gristmill.recipe import Policy

DECISIONS = pa.schema([
    pa.field("row", pa.int64(), nullable=False),
    pa.field("conflict", pa.string()),
    pa.field("home", pa.string()),
    pa.field("cluster_id", pa.string()),
    pa.field("similarity", pa.float64()),
    pa.field("cluster_home", pa.string()),
])  # fmt: skip


_CONFLICT = (CONFLICT, "policy.licences.conflict", "'another occurrence: ' || conflict")
_EXACT = ("exact_duplicate", "policy.duplicates.exact", "'one place stands for all: ' || home")
_NEAR = ("near_duplicate", "policy.duplicates.near_threshold")


def decisions_stage(policy: Policy, spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``reasoned`` of all buckets, ``survivors``, ``repeats``, ``conflicts``, and with near duplicates ``edges`` and
    ``asked`` with their ``similarities``.

    Output ``decisions``: a row for each entry on which others have a bearing, a row group a bucket. ``home``
    is the place that is kept for the same content, if one stands for all; ``cluster_home`` that of the
    content ``cluster_id`` that stands for its near duplicates.
    """
    near = policy.duplicates
    return Stage(
        "decisions",
        3,
        _decisions,
        {"decisions": DECISIONS, "index": INDEX},
        params={"near": near.near, "threshold": near.near_threshold, "exact": near.exact},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("decisions",),
    )


def verdicts_stage(policy: Policy, spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``facts``, ``reasoned`` and ``decisions`` of one bucket. Output: table ``verdicts`` in key order."""
    return Stage(
        "verdicts",
        2,
        _verdicts,
        {tables.VERDICTS.name: tables.VERDICTS.schema},
        params={"threshold": policy.duplicates.near_threshold},
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def decisions_of_buckets(decisions: Shard) -> dict[int, tuple[int, str]]:
    """Row group and digest of the decisions on each bucket that has any."""
    return {int(key): found for key, found in read_index(decisions).items()}


def _decisions(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "survivors", inputs.files["survivors"], SURVIVORS)
        create_view(sql, "repeats", inputs.files["repeats"], REPEATS)
        create_view(sql, "conflicts", inputs.files["conflicts"], CONFLICTS)
        create_view(sql, "reasoned", inputs.files["reasoned"], REASONED)
        sql.register("clusters", _clusters(sql, inputs, params))
        found = fetch_table(
            sql,
            f"""
            WITH place AS (
                SELECT row, content_id, CASE WHEN {params["exact"]} THEN kept_row END AS kept_row FROM repeats
                UNION ALL SELECT row, content_id, NULL FROM survivors SEMI JOIN clusters USING (content_id)
            ), decided AS (
                SELECT coalesce(conflicts.row, place.row) AS row, licences AS conflict, kept_row,
                       cluster_id, similarity, cluster_row
                FROM place LEFT JOIN clusters USING (content_id)
                FULL JOIN conflicts USING (row)
                WHERE licences IS NOT NULL OR kept_row IS NOT NULL OR cluster_id IS NOT NULL
            ), home AS MATERIALIZED (
                SELECT row, url || ' ' || path AS home FROM reasoned SEMI JOIN (
                    SELECT kept_row AS row FROM decided UNION SELECT cluster_row FROM decided
                ) AS wanted USING (row)
            )
            SELECT decided.row, conflict, kept.home, cluster_id, similarity, cluster.home AS cluster_home
            FROM decided LEFT JOIN home AS kept ON kept.row = kept_row
            LEFT JOIN home AS cluster ON cluster.row = cluster_row
            ORDER BY 1
            """,
        ).cast(DECISIONS)
    yield from cut("decisions", found, found["row"].to_numpy() >> ROW_BITS)


def _clusters(sql: duckdb.DuckDBPyConnection, inputs: Inputs, params: Mapping[str, Any]) -> pa.Table:
    """For every content that is alike to another: the content kept for it, and the similarity."""
    create_view(sql, "edges", inputs.files["edges"], EDGES)
    create_view(sql, "asked", inputs.files["asked"], ASKED)
    create_view(sql, "similarities", inputs.files["similarities"], tables.SIMILARITIES.schema)
    (missing,) = fetch_table(
        sql, "SELECT count(*) AS missing FROM asked ANTI JOIN similarities USING (content_a, content_b)"
    )["missing"].to_pylist()
    if missing:
        raise BalanceError(f"{missing} candidate pairs have no similarity; this is a bug")
    edges = fetch_table(
        sql,
        f"""
        FROM (
            SELECT better, worse, jaccard FROM edges
            UNION ALL SELECT better, worse, jaccard FROM asked JOIN similarities USING (content_a, content_b)
        ) WHERE {params["near"]} AND jaccard >= {float(params["threshold"])!r}
        """,
    )
    both = (
        np.stack([edges["better"].to_numpy(), edges["worse"].to_numpy()], axis=1)
        .astype(np.int64)
        .reshape(-1, 2)
    )
    ranks, items = np.unique(both, return_inverse=True)
    all_items = np.arange(len(ranks))
    kept, similarity = assign(
        all_items, items.reshape(-1, 2).astype(np.int64), edges["jaccard"].to_numpy(), params["threshold"]
    )
    grouped = np.isin(all_items, kept[kept != all_items]) | (kept != all_items)
    sql.register(
        "assigned",
        pa.table(
            {"rank": ranks[grouped], "kept_rank": ranks[kept][grouped], "similarity": similarity[grouped]}
        ),
    )
    return fetch_table(
        sql,
        """
        SELECT own.content_id, kept.content_id AS cluster_id, similarity, kept.row AS cluster_row
        FROM assigned
        JOIN survivors AS own ON own.rank = assigned.rank
        JOIN survivors AS kept ON kept.rank = kept_rank
        """,
    )


def _verdicts(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    decided = inputs.table("decisions", DECISIONS)
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        for name in ("facts", "reasoned"):
            sql.execute(
                f"CREATE TEMP VIEW {name} AS SELECT *, file_row_number AS place "
                f"FROM read_parquet({file_list(inputs.files[name])}, file_row_number = true)"
            )
        sql.register("decided", decided)
        near = f"'exact Jaccard ' || round(similarity, 4) || ' >= {params['threshold']} to ' || cluster_id || ' ' || cluster_home"
        query = f"""
        WITH joined AS (
            SELECT facts.place, origin_id, anchor, facts.path, facts.content_id, decided.*,
                   list_concat(
                       ahead,
                       {_reason("conflict IS NOT NULL", *_CONFLICT)},
                       behind,
                       {_reason("home IS NOT NULL", *_EXACT)},
                       {_reason("cluster_id <> facts.content_id", *_NEAR, near)}
                   ) AS reasons
            FROM facts JOIN reasoned USING (place) LEFT JOIN decided ON decided.row = reasoned.row
        )
        SELECT origin_id, anchor, path, content_id, len(reasons) = 0 AS kept, reasons[1].reason AS reason,
               reasons, cluster_id, similarity
        FROM joined ORDER BY place
        """
        for batch in stream_batches(sql, query, tables.VERDICTS.schema):
            yield tables.VERDICTS.name, batch


def _reason(condition: str, reason: str, rule: str, evidence: str) -> str:
    """SQL: a list of one reason if the condition holds, else an empty one."""
    return (
        f"CASE WHEN {condition} THEN [{{'reason': '{reason}', 'rule': '{rule}', 'evidence': {evidence}}}] "
        f"ELSE [] END"
    )
