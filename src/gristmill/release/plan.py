"""The plan of a release: every row without its content, which shard it goes to, and in which order.

Content ids are uniform hashes, so a range of them is a fair sample. The rows of a release go through the
slots of ids in an order that the seed gives, and within a piece of a slot by a hash with the seed: any
prefix of the rows is a fair sample, and the bodies are read where they lie, without a sort.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from gristmill import tables
from gristmill.collect.stages import SLOTS
from gristmill.decide.facts import FACTS
from gristmill.engine.sql import create_view, open_sql, quote, stream_batches
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.release.schema import FILES, STUBS, slug
from gristmill.spdx.expressions import licences

PIECE_BYTES = 16 << 20
"""text of a slot that is gathered and put in order at a time; part of the order, so not a setting"""
SMALLEST_SHARD = 32 << 20

BODY_COLUMNS = ("content", "redactions", "released_sha256", "released_bytes")
PLAN = pa.schema([
    *(field for field in FILES.schema if field.name not in BODY_COLUMNS),
    pa.field("slug", pa.string(), nullable=False),
    pa.field("slot", pa.int32(), nullable=False),
    pa.field("piece", pa.int32(), nullable=False),
])  # fmt: skip
LANGUAGES = pa.schema([
    pa.field("slug", pa.string(), nullable=False),
    pa.field("language", pa.string(), nullable=True),
    pa.field("files", pa.int64(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
])  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """How a release is cut: ``ranges`` of slots, and the number of shards of each language slug."""

    ranges: int
    shards: Mapping[str, int]

    def slots(self, number: int) -> range:
        """The slots of range ``number``."""
        each = SLOTS // self.ranges
        return range(number * each, (number + 1) * each)


def layout(languages: pa.Table, shard_bytes: int) -> Layout:
    """The layout of a release, from the bytes of each language (table LANGUAGES).

    Ranges and shards are powers of two, so that a shard is a whole number of ranges.
    """
    sizes = dict(zip(languages["slug"].to_pylist(), languages["bytes"].to_pylist(), strict=True))
    ranges = min(SLOTS, _power_of_two(-(-sum(sizes.values()) // shard_bytes)))
    least = min(SMALLEST_SHARD, shard_bytes)
    return Layout(
        ranges, {name: min(ranges, _power_of_two(size // least)) for name, size in sorted(sizes.items())}
    )


def slot_order(slots: Sequence[int], seed: int) -> list[int]:
    """The order in which the rows of some slots stand in a shard."""
    return sorted(slots, key=lambda slot: hashlib.sha256(f"{seed}/{slot}".encode()).digest())


def plan_stage(seed: int, visit_date: str | None, spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``facts`` and ``verdicts``. Outputs ``plan`` (kept rows, a row group a slot), ``languages``, ``stubs``."""
    return Stage(
        "release-plan",
        1,
        _plan,
        {"plan": PLAN, "languages": LANGUAGES, STUBS.name: STUBS.schema},
        params={"seed": seed, "visit_date": visit_date, "piece_bytes": PIECE_BYTES},
        private={"spill": spill, "memory": memory, "threads": threads},
        row_groups=("plan",),
    )


def _plan(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "facts", inputs.files["facts"], FACTS.schema)
        create_view(sql, "verdicts", inputs.files["verdicts"], tables.VERDICTS.schema)
        _register_words(sql)
        sql.execute("CREATE TEMP TABLE kept AS " + _kept_query(params))
        yield from _by_slot(stream_batches(sql, _rows_query(params["seed"]), PLAN))
        yield from _stream(sql, _LANGUAGES_QUERY, "languages", LANGUAGES)
        yield from _stream(sql, _STUBS_QUERY, STUBS.name, STUBS.schema)


def _register_words(sql: duckdb.DuckDBPyConnection) -> None:
    """Small dictionaries: the ids of each expression, and the slug of each language."""
    expressions = [
        row[0] for row in sql.execute("SELECT DISTINCT expression FROM facts ORDER BY ALL").fetchall()
    ]
    sql.register(
        "licence_words",
        pa.table(
            {
                "expression": pa.array(expressions, pa.string()),
                "ids": pa.array(
                    [sorted(licences(e)) if e else [] for e in expressions], pa.list_(pa.string())
                ),
            }
        ),
    )
    languages = [row[0] for row in sql.execute("SELECT DISTINCT language FROM facts ORDER BY ALL").fetchall()]
    sql.register(
        "language_words",
        pa.table(
            {
                "language": pa.array(languages, pa.string()),
                "slug": pa.array([slug(language) for language in languages], pa.string()),
            }
        ),
    )


_LICENSE_TYPE = """CASE licence_class WHEN 'permissive' THEN 'permissive' WHEN 'none' THEN 'no_license'
    ELSE 'non_permissive' END"""


