"""Explain: the life story of a path, a content, an anchor or a repository, from the tables of a build."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import duckdb

from gristmill import tables
from gristmill.decide.facts import FACTS
from gristmill.engine.sql import create_view, fetch_table, open_sql
from gristmill.errors import WorkspaceError
from gristmill.workspace import Workspace

_SWHID = re.compile(r"swh:1:(cnt|dir|rev|rel|snp):([0-9a-f]{40})")
_FACT_COLUMNS = (
    "url", "kind", "branch", "anchor", "path", "content_id", "type", "length", "head", "skipped", "language",
    "encoding", "extension", "vendored", "test", "documentation", "generated", "lines", "mean_line_length",
    "max_line_length", "alphabetic_fraction", "expression", "licence_class", "licence_scope",
    "licence_evidence", "revision_date", "committer_date",
)  # fmt: skip


@dataclass(frozen=True)
class Story:
    """What was found about a subject.

    ``entries`` are rows of facts with their verdict (``kept``, ``reason``, ``reasons``, ``cluster_id``,
    ``similarity``) ``occurrences``, the places of the same content, and ``licences``, the
    expressions that apply to it there, those of most origins first; at most ``limit`` of ``total``. ``counts`` are entries by outcome: ``kept`` or the first reason.
    """

    subject: str
    total: int
    counts: dict[str, int]
    entries: list[dict[str, Any]] = field(default_factory=list)


def explain(workspace: Workspace, subject: str, *, limit: int = 20, memory: int = 1 << 30) -> Story:
    """Explain a path (whole, or its end after a '/'), a SWHID, or a repository (URL or name).

    Raises WorkspaceError if nothing was built, or nothing of that name is in the build.
    """
    catalogue = workspace.read_catalogue()
    with open_sql(workspace.spill, memory, 2) as sql:
        create_view(sql, "facts", catalogue["facts"], FACTS.schema)
        create_view(sql, "verdicts", catalogue["verdicts"], tables.VERDICTS.schema)
        for condition, values in _readings(subject.strip()):
            story = _story(sql, subject, condition, values, limit)
            if story.total:
                return story
    raise WorkspaceError(
        f"{subject!r}: no path, SWHID or repository of this build; list repositories with: "
        'gristmill query "SELECT DISTINCT url FROM origins"'
    )


def _readings(subject: str) -> list[tuple[str, list[str]]]:
    """What the subject may mean, the most particular reading first, as SQL conditions over facts."""
    match = _SWHID.fullmatch(subject)
    if match is None and re.fullmatch(r"[0-9a-f]{40}", subject):
        return [("content_id = ?", [subject]), ("anchor LIKE '%:' || ?", [subject])]
    if match is not None:
        kind, object_id = match.groups()
        if kind == "cnt":
            return [("content_id = ?", [object_id])]
        if kind == "snp":
            return [("snapshot_id = ?", [object_id])]
        return [("anchor = ?", [subject]), ("directory_id = ?", [object_id])]
    path = subject.lstrip("/")
    name = subject.rstrip("/").removesuffix(".git")
    return [
        ("path = ?", [path]),
        ("url = ? OR rtrim(url, '/') = ? OR origin_name = ?", [subject, name, name]),
        ("ends_with(path, '/' || ?)", [path]),
        ("ends_with(rtrim(url, '/'), '/' || ?)", [name]),
    ]


def _story(
    sql: duckdb.DuckDBPyConnection, subject: str, condition: str, values: list[str], limit: int
) -> Story:
    source = (
        "FROM facts JOIN (SELECT * EXCLUDE (content_id) FROM verdicts) AS verdict "
        f"USING (origin_id, anchor, path) WHERE {condition}"
    )
    columns = ", ".join(f"facts.{name}" for name in _FACT_COLUMNS)
    found = fetch_table(
        sql,
        f"SELECT coalesce(reason, 'kept') AS outcome, count(*) AS n {source} GROUP BY outcome ORDER BY 2 DESC, 1",
        values,
    ).to_pylist()
    counts = {row["outcome"]: row["n"] for row in found}
    if not counts:
        return Story(subject, 0, {})
    entries = fetch_table(
        sql,
        f"SELECT {columns}, kept, reason, reasons, cluster_id, similarity {source} "
        f"ORDER BY facts.url, facts.anchor, facts.path LIMIT {int(limit)}",
        values,
    ).to_pylist()
    for entry in entries:
        places = fetch_table(
            sql,
            "SELECT url || ' ' || path AS place FROM facts WHERE content_id = ? ORDER BY 1 LIMIT 10",
            [entry["content_id"]],
        )
        entry["occurrences"] = places["place"].to_pylist()
        entry["licences"] = fetch_table(
            sql,
            "SELECT expression, count(*) AS places, count(DISTINCT url) AS origins FROM facts WHERE content_id = ? "
            "GROUP BY expression ORDER BY origins DESC, places DESC, expression LIMIT 10",
            [entry["content_id"]],
        ).to_pylist()
    return Story(subject, sum(counts.values()), counts, entries)
