"""The plan of a release: what is kept and what is left out, bucket by bucket, and how the release is cut.

Facts and verdicts come in files of a few origins each. The rows made of one such file are kept under its key,
so a change costs what it touches; only narrow columns are read of all of them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.collect.stages import SLOTS
from gristmill.decide.facts import FACTS
from gristmill.engine.shards import read_batches
from gristmill.engine.sql import create_view, fetch_table, open_sql
from gristmill.engine.stages import Inputs, Output, Shard, Stage, digest
from gristmill.errors import BalanceError
from gristmill.release.marks import MARKS, MARKS_QUERY, levels_table
from gristmill.release.notice import ORIGIN_LICENCES, count_origins
from gristmill.release.order import places
from gristmill.release.runs import cut_runs, run_writer
from gristmill.release.schema import FILES, LICENSE_TYPES, STUBS, slug
from gristmill.spdx.expressions import licences

SMALLEST_SHARD = 32 << 20
RANGE_BYTES = 192 << 20
"""text that is written by one task, at most on average: what a worker's share of a small memory can hold"""
RUN_ROWS = 512
"""rows of a run, at most on average"""
RUNS = "rows.arrow"

BODY_COLUMNS = ("content", "redactions", "released_sha256", "released_bytes")
CROWD_COLUMNS = ("occurrences", "cluster_size")
ROWS = pa.schema([
    *(field for field in FILES.schema if field.name not in (*BODY_COLUMNS, *CROWD_COLUMNS)),
    pa.field("slug", pa.string(), nullable=False),
    pa.field("place", pa.uint64(), nullable=False),
])  # fmt: skip
KEPT = pa.schema([
    ROWS.field(name)
    for name in ("content_id", "slug", "language", "length_bytes", "origin_url", "cluster_id")
])  # fmt: skip
DROPPED = pa.schema([
    pa.field("reason", pa.string(), nullable=False),
    pa.field("files", pa.int64(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
])  # fmt: skip
LANGUAGES = pa.schema([
    pa.field("slug", pa.string(), nullable=False),
    pa.field("language", pa.string(), nullable=True),
    pa.field("files", pa.int64(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
])  # fmt: skip
CROWDS = pa.schema([
    pa.field("content_id", pa.string(), nullable=False),
    pa.field("occurrences", pa.int64(), nullable=False),
    pa.field("cluster_size", pa.int64(), nullable=False),
])  # fmt: skip
WHOLE = pa.schema([
    pa.field("entries", pa.int64(), nullable=False),
    pa.field("origins", pa.int64(), nullable=False),
])  # fmt: skip

_RENAMED = {
    "blob_id": "sha1",
    "repo_name": "origin_name",
    "branch_name": "branch",
    "star_events_count": "stars",
    "fork_events_count": "forks",
    "gha_license_id": "declared_licence",
    "gha_created_at": "created_at",
    "src_encoding": "encoding",
    "is_vendor": "vendored",
    "is_generated": "generated",
    "length_bytes": "length",
    "filename": "name",
    "origin_url": "url",
    "origin_kind": "kind",
    "licence_expression": "expression",
    "is_test": "test",
    "is_documentation": "documentation",
    "num_lines": "lines",
    "avg_line_length": "mean_line_length",
    "alpha_fraction": "alphabetic_fraction",
    "alphanum_fraction": "alphanumeric_fraction",
    "original_sha256": "sha256",
}
_SAME = {name for name in ROWS.names if name in FACTS.schema.names} - {"path"}
_FACTS = sorted({*_RENAMED.values(), *_SAME, "origin_id", "path", "type", "licence_class"})
_KEY = ("origin_id", "anchor", "path")


@dataclass(frozen=True)
class Layout:
    """How a release is cut: ``ranges`` of places that are written each by one task, and shards by slug."""

    ranges: int
    shards: Mapping[str, int]


def layout(languages: pa.Table, shard_bytes: int) -> Layout:
    """The layout of a release, from the bytes of each language (table LANGUAGES).

    Ranges and shards are powers of two, so that a shard is a whole number of ranges.
    """
    sizes = dict(zip(languages["slug"].to_pylist(), languages["bytes"].to_pylist(), strict=True))
    total = sum(sizes.values())
    wanted = -(-total // min(shard_bytes, RANGE_BYTES))
    ranges = min(SLOTS, 1 << max(0, wanted - 1).bit_length())
    most = min(ranges, _power_of_two(-(-total // shard_bytes)))
    least = min(SMALLEST_SHARD, shard_bytes)
    return Layout(
        ranges, {name: min(most, _power_of_two(size // least)) for name, size in sorted(sizes.items())}
    )


def rows_stage(seed: int, visit_date: str | None) -> Stage:
    """Inputs ``facts`` and ``verdicts``, a file each, in key order.

    Outputs: ``kept`` (the columns of kept rows that a plan needs), ``stubs`` (a shard of the release),
    ``dropped`` (stubs counted by their first reason) and ``origin_licences`` (kept rows counted by origin,
    anchor and expression); beside them RUNS, the kept rows in runs of ROWS.
    """
    return Stage(
        "release-rows",
        4,
        _rows,
        {
            "kept": KEPT,
            STUBS.name: STUBS.schema,
            "dropped": DROPPED,
            "origin_licences": ORIGIN_LICENCES,
        },
        params={"seed": seed, "visit_date": visit_date, "pyarrow": pa.__version__},
        plain=("content_id", "swhid", "path"),
        own_files=True,
    )


def plan_stage(levels: Mapping[str, float], spill: Path, memory: int, threads: int) -> Stage:
    """Inputs ``kept``, ``facts``, ``verdicts`` and ``findings``, all files of each; no findings: nothing is redacted.

    Outputs: ``languages``; ``crowds``, for contents that stand in several entries or in a cluster; ``marks``, for
    contents with findings of at least the score that ``levels`` has for their type; ``whole``.
    """
    return Stage(
        "release-plan",
        5,
        _plan,
        {"languages": LANGUAGES, "crowds": CROWDS, "marks": MARKS, "whole": WHOLE},
        params={"levels": dict(sorted(levels.items()))},
        private={"spill": spill, "memory": memory, "threads": threads},
        plain=("content_id", "mark"),
    )


def bucket_inputs(facts: Sequence[Path], verdicts: Sequence[Path]) -> list[Shard]:
    """The inputs of ``rows_stage``: each file of facts with its file of verdicts, under the keys of their tasks."""
    return [
        Shard(
            digest([path.parent.name for path in pair]),
            {"facts": pair[:1], tables.VERDICTS.name: pair[1:]},
        )
        for pair in zip(facts, verdicts, strict=True)
    ]


def _rows(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    reasons: list[pa.Table] = []
    origins: list[pa.Table] = []
    with run_writer(Path(params["folder"]) / RUNS, ROWS) as runs:
        for facts, verdicts in _paired(inputs):
            kept = verdicts["kept"]
            released = _released(facts.filter(kept), verdicts.filter(kept), params)
            for run in cut_runs(released, RUN_ROWS):
                runs.write_table(run)
            narrow = released.select(KEPT.names).combine_chunks()
            yield from (("kept", batch) for batch in narrow.to_batches())
            origins.append(count_origins(released))
            left = pc.invert(kept)
            stubs = _stubs(facts.filter(left), verdicts.filter(left))
            yield from ((STUBS.name, batch) for batch in stubs.to_batches())
            reasons.append(stubs.select(["reason", "length_bytes"]))
    if reasons:
        yield from (("dropped", batch) for batch in _counted(pa.concat_tables(reasons)).to_batches())
        found = count_origins(pa.concat_tables(origins))
        yield from (("origin_licences", batch) for batch in found.to_batches())


def _paired(inputs: Inputs) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Facts and verdicts of the same entries, a few thousand rows at a time.

    Both are in key order, so the join is a merge. Raises BalanceError if they speak of other entries.
    """
    verdicts = read_batches(inputs.files[tables.VERDICTS.name])
    waiting = tables.VERDICTS.empty()
    for batch in read_batches(inputs.files["facts"], _FACTS):
        while waiting.num_rows < batch.num_rows:
            more = next(verdicts, None)
            if more is None:
                raise BalanceError(f"{inputs.files['facts'][0]}: entries without a verdict; this is a bug")
            waiting = pa.concat_tables([waiting, pa.Table.from_batches([more], waiting.schema)])
        facts = pa.Table.from_batches([batch])
        own = waiting.slice(0, batch.num_rows).combine_chunks()
        waiting = waiting.slice(batch.num_rows)
        if any(not own[name].equals(facts[name]) for name in _KEY):
            raise BalanceError(f"{inputs.files['facts'][0]}: verdicts on other entries; this is a bug")
        yield facts, own
    if waiting.num_rows or next(verdicts, None) is not None:
        raise BalanceError(f"{inputs.files['facts'][0]}: verdicts without an entry; this is a bug")


def _released(facts: pa.Table, verdicts: pa.Table, params: Mapping[str, Any]) -> pa.Table:
    """Kept rows as they are published, but for their bodies and crowds, in the order of places."""
    facts = facts.combine_chunks()
    count = facts.num_rows
    visit = pa.scalar(params["visit_date"], pa.string()).cast(tables.TIMESTAMP)
    computed: dict[str, Any] = {
        "path": pc.binary_join_element_wise("/", facts["path"], ""),
        "detected_licenses": _licence_ids(facts["expression"]),
        "license_type": _license_types(facts["licence_class"]),
        "visit_date": pa.repeat(visit, count),
        "gha_event_created_at": pa.nulls(count, tables.TIMESTAMP),
        "gha_language": pa.nulls(count, pa.string()),
        "swhid": pc.binary_join_element_wise("swh:1:cnt", facts["content_id"], ":"),
        "cluster_id": verdicts["cluster_id"],
        "slug": _slugs(facts["language"]),
        "place": pa.array(places(_array(facts["content_id"]), params["seed"])),
    }
    columns = [computed[name] if name in computed else facts[_RENAMED.get(name, name)] for name in ROWS.names]
    rows = pa.Table.from_arrays(columns, schema=ROWS)
    return rows.take(pa.array(np.argsort(rows["place"].to_numpy(), kind="stable"))).combine_chunks()


def _stubs(facts: pa.Table, verdicts: pa.Table) -> pa.Table:
    ids = facts["content_id"]
    scheme = pc.if_else(pc.equal(facts["type"], "submodule"), "swh:1:rev", "swh:1:cnt")
    away = pc.not_equal(verdicts["cluster_id"], ids)  # null without a cluster
    computed = {
        "path": pc.binary_join_element_wise("/", facts["path"], ""),
        "swhid": pc.binary_join_element_wise(scheme, ids, ":"),
        "origin_url": facts["url"],
        "repo_name": facts["origin_name"],
        "length_bytes": facts["length"],
        "detected_licenses": _licence_ids(facts["expression"]),
        "license_type": _license_types(facts["licence_class"]),
        "reason": verdicts["reason"],
        "reasons": verdicts["reasons"],
        "cluster_id": pc.if_else(away, verdicts["cluster_id"], None),
        "similarity": pc.if_else(away, verdicts["similarity"], None),
    }
    columns = [computed[name] if name in computed else facts[name] for name in STUBS.schema.names]
    return pa.Table.from_arrays(columns, schema=STUBS.schema).combine_chunks()


def _counted(stubs: pa.Table) -> pa.Table:
    size = pc.max_element_wise(stubs["length_bytes"], 0)
    grouped = pa.table({"reason": stubs["reason"], "size": size}).group_by("reason", use_threads=False)
    counted = grouped.aggregate([([], "count_all"), ("size", "sum")]).select([0, 1, 2])
    return counted.rename_columns(DROPPED.names).cast(DROPPED).sort_by("reason").combine_chunks()


def _licence_ids(expressions: pa.ChunkedArray) -> pa.Array:
    """The SPDX ids of each expression, sorted; an empty list for none."""
    words, codes = _coded(expressions)
    ids = pa.array([sorted(licences(word)) if word else [] for word in words], tables.STRINGS)
    return ids.take(codes)


def _license_types(classes: pa.ChunkedArray) -> pa.Array:
    words, codes = _coded(classes)
    return pa.array([LICENSE_TYPES.get(word, "non_permissive") for word in words], pa.string()).take(codes)


def _slugs(languages: pa.ChunkedArray) -> pa.Array:
    words, codes = _coded(languages)
    return pa.array([slug(word) for word in words], pa.string()).take(codes)


def _coded(column: pa.ChunkedArray) -> tuple[list[Any], pa.Array]:
    """The distinct values of a column, null among them, and the number of each row's value."""
    encoded = _array(column).dictionary_encode(null_encoding="encode")
    return encoded.dictionary.to_pylist(), encoded.indices


def _array(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _plan(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        create_view(sql, "released", inputs.files["kept"], KEPT)
        create_view(sql, "facts", inputs.files["facts"], FACTS.schema)
        create_view(sql, "verdicts", inputs.files[tables.VERDICTS.name], tables.VERDICTS.schema)
        create_view(sql, "findings", inputs.files[tables.FINDINGS.name], tables.FINDINGS.schema)
        sql.register("levels", levels_table(params["levels"]))
        for name, query, schema in (
            ("languages", _LANGUAGES, LANGUAGES),
            ("crowds", _CROWDS, CROWDS),
            ("marks", MARKS_QUERY, MARKS),
            ("whole", _WHOLE, WHOLE),
        ):
            table = fetch_table(sql, query).cast(schema).combine_chunks()
            yield from ((name, batch) for batch in table.to_batches())


_LANGUAGES = """
SELECT slug, any_value(language) AS language, count(*) AS files, sum(length_bytes)::BIGINT AS bytes
FROM released GROUP BY slug ORDER BY slug
"""

_CROWDS = """
WITH occurrence AS (SELECT content_id, count(*) AS occurrences FROM facts GROUP BY content_id HAVING count(*) > 1),
cluster AS (
    SELECT cluster_id, count(DISTINCT content_id) AS cluster_size FROM verdicts
    WHERE cluster_id IS NOT NULL GROUP BY cluster_id
)
SELECT DISTINCT content_id, coalesce(occurrences, 1) AS occurrences, coalesce(cluster_size, 1) AS cluster_size
FROM released LEFT JOIN occurrence USING (content_id) LEFT JOIN cluster USING (cluster_id)
WHERE occurrences IS NOT NULL OR cluster_size IS NOT NULL ORDER BY content_id
"""

_WHOLE = "SELECT (SELECT count(*) FROM facts) AS entries, count(DISTINCT origin_url) AS origins FROM released"


def _power_of_two(number: int) -> int:
    """The largest power of two that is at most ``number``, at least 1."""
    return 1 << max(0, number.bit_length() - 1)
