"""Verdicts: rules over facts, then one survivor of every content, then one of every near-duplicate group.

The total order of survivors: permissive licence first, then the earliest date (creation of the repository,
else committer date or upload time; unknown last), more stars, more forks, URL, anchor, path.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gristmill import tables
from gristmill.decide.near_duplicates.assignment import assign
from gristmill.decide.near_duplicates.stages import PAIRS, SURVIVORS
from gristmill.decide.opt_out import OptOut, match_origin
from gristmill.decide.rules import Rule, rules_of
from gristmill.engine.sql import create_view, fetch_table, file_list, open_sql, quote, stream_batches
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.errors import BalanceError
from gristmill.recipe import Policy
from gristmill.spdx.expressions import normalise

JUDGED = pa.schema([
    *(pa.field(name, pa.string(), nullable=False) for name in ("origin_id", "anchor", "path", "content_id")),
    pa.field("reasons", tables.EVIDENCE, nullable=False),
    pa.field("survivor", pa.string(), nullable=True),
    pa.field("rank", pa.int64(), nullable=True),
])  # fmt: skip

_DATE = "coalesce(created_at, committer_date)"
_ORDER = "permissive DESC, day NULLS LAST, stars DESC NULLS LAST, forks DESC NULLS LAST, url, row"


def judge_stage(policy: Policy, opt_outs: Sequence[OptOut], spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``facts``: every rule that speaks of one entry, and the survivor of every content.

    Output ``judged``: reasons so far; ``rank`` of the entries that survive (0 is best); ``survivor``, the
    place of the entry kept for the same content. Output ``survivors``: content and rank.
    """
    return Stage(
        "judge",
        1,
        _judge,
        {"judged": JUDGED, "survivors": SURVIVORS},
        params={
            "rules": [
                [rule.reason, rule.name, rule.condition, rule.evidence] for rule in rules_of(policy, opt_outs)
            ],
            "licences": _licence_terms(policy),
            "exact": policy.duplicates.exact,
            "opt_outs": [[entry.kind, entry.subject] for entry in opt_outs],
        },
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def verdicts_stage(policy: Policy, spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``judged``, ``survivors``, ``facts``, and with near duplicates ``pairs`` and ``similarities``.

    Output: table ``verdicts`` in key order.
    """
    return Stage(
        "verdicts",
        1,
        _verdicts,
        {tables.VERDICTS.name: tables.VERDICTS.schema},
        params={"near": policy.duplicates.near, "threshold": policy.duplicates.near_threshold},
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def _licence_terms(policy: Policy) -> dict[str, Any]:
    licences = policy.licences
    return {
        "allow": list(licences.allow),
        "allow_expressions": sorted(normalise(text) or text for text in licences.allow_expressions),
        "deny_expressions": sorted(normalise(text) or text for text in licences.deny_expressions),
        "conflict": licences.conflict,
        # What only the history holds has no say unless it may be in the release itself.
        "having_a_say": "true" if policy.history == "all" else "head",
    }


def _judge(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        _create_numbered_view(sql, "facts", inputs.files["facts"])
        _register_opt_outs(sql, [OptOut(*entry) for entry in params["opt_outs"]])
        rules = [Rule(*rule) for rule in params["rules"]]
        for statement in _judge_statements(rules, params["licences"]):
            sql.execute(statement)
        yield from _stream(sql, _judged_query(params["exact"]), "judged", JUDGED)
        query = "SELECT content_id, rank FROM ranked JOIN passed USING (row) ORDER BY rank"
        yield from _stream(sql, query, "survivors", SURVIVORS)


def _create_numbered_view(sql: duckdb.DuckDBPyConnection, name: str, files: Sequence[Path]) -> None:
    """A view over one file in key order, with the number of each row: a short name for its long key."""
    (path,) = files
    sql.execute(
        f"CREATE VIEW {name} AS SELECT *, file_row_number AS row "
        f"FROM read_parquet({file_list([path])}, file_row_number = true)"
    )


def _register_opt_outs(sql: duckdb.DuckDBPyConnection, opt_outs: Sequence[OptOut]) -> None:
    origins = sql.execute(
        "SELECT DISTINCT origin_id, url, origin_name, kind FROM facts ORDER BY ALL"
    ).fetchall()
    hits = [(origin, match_origin(opt_outs, url, name, kind)) for origin, url, name, kind in origins]
    found = pa.table(
        {
            "origin_id": pa.array([origin for origin, hit in hits if hit], pa.string()),
            "opt_out_origin": pa.array([str(hit) for _, hit in hits if hit], pa.string()),
        }
    )
    sql.register("opted_out", found)


def _judge_statements(rules: Sequence[Rule], licences: Mapping[str, Any]) -> Iterator[str]:
    """The steps from facts to survivors. Only narrow tables are kept between them: wide rows stay on disk."""
    allowed = (
        f"(licence_class IN ({_texts(licences['allow'])}) OR coalesce(expression IN ("
        f"{_texts(licences['allow_expressions'])}), false)) "
        f"AND NOT coalesce(expression IN ({_texts(licences['deny_expressions'])}), false)"
    )
    agreed = {
        "earliest": "first(licence_allowed ORDER BY day NULLS LAST, url, row)",
        "any": "bool_or(licence_allowed)",
        "all": "bool_and(licence_allowed)",
    }[licences["conflict"]]
    cases = ",\n".join(
        f"CASE WHEN {rule.condition} THEN {{'reason': {quote(rule.reason)}, 'rule': {quote(rule.name)}, "
        f"'evidence': coalesce(({rule.evidence})::VARCHAR, '')}} END"
        for rule in rules
    )
    yield f"""
    CREATE TEMP TABLE conflict AS
    SELECT content_id,
           array_to_string(list_sort(list(DISTINCT stated))[:8], '; ') AS content_licences
    FROM (SELECT row, url, content_id, {allowed} AS licence_allowed, {_DATE} AS day,
                 coalesce(expression, licence_class) AS stated
          FROM facts WHERE {licences["having_a_say"]})
    GROUP BY content_id HAVING bool_or(licence_allowed) AND NOT {agreed}
    """
    yield f"""
    CREATE TEMP TABLE reasoned AS
    SELECT row, reasons FROM (
        SELECT row, list_filter([{cases}], lambda reason: reason IS NOT NULL) AS reasons
        FROM (
            SELECT facts.*, opt_out_origin, {allowed} AS licence_allowed,
                   conflict.content_id IS NULL AS content_licence_allowed, content_licences
            FROM facts
            LEFT JOIN opted_out USING (origin_id)
            LEFT JOIN conflict ON conflict.content_id = facts.content_id
        )
    ) WHERE len(reasons) > 0
    """
    yield f"""
    CREATE TEMP TABLE passed AS
    SELECT row, content_id, licence_class = 'permissive' AS permissive, {_DATE} AS day, stars, forks, url
    FROM facts ANTI JOIN reasoned USING (row)
    """
    yield f"""
    CREATE TEMP TABLE placed AS
    SELECT row, row_number() OVER same AS place, first_value(row) OVER same AS kept_row
    FROM passed WINDOW same AS (PARTITION BY content_id ORDER BY {_ORDER})
    """
    yield f"""
    CREATE TEMP TABLE ranked AS
    SELECT row, row_number() OVER (ORDER BY {_ORDER}) - 1 AS rank
    FROM passed SEMI JOIN (SELECT row FROM placed WHERE place = 1) AS first USING (row)
    """


def _judged_query(exact: bool) -> str:
    repeated = "coalesce(place > 1, false)" if exact else "false"
    return f"""
    SELECT origin_id, anchor, path, content_id,
           CASE WHEN {repeated}
                THEN [{{'reason': 'exact_duplicate', 'rule': 'policy.duplicates.exact',
                        'evidence': 'one place stands for all: ' || home.text}}]
                ELSE coalesce(reasons, []) END AS reasons,
           home.text AS survivor, rank
    FROM facts
    LEFT JOIN reasoned USING (row)
    LEFT JOIN placed USING (row)
    LEFT JOIN ranked USING (row)
    LEFT JOIN (SELECT row AS kept_row, url || ' ' || path AS text FROM facts SEMI JOIN ranked USING (row)) AS home
        ON home.kept_row = placed.kept_row
    ORDER BY facts.row
    """


def _verdicts(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        _create_numbered_view(sql, "judged", inputs.files["judged"])
        sql.register("clusters", _clusters(sql, inputs, params))
        near = f"'exact Jaccard ' || round(similarity, 4) || ' >= {params['threshold']} to ' || kept_id || ' ' || kept_survivor"
        query = f"""
        WITH clustered AS (
            SELECT judged.*, kept_id, similarity, kept_survivor,
                   kept_id <> judged.content_id AS near_duplicate
            FROM judged LEFT JOIN clusters USING (content_id)
        ), final AS (
            SELECT *, CASE WHEN survivor IS NOT NULL AND coalesce(near_duplicate, false)
                THEN list_concat(reasons, [{{'reason': 'near_duplicate',
                    'rule': 'policy.duplicates.near_threshold', 'evidence': {near}}}])
                ELSE reasons END AS all_reasons
            FROM clustered
        )
        SELECT origin_id, anchor, path, content_id, len(all_reasons) = 0 AS kept,
               all_reasons[1].reason AS reason, all_reasons AS reasons,
               CASE WHEN survivor IS NOT NULL THEN kept_id END AS cluster_id,
               CASE WHEN survivor IS NOT NULL THEN similarity END AS similarity
        FROM final ORDER BY row
        """
        yield from _stream(sql, query, tables.VERDICTS.name, tables.VERDICTS.schema)


def _clusters(sql: duckdb.DuckDBPyConnection, inputs: Inputs, params: Mapping[str, Any]) -> pa.Table:
    """For every content that is alike to another: the content kept for it, and the similarity."""
    create_view(sql, "survivors", inputs.files["survivors"], SURVIVORS)
    create_view(sql, "pairs", inputs.files["pairs"], PAIRS)
    create_view(sql, "similarities", inputs.files["similarities"], tables.SIMILARITIES.schema)
    (unknown,) = sql.execute(
        "SELECT count(*) FROM pairs ANTI JOIN similarities USING (content_a, content_b)"
    ).fetchall()
    if unknown[0]:
        raise BalanceError(
            f"{unknown[0]} candidate pairs have no similarity: a folder of stages/similarities-* is gone; remove "
            "the folder stages/pairs of the workspace and build again"
        )
    edges = fetch_table(
        sql,
        f"""
        SELECT a.rank AS a, b.rank AS b, any_value(jaccard) AS jaccard
        FROM pairs JOIN similarities USING (content_a, content_b)
        JOIN survivors AS a ON a.content_id = content_a JOIN survivors AS b ON b.content_id = content_b
        WHERE jaccard >= {float(params["threshold"])!r} AND {params["near"]}
        GROUP BY ALL ORDER BY ALL
        """,
    )
    both = np.stack([edges["a"].to_numpy(), edges["b"].to_numpy()], axis=1).astype(np.int64).reshape(-1, 2)
    ranks, items = np.unique(both, return_inverse=True)
    kept, similarity = assign(
        np.arange(len(ranks)),
        items.reshape(-1, 2).astype(np.int64),
        edges["jaccard"].to_numpy(),
        params["threshold"],
    )
    grouped = np.isin(np.arange(len(ranks)), kept[kept != np.arange(len(ranks))]) | (
        kept != np.arange(len(ranks))
    )
    sql.register(
        "assigned",
        pa.table(
            {"rank": ranks[grouped], "kept_rank": ranks[kept][grouped], "similarity": similarity[grouped]}
        ),
    )
    return fetch_table(
        sql,
        """
        SELECT own.content_id, kept.content_id AS kept_id, similarity, judged.survivor AS kept_survivor
        FROM assigned
        JOIN survivors AS own ON own.rank = assigned.rank
        JOIN survivors AS kept ON kept.rank = kept_rank
        JOIN judged ON judged.rank = kept_rank
        """,
    )


def _stream(sql: duckdb.DuckDBPyConnection, query: str, name: str, schema: pa.Schema) -> Iterator[Output]:
    return ((name, batch) for batch in stream_batches(sql, query, schema))


def _texts(values: Sequence[str]) -> str:
    return ", ".join(quote(value) for value in values) or "NULL"
