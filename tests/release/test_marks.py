"""Marks: the plan's query and the Python beside it agree, and so do texts and the plan."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill import tables
from gristmill.engine.shards import write_table
from gristmill.errors import BalanceError
from gristmill.release.bodies import Segments, read_bodies, recipes
from gristmill.release.marks import MARKS_QUERY, levels_table, mark_of
from gristmill.release.redact import Span

TEXT = b"mail me@x.org or you@y.org"
MAIL, OTHER = Span(5, 13, "email", ""), Span(17, 26, "email", "")
LEVELS = {"email": 0.9, "key": 0.9}
FOUND = st.tuples(
    st.sampled_from("abc"), st.integers(0, 12), st.integers(0, 12), st.sampled_from(["email", "key"]),
    st.sampled_from([0.1, 0.3, 0.7, 0.9]),
)  # fmt: skip


@given(st.lists(FOUND, max_size=12), st.sampled_from([0.1, 0.3, 0.31, 0.7]))
def test_the_query_makes_the_marks(found: list[tuple[str, int, int, str, float]], least: float) -> None:
    columns = list(zip(*found, strict=True)) or [()] * 5
    kinds = [pa.string(), pa.int64(), pa.int64(), pa.string(), pa.float64()]
    names = ["content_id", "start", "end", "type", "score"]
    findings = pa.table([pa.array(list(c), k) for c, k in zip(columns, kinds, strict=True)], names)
    released = pa.table({"content_id": ["a", "b", "b"]})
    with duckdb.connect() as sql:
        sql.register("findings", findings)
        sql.register("released", released)
        sql.register("levels", levels_table({"email": least, "key": 0.9}))
        marks = sql.execute(MARKS_QUERY).fetchall()
    expected = {}
    for name in "ab":
        spans = [
            Span(start, end, kind, "")
            for own, start, end, kind, score in found
            if own == name and score >= (least if kind == "email" else 0.9)
        ]
        if spans:
            expected[name] = mark_of(spans)
    assert marks == sorted(expected.items())


def test_spans_make_the_mark() -> None:
    assert mark_of([MAIL, OTHER]) == mark_of([OTHER, MAIL])
    assert (
        len({mark_of(spans) for spans in ([MAIL], [OTHER], [MAIL, OTHER], [MAIL._replace(type="key")])}) == 4
    )


def test_recipes_name_the_mark_and_the_seed() -> None:
    rows = pa.table({"content_id": ["a", "b"], "src_encoding": ["utf-8", "latin-1"], "mark": [None, "m"]})
    assert recipes(rows, 7).to_pylist() == ["a utf-8", "b latin-1 7 m"]
    none = rows.set_column(2, "mark", pa.nulls(2, pa.string()))
    assert recipes(none, 7).to_pylist() == ["a utf-8", "b latin-1"]


@pytest.mark.parametrize("mark", [mark_of([MAIL, OTHER]), mark_of([MAIL]), None])
def test_findings_must_be_those_of_the_mark(tmp_path: Path, mark: str | None) -> None:
    content_id = "a" * 40
    row = {"content_id": content_id, "sha1": "", "sha256": "", "length": len(TEXT), "data": TEXT}
    findings = [
        {"content_id": content_id, "start": span.start, "end": span.end, "type": span.type, "score": score,
         "rule": "r", "value_hash": "h"}
        for span, score in ((MAIL, 0.9), (OTHER, 0.5))
    ]  # fmt: skip
    write_table(tmp_path / "c.parquet", pa.Table.from_pylist([row], tables.CONTENTS.schema))
    write_table(tmp_path / "f.parquet", pa.Table.from_pylist(findings, tables.FINDINGS.schema))
    rows = pa.table({
        "content_id": [content_id], "length_bytes": [len(TEXT)], "src_encoding": ["utf-8"],
        "mark": pa.array([mark], pa.string()),
    })  # fmt: skip
    with Segments([tmp_path / "c.parquet"], [tmp_path / "f.parquet"], LEVELS) as segments:
        if mark == mark_of([MAIL, OTHER]):
            with pytest.raises(BalanceError, match="other findings"):
                read_bodies(rows, segments, 0)
        else:
            body = read_bodies(rows, segments, 0)[content_id]
            assert body.redactions == (mark is not None)
            assert (b"me@x.org" in bytes(body.text)) == (mark is None)
            assert b"you@y.org" in bytes(body.text)
    with Segments([], [], LEVELS) as none, pytest.raises(BalanceError, match="no segment"):
        read_bodies(rows, none, 0)


def test_segments_are_opened_as_they_are_needed(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    for path in paths:
        write_table(path, pa.table({"content_id": [path.stem]}))
    with Segments(paths, paths, {}) as segments:
        paths[0].unlink()  # the oldest: nobody asks for it
        found = []
        for contents, _ in segments:
            found += [batch["content_id"][0].as_py() for batch in contents.read(np.array(["1", "2"], object))]
            if len(found) == 2:
                break
    assert sorted(found) == ["1", "2"]
