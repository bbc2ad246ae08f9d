"""Which files are a README, documentation, prose, or any text."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from gristmill.annotate.text_kinds import define_kinds, files_of

# name, path, language, documentation, type; the content's id is the path
FILES = (
    ("README.md", "README.md", "Markdown", True, "file"),
    ("readme", "sub/readme", None, False, "file"),
    ("README.zh-CN.md", "README.zh-CN.md", "Markdown", True, "file"),
    ("readme_parser.py", "readme_parser.py", "Python", False, "file"),
    ("README.rst", "link/README.rst", "reStructuredText", True, "symlink"),
    ("guide.html", "docs/guide.html", "HTML", True, "file"),
    ("conf.py", "docs/conf.py", "Python", True, "file"),
    ("notes.org", "notes.org", "Org", False, "file"),
    ("main.c", "main.c", "C", False, "file"),
    ("data", "data", None, False, "file"),
    ("sub", "sub", None, False, "submodule"),
)
WANTED = {
    "readme": {"README.md", "sub/readme", "README.zh-CN.md"},
    "documentation": {"README.md", "README.zh-CN.md", "docs/guide.html", "docs/conf.py"},
    "prose": {"README.md", "sub/readme", "README.zh-CN.md", "notes.org"},
    "heads": {path for _, path, _, _, kind in FILES if kind == "file"},
}


@pytest.mark.parametrize("kind", list(WANTED))
def test_the_files_of_a_kind(kind: str) -> None:
    columns = list(zip(*FILES, strict=True))
    with duckdb.connect() as sql:
        names, paths, languages, documentation, types = (list(column) for column in columns)
        sql.register("entries", pa.table({"content_id": paths, "name": names, "path": paths, "type": types}))
        sql.register("paths", pa.table({"path": paths * 2, "documentation": documentation * 2}))
        sql.register(
            "languages", pa.table({"content_id": paths * 2, "name": names * 2, "language": languages * 2})
        )
        define_kinds(sql, [kind])
        found = sql.sql(f"SELECT path FROM {files_of(kind)}").fetchall()
    assert sorted(path for (path,) in found) == sorted(WANTED[kind])


def test_the_language_is_that_of_the_name() -> None:
    """One content that is prose under one of its names only."""
    with duckdb.connect() as sql:
        rows = [("x", "a.md", "Markdown"), ("x", "a.py", "Python")]
        names = [name for _, name, _ in rows]
        sql.register(
            "entries", pa.table({"content_id": ["x"] * 2, "name": names, "path": names, "type": ["file"] * 2})
        )
        sql.register(
            "languages",
            pa.table({"content_id": ["x"] * 2, "name": names, "language": [one for *_, one in rows]}),
        )
        define_kinds(sql, ["prose"])
        assert sql.sql(f"SELECT name FROM {files_of('prose')}").fetchall() == [("a.md",)]