def _kept_query(params: Mapping[str, Any]) -> str:
    visit = (
        f"TIMESTAMPTZ {quote(params['visit_date'])}" if params["visit_date"] else "CAST(NULL AS TIMESTAMPTZ)"
    )
    return f"""
    WITH occurrence AS (SELECT content_id, count(*) AS occurrences FROM facts GROUP BY content_id),
    cluster AS (
        SELECT cluster_id, count(DISTINCT content_id) AS cluster_size FROM verdicts
        WHERE cluster_id IS NOT NULL GROUP BY cluster_id
    )
    SELECT facts.sha1 AS blob_id, facts.content_id, directory_id, '/' || facts.path AS path,
           ids AS detected_licenses, {_LICENSE_TYPE} AS license_type, origin_name AS repo_name, snapshot_id,
           revision_id, branch AS branch_name, {visit} AS visit_date, revision_date, committer_date, github_id,
           stars AS star_events_count, forks AS fork_events_count, declared_licence AS gha_license_id,
           CAST(NULL AS TIMESTAMPTZ) AS gha_event_created_at, created_at AS gha_created_at,
           CAST(NULL AS VARCHAR) AS gha_language, encoding AS src_encoding, facts.language, vendored AS is_vendor,
           generated AS is_generated, length AS length_bytes, extension, name AS filename,
           'swh:1:cnt:' || facts.content_id AS swhid, url AS origin_url, kind AS origin_kind, facts.anchor,
           facts.expression AS licence_expression, licence_scope, licence_evidence, test AS is_test,
           documentation AS is_documentation, lines AS num_lines, mean_line_length AS avg_line_length,
           max_line_length, alphabetic_fraction AS alpha_fraction, alphanumeric_fraction AS alphanum_fraction,
           sha256 AS original_sha256, occurrences, verdicts.cluster_id, coalesce(cluster_size, 1) AS cluster_size,
           slug, ((('0x' || facts.content_id[1:2])::INTEGER * {SLOTS}) >> 8)::INTEGER AS slot,
           ('0x' || facts.content_id[3:8])::BIGINT AS within
    FROM verdicts JOIN facts USING (origin_id, anchor, path)
    JOIN occurrence ON occurrence.content_id = facts.content_id
    LEFT JOIN cluster ON cluster.cluster_id = verdicts.cluster_id
    JOIN language_words ON language_words.language IS NOT DISTINCT FROM facts.language
    JOIN licence_words ON licence_words.expression IS NOT DISTINCT FROM facts.expression
    WHERE kept
    """


def _rows_query(seed: int) -> str:
    columns = ", ".join(f'"{field.name}"' for field in PLAN if field.name != "piece")
    return f"""
    SELECT {columns}, (within * pieces >> 24)::INTEGER AS piece
    FROM kept JOIN (
        SELECT slot, greatest(1, ceil(sum(length_bytes) / {PIECE_BYTES}))::BIGINT AS pieces
        FROM kept GROUP BY slot
    ) USING (slot)
    ORDER BY slot, piece, md5('{seed}/' || content_id), origin_url, anchor, path
    """


def _by_slot(batches: Iterator[pa.RecordBatch]) -> Iterator[Output]:
    """Rows sorted by slot as one batch for every slot, empty where it has none."""
    waiting: list[pa.RecordBatch] = []
    done = 0
    for batch in batches:
        slots = batch["slot"].to_numpy()
        for slot in np.unique(slots).tolist():
            if slot != done:
                yield "plan", _joined(waiting)
                yield from (("plan", _joined([])) for _ in range(done + 1, slot))
                waiting, done = [], slot
            first, last = np.searchsorted(slots, [slot, slot + 1]).tolist()
            waiting.append(batch.slice(first, last - first))
    yield "plan", _joined(waiting)
    yield from (("plan", _joined([])) for _ in range(done + 1, SLOTS))


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    table = pa.Table.from_batches(batches, schema=PLAN).combine_chunks()
    return table.to_batches()[0] if table.num_rows else pa.RecordBatch.from_pylist([], schema=PLAN)


_LANGUAGES_QUERY = """
SELECT slug, any_value(language) AS language, count(*) AS files, sum(length_bytes)::BIGINT AS bytes
FROM kept GROUP BY slug ORDER BY slug
"""

_STUBS_QUERY = f"""
SELECT '/' || facts.path AS path, facts.content_id,
       CASE WHEN type = 'submodule' THEN 'swh:1:rev:' ELSE 'swh:1:cnt:' END || facts.content_id AS swhid,
       url AS origin_url, origin_name AS repo_name, facts.anchor, facts.language, length AS length_bytes,
       ids AS detected_licenses, {_LICENSE_TYPE} AS license_type, reason, reasons,
       CASE WHEN verdicts.cluster_id <> facts.content_id THEN verdicts.cluster_id END AS cluster_id,
       CASE WHEN verdicts.cluster_id <> facts.content_id THEN verdicts.similarity END AS similarity
FROM verdicts JOIN facts USING (origin_id, anchor, path)
JOIN licence_words ON licence_words.expression IS NOT DISTINCT FROM facts.expression
WHERE NOT kept
ORDER BY url, facts.anchor, facts.path
"""


def _stream(sql: duckdb.DuckDBPyConnection, query: str, name: str, schema: pa.Schema) -> Iterator[Output]:
    return ((name, batch) for batch in stream_batches(sql, query, schema))


def _power_of_two(number: int) -> int:
    """The largest power of two that is at most ``number``, at least 1."""
    return 1 << max(0, number.bit_length() - 1)
