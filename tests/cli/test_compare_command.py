"""``gristmill compare``: a table for people, JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import command, small_model

LABELS = ["bug report", "feature request", "question"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


@pytest.fixture
def words(checkpoint: Path, tmp_path: Path) -> list[object]:
    rows = [json.dumps({"text": f"The driver {n} crashes", "label": LABELS[n % 3]}) for n in range(12)]
    (tmp_path / "data.jsonl").write_text("\n".join([*rows, "not json"]))
    both = ["compare", checkpoint, checkpoint, "--data", tmp_path / "data.jsonl"]
    return [
        *both,
        "--engine-a",
        "numpy",
        "--engine-b",
        "torch",
        "--precision-b",
        "bfloat16",
        "--workers",
        "1",
    ]


def test_table_and_json(words: list[object], checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(*words) == 0
    told = capsys.readouterr()
    for part in ("numpy cpu", "torch cpu", "bfloat16", "accuracy", "macro-F1", "calibration error (15 bins)",
                 "pairs per CPU second", "MB on disk", "MB of memory at most", "12 texts, 3 labels", "McNemar"):  # fmt: skip
        assert part in told.out
    assert "row 13: not valid JSON" in told.err
    assert command(*words, "--json", "--multi-label", "--threshold", "0.3") == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["precision"] for run in found["runs"]] == ["float32", "bfloat16"]
    assert found["runs"][0]["model"] == str(checkpoint)
    assert (found["texts"], found["bad_rows"], found["label_names"]) == (12, 1, LABELS)
    assert found["multi_label"] is True
    assert 0 <= found["p_value"] <= 1
    assert found["data"].startswith("sha256:")
    assert set(found["quality"][0]) == {"accuracy", "macro_f1", "micro_f1", "calibration_error", "bins"}


def test_mistakes(words: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words[2] = tmp_path / "nowhere"
    assert command(*words) == 1
    assert str(tmp_path / "nowhere") in capsys.readouterr().err
    (tmp_path / "tree.json").write_text('{"a": ["b"]}')
    assert command(*words, "--labels-file", tmp_path / "tree.json") == 1
    assert "takes a list of labels, not a tree" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        command(*words, "--threshold", "2")
