"""Rows of every form of input, and what is wrong with some."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.cli import texts
from gristmill.cli.texts import Row, digest_rows, read_rows
from gristmill.errors import TextError


def write(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def values(rows: list[Row], field: str = "text") -> list[str | None]:
    found = [row.text(field) for row in rows]
    return [one if isinstance(one, str) else None for one in found]


def test_lines(tmp_path: Path) -> None:
    source = write(tmp_path, "a.txt", b"\xef\xbb\xbfone\r\n\n three\xff\nlast")
    rows = list(read_rows(source, ["text"]))
    assert values(rows) == ["one", "", " three\ufffd", "last"]
    assert [row.number for row in rows] == [1, 2, 3, 4]
    with pytest.raises(TextError, match="lines of text have no fields body"):
        read_rows(source, ["body"])


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    def give(data: bytes) -> None:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))

    give(b"a\nb\n")
    assert values(list(read_rows("-", ["text"]))) == ["a", "b"]
    give(b'{"text": "c"}\n')
    assert values(list(read_rows("-", ["text"], json_lines=True))) == ["c"]


def test_json_lines_tell_of_bad_rows_and_go_on(tmp_path: Path) -> None:
    lines = [
        '{"text": "a"}',
        "",
        "[1]",
        '{"text": 5}',
        '{"x": "b"}',
        "{" * 100_000,
        '{"text": "\\ud800"}',
        "{",
    ]
    source = write(tmp_path, "a.jsonl", "\n".join(lines).encode())
    rows = list(read_rows(source, ["text"]))
    assert values(rows) == ["a", None, None, None, None, None, "\ud800", None]
    errors = [str(row.text("text")) for row in rows]
    assert "not valid JSON" in errors[1]
    assert "a line must hold a JSON object, not list" in errors[2]
    assert "field 'text' must be a string, not int" in errors[3]
    assert "there is no field 'text', only 'x'" in errors[4]
    assert "not valid JSON" in errors[5]


def test_csv(tmp_path: Path) -> None:
    source = write(tmp_path, "a.csv", b'\xef\xbb\xbfid,text\n1,"a, ""b""\r\nc"\n2\n3,d\n')
    rows = list(read_rows(source, ["text"]))
    assert values(rows) == ['a, "b"\r\nc', None, "d"]
    assert "1 cells where the header has 2" in str(rows[1].text("text"))
    assert values(list(read_rows(write(tmp_path, "a.tsv", b"text\tn\na, b\t1\n"), ["text"]))) == ["a, b"]
    with pytest.raises(TextError, match="has no column 'body'; it has 'id', 'text'"):
        list(read_rows(source, ["body"]))
    with pytest.raises(TextError, match="'text' twice"):
        list(read_rows(write(tmp_path, "b.csv", b"text,text\na,b\n"), ["text"]))
    with pytest.raises(TextError, match="line 2: unexpected end of data"):
        list(read_rows(write(tmp_path, "c.csv", b'text\n"open'), ["text"]))
    with pytest.raises(TextError, match="has no column"):
        list(read_rows(write(tmp_path, "d.csv", b""), ["text"]))


def test_parquet(tmp_path: Path) -> None:
    source = str(tmp_path / "a.parquet")
    many = [f"text {n}" for n in range(600)]
    pq.write_table(pa.table({"text": ["a", None, *many], "n": [1] * 602}), source, row_group_size=100)
    rows = list(read_rows(source, ["text"]))
    assert values(rows) == ["a", None, *many]
    assert (rows[0].values, rows[-1].number) == ({"text": "a"}, 602)
    assert next(read_rows(source, ["text"], optional=["n", "z"])).values == {"text": "a", "n": 1}
    assert "must be a string, not int" in str(next(read_rows(source, ["n"])).text("n"))
    with pytest.raises(TextError, match="no column 'body'"):
        list(read_rows(source, ["body"]))
    data = Path(source).read_bytes()
    for broken in (b"", b"PAR1", data[:-20], data[: len(data) // 2] + data[-100:]):
        with pytest.raises(TextError, match="no Parquet file"):
            list(read_rows(write(tmp_path, "b.parquet", broken), ["text"]))


def test_a_line_that_is_too_long_is_one_bad_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LINE_BYTES", 8)
    source = write(tmp_path, "a.txt", b"1234567\n" + b"x" * 8 + b"\n" + b"y" * 40 + b"\nend\n")
    rows = list(read_rows(source, ["text"]))
    assert values(rows) == ["1234567", None, None, "end"]
    with pytest.raises(TextError, match="longer than"):
        list(read_rows(write(tmp_path, "a.csv", b"text\n" + b"y" * 40), ["text"]))


@pytest.mark.parametrize("name", ["nowhere.jsonl", "", ".", "a\0b"])
def test_what_is_no_file(name: str) -> None:
    with pytest.raises(TextError, match="is no file"):
        read_rows(name, ["text"])


def test_digest_and_number_of_rows(tmp_path: Path) -> None:
    digests = set()
    for data, rows in ((b"", 0), (b"a", 1), (b"a\n", 1), (b"a\nb", 2), (b"\n\n", 2)):
        source = write(tmp_path, "a.jsonl", data)
        digest, found = digest_rows(source)
        assert found == rows == len(list(read_rows(source, ["text"])))
        digests.add(digest)
    assert len(digests) == 5
    assert digest_rows(write(tmp_path, "a.csv", b"text\na\n"))[1] is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r")), min_size=1, max_size=6))
def test_what_is_written_is_read(tmp_path: Path, wanted: list[str]) -> None:
    source = write(tmp_path, "a.jsonl", "".join(json.dumps({"text": one}) + "\n" for one in wanted).encode())
    assert values(list(read_rows(source, ["text"]))) == wanted
    sheet = io.StringIO()
    csv.writer(sheet).writerows([["n", "text"], *(["1", one] for one in wanted)])
    assert values(list(read_rows(write(tmp_path, "a.csv", sheet.getvalue().encode()), ["text"]))) == wanted


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.binary(max_size=200), st.sampled_from(["a.txt", "a.jsonl", "a.csv", "a.parquet"]))
def test_any_bytes_are_rows_or_a_clear_error(tmp_path: Path, data: bytes, name: str) -> None:
    source = write(tmp_path, name, data)
    try:
        rows = list(read_rows(source, ["text"]))
    except TextError as error:
        assert source in str(error)
    else:
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
