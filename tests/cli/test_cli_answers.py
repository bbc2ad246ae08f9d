"""Answers as a Parquet file: the same in any number of row groups, whatever letters they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gristmill.cli import answers
from gristmill.cli.answers import print_answer, write_parquet

ANSWERS: list[dict[str, Any]] = [
    {"row": 1, "sequence": "one", "labels": ["a", "b"], "scores": [0.75, 0.25]},
    {"row": 2, "sequence": "", "labels": [], "scores": [], "error": "empty"},
    {"row": 3, "sequence": "\ud800 \U0001f680 ü", "labels": ["\ud83d"], "scores": [1 / 3]},
]


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "o.partial"
    path.write_text("".join(json.dumps(answer) + "\n" for answer in ANSWERS))
    return path


def test_rows_and_columns(lines: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_parquet(lines, tmp_path / "one.parquet", threshold=False, tree=False)
    found = pq.read_table(tmp_path / "one.parquet")
    assert found.column_names == ["row", "sequence", "labels", "scores", "error"]
    assert found.schema.field("labels").type == pa.list_(pa.string())
    rows = found.to_pylist()
    assert rows[0] == {**ANSWERS[0], "error": None}
    assert rows[1] == ANSWERS[1]
    assert (rows[2]["sequence"], rows[2]["labels"]) == ("\ufffd \U0001f680 ü", ["\ufffd"])
    assert rows[2]["scores"] == [1 / 3]
    write_parquet(lines, tmp_path / "again.parquet", threshold=False, tree=False)
    assert (tmp_path / "again.parquet").read_bytes() == (tmp_path / "one.parquet").read_bytes()
    monkeypatch.setattr(answers, "BATCH_ROWS", 2)
    write_parquet(lines, tmp_path / "two.parquet", threshold=False, tree=False)
    assert pq.ParquetFile(tmp_path / "two.parquet").num_row_groups == 2
    assert pq.read_table(tmp_path / "two.parquet") == found


def test_columns_for_a_threshold_and_a_tree(lines: Path, tmp_path: Path) -> None:
    more = {
        "row": 4,
        "sequence": "x",
        "labels": ["b"],
        "scores": [0.5],
        "abstained": False,
        "paths": [["a", "b"]],
    }
    with lines.open("a") as file:
        file.write(json.dumps(more) + "\n")
    write_parquet(lines, tmp_path / "o.parquet", threshold=True, tree=True)
    rows = pq.read_table(tmp_path / "o.parquet").to_pylist()
    assert (rows[3]["abstained"], rows[3]["paths"]) == (False, [["a", "b"]])
    assert (rows[0]["abstained"], rows[0]["paths"]) == (None, None)


def test_bars_are_as_long_as_scores(capsys: pytest.CaptureFixture[str]) -> None:
    print_answer({"labels": ["a", "b"], "scores": [1.0, 0.25]})
    bars = [line.count("█") for line in capsys.readouterr().out.splitlines()]
    assert bars == [answers.BAR, answers.BAR // 4]
