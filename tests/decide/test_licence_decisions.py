from __future__ import annotations

import datetime as dt
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.decide.licence_decisions import (
    Decision,
    as_toml,
    digest_of,
    parse_decisions,
    read_decisions,
    record,
    rows_of,
)
from gristmill.errors import RecipeError

A, B = "a" * 40, "b" * 40
GOOD = f"""version = 1
[[decision]]
id = "one"
contents = ["swh:1:cnt:{A}", "{B}", "{B}"]
expression = "mit"
reviewer = "Ada"
date = 2026-11-23
reason = "read it"
"""
ONE = Decision("one", (A, B), "MIT", "Ada", dt.date(2026, 11, 23), "read it")


def read(tmp_path: Path, text: str) -> list[Decision]:
    path = tmp_path / "decisions.toml"
    path.write_text(text)
    return read_decisions(path)


def test_a_file_of_decisions(tmp_path: Path) -> None:
    assert read(tmp_path, GOOD) == [ONE]
    assert read(tmp_path, "version = 1\n") == []


@pytest.mark.parametrize(
    ("expression", "normal"), [("NONE", None), ("LicenseRef-house", "LicenseRef-house"), ("MIT or Zlib", "MIT OR Zlib")]
)  # fmt: skip
def test_expressions(tmp_path: Path, expression: str, normal: str | None) -> None:
    (one,) = read(tmp_path, GOOD.replace('"mit"', f'"{expression}"'))
    assert one.expression == normal


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version = 1", "version = 2", "version = 2: write version = 1"),
        ("version = 1", "", "version = None: write version = 1"),
        ("version = 1", "version = 1\nmore = 2", "unknown key more"),
        ("[[decision]]", "[decision]", "write \\[\\[decision"),
        ('reviewer = "Ada"', "", "decision 1: reviewer is missing"),
        ('reviewer = "Ada"', 'reviewer = " "', "reviewer = ' '"),
        ('reviewer = "Ada"', 'reviewer = "Ada"\nwho = 1', "unknown key who"),
        ('id = "one"', 'id = "o/ne"', "id = 'o/ne': use at most 64"),
        ("2026-11-23", '"2026-11-23"', "date = '2026-11-23': write a date without quotes"),
        ("2026-11-23", "2026-11-23T01:02:03Z", "write a date without quotes"),
        ('"mit"', '"mit licence of ours"', "is not an SPDX expression"),
        ('"mit"', '"permissive"', "is not an SPDX expression"),
        (f'"{B}"', '"bbb"', "contents holds 'bbb'"),
        (f'["swh:1:cnt:{A}", "{B}", "{B}"]', "[]", "contents = \\[\\]"),
        ("read it", 'read" it', "not valid TOML"),
    ],
)
def test_what_makes_no_sense(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as caught:
        read(tmp_path, GOOD.replace(old, new))
    assert str(tmp_path / "decisions.toml") in str(caught.value)


def test_a_content_is_decided_once(tmp_path: Path) -> None:
    second = GOOD.removeprefix("version = 1\n")
    with pytest.raises(RecipeError, match="id = 'one' stands twice"):
        read(tmp_path, GOOD + second)
    with pytest.raises(RecipeError, match=f"content {A} is in 'one' and 'two'"):
        read(tmp_path, GOOD + second.replace('"one"', '"two"'))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nope\.toml: decisions cannot be read"):
        read_decisions(tmp_path / "nope.toml")
    (tmp_path / "latin").write_bytes(b"version = 1 # \xff")
    with pytest.raises(RecipeError, match="latin: decisions cannot be read"):
        read_decisions(tmp_path / "latin")


def test_recording_keeps_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "decisions.toml"
    record(path, ONE)
    path.write_text("# ours\n" + path.read_text())
    before = path.read_text()
    two = Decision("two", ("c" * 40,), None, "Bob", dt.date(2026, 1, 1), "no licence")
    record(path, two)
    assert path.read_text().startswith(before)
    assert read_decisions(path) == [ONE, two]
    after = path.read_text()
    for wrong in (two, Decision("three", (A,), "MIT", "Bob", two.date, "again")):
        with pytest.raises(RecipeError):
            record(path, wrong)
    assert path.read_text() == after


def test_rows() -> None:
    none = Decision("two", ("c" * 40,), None, "Bob", dt.date(2026, 1, 1), "no licence")
    assert rows_of([none, ONE]) == [
        (A, "MIT", "decision/one"),
        (B, "MIT", "decision/one"),
        ("c" * 40, None, "decision/two"),
    ]


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_any_text_comes_back(reviewer: str, reason: str) -> None:
    one = Decision("x", (A,), "MIT", reviewer, dt.date(2026, 1, 1), reason)
    (back,) = parse_decisions(tomllib.loads("version = 1\n" + as_toml(one)), "x")
    assert back == one
    assert digest_of([back]) == digest_of([one])
    assert digest_of([ONE, one]) == digest_of([one, ONE]) != digest_of([ONE])
