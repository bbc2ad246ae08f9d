"""Reasons: what the rules of a policy say of each entry by itself, bucket by bucket.

What depends on other entries, conflicts of licences and duplicates, is decided later from the narrow columns
that this stage puts beside the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gristmill import tables
from gristmill.decide.opt_out import OptOut, match_origin
from gristmill.decide.rules import CONFLICT, Rule, rules_of
from gristmill.engine.sql import file_list, open_sql, quote, stream_batches
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.recipe import Policy
from gristmill.spdx import classes
from gristmill.spdx.allow_list import AllowList, allows, parse_allow_list
from gristmill.spdx.expressions import normalise

ROW_BITS = 32
"""``row`` of an entry is its bucket's number and its place in the bucket's facts, in this many low bits"""

REASONED = pa.schema([
    pa.field("row", pa.int64(), nullable=False),
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("passed", pa.bool_(), nullable=False),
    pa.field("licence_allowed", pa.bool_(), nullable=False),
    pa.field("has_a_say", pa.bool_(), nullable=False),
    pa.field("stated", pa.string(), nullable=False),
    pa.field("permissive", pa.bool_(), nullable=False),
    pa.field("day", tables.TIMESTAMP),
    pa.field("stars", pa.int64()),
    pa.field("forks", pa.int64()),
    pa.field("url", pa.string(), nullable=False),
    pa.field("path", pa.string(), nullable=False),
    pa.field("ahead", tables.EVIDENCE, nullable=False),
    pa.field("behind", tables.EVIDENCE, nullable=False),
])  # fmt: skip


def reasons_stage(
    policy: Policy, opt_outs: Sequence[OptOut], number: int, spill: Path, memory: int, threads: int
) -> Stage:
    """Inputs ``facts`` of bucket ``number``. Output ``reasoned``, a row an entry in the order of the facts.

    ``passed``: no rule speaks against it. ``ahead`` and ``behind`` are its reasons, before and after the
    place that a conflict of licences has in the order of rules.
    """
    licences = policy.licences
    return Stage(
        "reasons",
        1,
        _reasons,
        {"reasoned": REASONED},
        params={
            "bucket": number,
            "rules": [
                [rule.reason, rule.name, rule.condition, rule.evidence] for rule in rules_of(policy, opt_outs)
            ],
            "allow": list(licences.allow),
            # What the terms mean beside classes, which the facts hold, follows from data that may change.
            "allow_data": {} if parse_allow_list(licences.allow).only_classes else classes.sources(),
            "allow_expressions": sorted(normalise(text) or text for text in licences.allow_expressions),
            "deny_expressions": sorted(normalise(text) or text for text in licences.deny_expressions),
            # What only the history holds has no say unless it may be in the release itself.
            "has_a_say": "true" if policy.history == "all" else "head",
            "opt_outs": [[entry.kind, entry.subject] for entry in opt_outs],
        },
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def _reasons(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    (facts,) = inputs.files["facts"]
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        sql.execute(
            f"CREATE TEMP VIEW facts AS SELECT *, file_row_number AS place "
            f"FROM read_parquet({file_list([facts])}, file_row_number = true)"
        )
        _register_allowed(sql, parse_allow_list(tuple(params["allow"])))
        _register_opt_outs(sql, [OptOut(*entry) for entry in params["opt_outs"]])
        for batch in stream_batches(sql, _query(params), REASONED):
            yield "reasoned", batch


def _register_allowed(sql: duckdb.DuckDBPyConnection, listed: AllowList) -> None:
    """Table ``allowed_by_part``: the expressions among the facts that an allow-list lets in, but not by their class."""
    found: list[str] = []
    if not listed.only_classes:
        stated = sql.execute("SELECT DISTINCT expression FROM facts WHERE expression IS NOT NULL").fetchall()
        found = [expression for (expression,) in stated if allows(listed, expression)]
    sql.register("allowed_by_part", pa.table({"expression": pa.array(found, pa.string())}))


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


def _query(params: Mapping[str, Any]) -> str:
    rules = [Rule(*rule) for rule in params["rules"]]
    place = [rule.reason for rule in rules].index(CONFLICT)
    allowed = (
        f"(coalesce(licence_class IN ({_texts(_classes(params['allow']))}), false) "
        f"OR coalesce(expression IN ({_texts(params['allow_expressions'])}), false) "
        "OR coalesce(expression IN (SELECT expression FROM allowed_by_part), false)) "
        f"AND NOT coalesce(expression IN ({_texts(params['deny_expressions'])}), false)"
    )
    return f"""
    SELECT ({int(params["bucket"])}::BIGINT << {ROW_BITS}) + place AS row, content_id,
           len(ahead) = 0 AND len(behind) = 0 AS passed, licence_allowed, {params["has_a_say"]} AS has_a_say,
           coalesce(expression, licence_class) AS stated, licence_class = 'permissive' AS permissive,
           coalesce(created_at, committer_date) AS day, stars, forks, url, path, ahead, behind
    FROM (
        SELECT *, {_reasons_of(rules[:place])} AS ahead, {_reasons_of(rules[place + 1 :])} AS behind
        FROM (
            SELECT facts.*, opt_out_origin, {allowed} AS licence_allowed
            FROM facts LEFT JOIN opted_out USING (origin_id)
        )
    ) ORDER BY place
    """


def _reasons_of(rules: Sequence[Rule]) -> str:
    """SQL: the list of the reasons whose conditions hold."""
    cases = ",\n".join(
        f"CASE WHEN {rule.condition} THEN {{'reason': {quote(rule.reason)}, 'rule': {quote(rule.name)}, "
        f"'evidence': coalesce(({rule.evidence})::VARCHAR, '')}} END"
        for rule in rules
    )
    return f"list_filter([{cases}], lambda reason: reason IS NOT NULL)"


def _classes(terms: Sequence[str]) -> list[str]:
    return sorted(parse_allow_list(tuple(terms)).classes)


def _texts(values: Sequence[str]) -> str:
    return ", ".join(quote(value) for value in values) or "NULL"
