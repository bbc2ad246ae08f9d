"""The kinds of texts that labels are asked about, as SQL over entries: which of them each kind takes.

``readme``: files named README. ``documentation``: paths that linguist counts as documentation. ``prose``: READMEs
and files in a language that linguist counts as prose (Markdown, reStructuredText, plain text and so on); a README
without an extension has no language. ``heads``: any file.
"""

from __future__ import annotations

from collections.abc import Iterable

import duckdb
import pyarrow as pa

from gristmill.annotate import linguist
from gristmill.engine.sql import fetch_table
from gristmill.spdx.filenames import kind as kind_of_name

_JOINS = {
    "readme": "SEMI JOIN readme_names USING (name)",
    "documentation": "SEMI JOIN (SELECT path FROM paths WHERE documentation) AS documents USING (path)",
    "prose": "SEMI JOIN ("
    "SELECT content_id, name FROM languages SEMI JOIN prose_languages USING (language) "
    "UNION ALL SELECT content_id, name FROM languages SEMI JOIN readme_names USING (name)"
    ") AS prose USING (content_id, name)",
    "heads": "",
}


def define_kinds(sql: duckdb.DuckDBPyConnection, kinds: Iterable[str]) -> None:
    """Make what ``files_of`` reads of; the connection has views ``entries``, ``paths`` and ``languages``."""
    wanted = set(kinds)
    if wanted & {"readme", "prose"}:
        names = fetch_table(sql, "SELECT DISTINCT name FROM entries WHERE starts_with(lower(name), 'readme')")
        readmes = [name for name in names["name"].to_pylist() if kind_of_name(name) == "readme"]
        sql.register("readme_names", pa.table({"name": pa.array(readmes, pa.string())}))
    if "prose" in wanted:
        names = fetch_table(sql, "SELECT DISTINCT language FROM languages WHERE language IS NOT NULL")
        enry = linguist.library()
        prose = [name for name in names["language"].to_pylist() if enry.get_language_type(name) == "prose"]
        sql.register("prose_languages", pa.table({"language": pa.array(prose, pa.string())}))


def files_of(kind: str, entries: str = "entries") -> str:
    """SQL behind a FROM: the rows of ``entries`` (content_id, name, path, type) that are files of a kind."""
    return f"(SELECT * FROM {entries} {_JOINS[kind]} WHERE type = 'file')"
