"""Facts: one row an entry with everything that rules, duplicates and the release ask of it. No bodies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from gristmill import tables
from gristmill.annotate.text_kinds import define_kinds, files_of
from gristmill.engine.sql import create_view, file_list, open_sql, stream_batches
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.recipe import Recipe
from gristmill.tables import TIMESTAMP, Column, Table

_ENTRY = {column.name: column for column in tables.ENTRIES.columns}
_SIGNAL_COLUMNS = tuple(
    Column(column.name, column.type, column.doc, True)
    for column in tables.SIGNALS.columns
    if column.name != "content_id"
)

LABEL_SCORES = pa.list_(
    pa.field(
        "element",
        pa.struct(
            [
                pa.field("set", pa.string(), nullable=False),
                pa.field("label", pa.string(), nullable=False),
                pa.field("scope", pa.string(), nullable=False),
                pa.field("score", pa.float64(), nullable=False),
            ]
        ),
        nullable=False,
    )
)

FACTS = Table(
    "facts",
    "One row an entry: all that is known of it, joined by key.",
    ("origin_id", "anchor", "path"),
    (
        *(_ENTRY[name] for name in ("origin_id", "anchor", "path", "directory_id", "name", "type", "perms")),
        _ENTRY["content_id"],
        Column("length", pa.int64(), "size in bytes; -1 if unknown"),
        Column("skipped", pa.string(), "why its bytes were not read, at listing or at fetching", True),
        _ENTRY["head"],
        Column("url", pa.string(), "URL of the origin"),
        Column("kind", pa.string(), "kind of the origin"),
        Column("origin_name", pa.string(), "short name of the origin"),
        Column("declared_licence", pa.string(), "licence that the index or forge states", True),
        Column("stars", pa.int64(), "stars", True),
        Column("forks", pa.int64(), "forks", True),
        Column("created_at", TIMESTAMP, "creation of the repository", True),
        Column("github_id", pa.int64(), "GitHub's repository number", True),
        Column("snapshot_id", pa.string(), "snapshot", True),
        Column("branch", pa.string(), "branch, tag or version", True),
        Column("revision_id", pa.string(), "revision, where the anchor is one", True),
        Column("revision_date", TIMESTAMP, "author date, or upload time of the package", True),
        Column("committer_date", TIMESTAMP, "committer date, or upload time of the package", True),
        Column("extension", pa.string(), "extension"),
        Column("vendored", pa.bool_(), "a third party's"),
        Column("test", pa.bool_(), "a test"),
        Column("documentation", pa.bool_(), "documentation"),
        Column("language", pa.string(), "language", True),
        Column("generated", pa.bool_(), "written by a program", True),
        Column("is_binary", pa.bool_(), "not text; null if not read", True),
        Column("encoding", pa.string(), "encoding", True),
        Column("sha1", pa.string(), "SHA-1 of the content", True),
        Column("sha256", pa.string(), "SHA-256 of the content", True),
        *_SIGNAL_COLUMNS,
        Column("expression", pa.string(), "SPDX expression that applies", True),
        Column("licence_class", pa.string(), "permissive, restricted, unknown or none"),
        Column("licence_scope", pa.string(), "file, path, directory or origin", True),
        Column("licence_evidence", tables.STRINGS, "what decided the licence"),
        Column(
            "labels",
            LABEL_SCORES,
            "scores that rules of the policy ask for: of the file's own text (scope file), or of its origin's; null if "
            "there are none",
            True,
        ),
    ),
)  # fmt: skip

INPUT_TABLES = (
    tables.REVISIONS,
    tables.RELEASES,
    tables.CONTENTS,
    tables.SKIPPED_CONTENTS,
    tables.TEXT,
    tables.LANGUAGES,
    tables.PATHS,
    tables.SIGNALS,
    tables.LICENCES,
    tables.LABELS,
)


@dataclass(frozen=True)
class AskedLabel:
    """A label whose scores rules ask for: the kind of texts that its set is about, and where the rule looks."""

    set: str
    label: str
    scope: str
    texts: str


def asked_labels(recipe: Recipe) -> list[AskedLabel]:
    """What the rules of a recipe ask for, each once."""
    kinds = {one.name: one.texts for one in recipe.annotate.labels}
    return list(
        dict.fromkeys(
            AskedLabel(rule.set, rule.label, rule.scope, kinds[rule.set]) for rule in recipe.policy.labels
        )
    )


def facts_stage(asked: Sequence[AskedLabel], spill: Path, memory: int, threads: int) -> Stage:
    """The stage that joins everything known about each entry of some listings; of labels only those ``asked``.

    Inputs: the tables of INPUT_TABLES, as far as they speak of the listings, and their ``entries``,
    ``visits``, ``origins`` (the last with the recipe's metadata joined). Output in key order. All listings of
    an origin are in the same inputs.
    """
    return Stage(
        "facts",
        2,
        _facts,
        {FACTS.name: FACTS.schema},
        params={"labels": [astuple(one) for one in asked]},
        private={"spill": spill, "memory": memory, "threads": threads},
    )


def _facts(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    with open_sql(params["spill"], params["memory"], params["threads"]) as sql:
        for table in INPUT_TABLES:
            schema = table.schema
            if table is tables.CONTENTS:
                schema = pa.schema([field for field in schema if field.name != "data"])
            create_view(sql, table.name, inputs.files[table.name], schema)
        create_view(sql, "origins", inputs.files["origins"], tables.ORIGINS.schema)
        _create_listing_view(sql, "entries", inputs.files["entries"])
        _create_listing_view(sql, "visits", inputs.files["visits"])
        asked = [AskedLabel(*one) for one in params["labels"]]
        parts, columns, joins = _label_parts(sql, asked) if asked else ("", ", NULL AS labels", "")
        joined = _QUERY.replace("/* labels: parts */", parts).replace("/* labels: column */", columns) + joins
        columns = ", ".join(f'"{column.name}"' for column in FACTS.columns)
        query = f"SELECT {columns} FROM ({joined}) ORDER BY origin_id, anchor, path"
        for batch in stream_batches(sql, query, FACTS.schema):
            yield FACTS.name, batch


def _create_listing_view(sql: duckdb.DuckDBPyConnection, name: str, files: tuple[Path, ...]) -> None:
    """A view with column ``listing``, the folder that a row's file stands in."""
    paths = file_list(files)
    sql.execute(
        f"CREATE TEMP VIEW {name} AS SELECT * EXCLUDE (filename), parse_dirpath(filename) AS listing "
        f"FROM read_parquet({paths}, filename = true)"
    )


def _label_parts(sql: duckdb.DuckDBPyConnection, asked: Sequence[AskedLabel]) -> tuple[str, str, str]:
    """SQL that adds column ``labels`` to ``_QUERY``: further parts of its WITH, the column, and the joins.

    Which files a set is about is told by their names, paths and languages here, and not by which contents have
    scores: those may have them from another place, or another build.
    """
    kinds = sorted({one.texts for one in asked})
    define_kinds(sql, kinds)
    sql.register("asked", pa.Table.from_pylist([asdict(one) for one in asked]))
    files = " UNION ALL ".join(
        f"SELECT '{kind}' AS texts, origin_id, anchor, path, content_id, head FROM {files_of(kind, 'entry')}"
        for kind in kinds
    )
    one = """{'set': "set", 'label': label, 'scope': scope, 'score': score}"""
    parts = f""", scored AS MATERIALIZED (
        SELECT content_id, "set", label, any_value(score) AS score FROM labels
        SEMI JOIN asked USING ("set", label) SEMI JOIN wanted USING (content_id) GROUP BY ALL
    ), labelled AS MATERIALIZED (
        SELECT * FROM ({files}) JOIN asked USING (texts) JOIN scored USING (content_id, "set", label)
    ), of_file AS (
        SELECT origin_id, anchor, path, list({one} ORDER BY "set", label) AS own FROM labelled
        WHERE scope = 'file' GROUP BY ALL
    ), nearest AS (
        SELECT origin_id, "set", label, scope, max(score) AS score FROM (
            FROM labelled WHERE scope = 'origin' AND head
            QUALIFY rank() OVER (PARTITION BY origin_id, "set", label ORDER BY len(string_split(path, '/'))) = 1
        ) GROUP BY ALL
    ), of_origin AS (
        SELECT origin_id, list({one} ORDER BY "set", label) AS shared FROM nearest GROUP BY ALL
    )"""
    joins = "LEFT JOIN of_file USING (origin_id, anchor, path) LEFT JOIN of_origin USING (origin_id)"
    return parts, ", nullif(list_concat(coalesce(own, []), coalesce(shared, [])), []) AS labels", joins


_QUERY = """
WITH entry AS MATERIALIZED (
    SELECT * FROM entries
    QUALIFY row_number() OVER (PARTITION BY origin_id, anchor, path ORDER BY head DESC, listing) = 1
), wanted AS MATERIALIZED (
    SELECT DISTINCT content_id FROM entry WHERE type <> 'submodule'
), visit AS (
    SELECT listing, any_value(snapshot_id) AS snapshot_id, any_value(branch) AS branch FROM visits GROUP BY listing
), origin AS (
    SELECT DISTINCT ON (origin_id) * FROM origins ORDER BY origin_id
), anchor_date AS (
    SELECT 'swh:1:rev:' || revision_id AS anchor, revision_id, any_value(author_date) AS revision_date,
           any_value(committer_date) AS committer_date
    FROM revisions GROUP BY revision_id
    UNION ALL
    SELECT 'swh:1:rel:' || release_id, NULL, any_value(date), any_value(date) FROM releases GROUP BY release_id
), held AS MATERIALIZED (
    SELECT * FROM contents SEMI JOIN wanted USING (content_id)
), failed AS (
    SELECT content_id, min(reason) AS reason FROM skipped_contents SEMI JOIN wanted USING (content_id)
    GROUP BY content_id
), language AS MATERIALIZED (
    SELECT content_id, name, any_value(language) AS language, any_value(generated) AS generated
    FROM languages SEMI JOIN wanted USING (content_id) GROUP BY content_id, name
), place AS MATERIALIZED (
    SELECT DISTINCT paths.* FROM paths SEMI JOIN entry USING (path)
), licence AS MATERIALIZED (
    SELECT DISTINCT ON (origin_id, anchor, path) * FROM licences
    ORDER BY origin_id, anchor, path
), words AS MATERIALIZED (
    SELECT * FROM text SEMI JOIN wanted USING (content_id)
), signal AS MATERIALIZED (
    SELECT * FROM signals SEMI JOIN wanted USING (content_id)
)/* labels: parts */
SELECT entry.origin_id, entry.anchor, entry.path, entry.directory_id, entry.name, entry.type, entry.perms,
       entry.content_id,
       coalesce(held.length, entry.length) AS length,
       CASE WHEN entry.type = 'submodule' OR held.content_id IS NOT NULL THEN NULL
            ELSE coalesce(entry.skipped, failed.reason, 'missing') END AS skipped,
       entry.head,
       origin.url, origin.kind, origin.name AS origin_name, origin.declared_licence, origin.stars, origin.forks,
       origin.created_at, origin.github_id,
       visit.snapshot_id, visit.branch,
       anchor_date.revision_id, anchor_date.revision_date, anchor_date.committer_date,
       place.extension, place.vendored, place.test, place.documentation,
       language.language, language.generated,
       words.binary AS is_binary, words.encoding, held.sha1, held.sha256,
       signal.* EXCLUDE (content_id),
       licence.expression, coalesce(licence.licence_class, 'none') AS licence_class,
       licence.scope AS licence_scope, coalesce(licence.evidence, []) AS licence_evidence
       /* labels: column */
FROM entry
JOIN origin USING (origin_id)
JOIN visit USING (listing)
JOIN place USING (path)
LEFT JOIN anchor_date USING (anchor)
LEFT JOIN held ON held.content_id = entry.content_id AND entry.type <> 'submodule'
LEFT JOIN failed ON failed.content_id = entry.content_id
LEFT JOIN words ON words.content_id = held.content_id
LEFT JOIN signal ON signal.content_id = held.content_id
LEFT JOIN language ON language.content_id = held.content_id AND language.name = entry.name
LEFT JOIN licence ON licence.origin_id = entry.origin_id AND licence.anchor = entry.anchor AND licence.path = entry.path
"""
