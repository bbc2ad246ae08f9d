from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from gristmill.errors import RecipeError
from gristmill.secrets.marks import Mark, add_mark, read_marks, tallies

MARK = Mark("a" * 32, "rule", "key", 0.9, "test", "random", "true", "Ada", dt.date(2026, 1, 2))


def changed(**values: object) -> Mark:
    return msgspec.structs.replace(MARK, **values)


def test_the_last_mark_counts_and_undone_takes_it_back(tmp_path: Path) -> None:
    file = tmp_path / "marks.jsonl"
    assert read_marks(file) == {}
    other = changed(fingerprint="b" * 32, mark="skipped")
    for one in (MARK, other, changed(mark="false")):
        add_mark(file, one)
    assert read_marks(file) == {"a" * 32: changed(mark="false"), "b" * 32: other}
    add_mark(file, changed(mark="undone"))
    assert read_marks(file) == {"b" * 32: other}
    add_mark(file, MARK)
    assert set(read_marks(file)) == {"a" * 32, "b" * 32}


@pytest.mark.parametrize("left", [1, 20, 100])
def test_a_write_that_was_cut_off_costs_one_mark(tmp_path: Path, left: int) -> None:
    file = tmp_path / "marks.jsonl"
    add_mark(file, MARK)
    other = changed(fingerprint="b" * 32)
    add_mark(file, other)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2 + left])
    assert read_marks(file) == {"a" * 32: MARK}
    third = changed(fingerprint="c" * 32)
    add_mark(file, third)
    assert read_marks(file) == {"a" * 32: MARK, "c" * 32: third}


@pytest.mark.parametrize(
    "line", ['{"fingerprint": "x"}', '{"fingerprint": 1}', "{}", '{"mark": {"value": "?"}}', '[{}, "}"}']
)
def test_a_line_that_is_no_mark_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "marks.jsonl"
    add_mark(file, MARK)
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(RecipeError, match="line 2"):
        read_marks(file)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_marks(tmp_path)


def test_tallies_are_of_chance_and_of_what_was_judged() -> None:
    marks = [
        MARK,
        changed(score=0.6, mark="false"),
        changed(score=0.4, mark="false"),
        changed(score=0.7, type="password"),
        changed(drawn="borderline", mark="false"),
        changed(mark="skipped"),
    ]
    assert list(tallies(marks)) == [
        ("key", "low", 1, 1),
        ("key", "medium", 1, 2),
        ("key", "high", 1, 3),
        ("password", "medium", 1, 1),
        ("password", "high", 1, 1),
        ("all", "low", 1, 1),
        ("all", "medium", 2, 3),
        ("all", "high", 2, 4),
    ]
    assert list(tallies([])) == []
