"""The folder of an evaluation is whole or not there, and nothing else is written over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gristmill.zeroshot.evaluate import folder
from gristmill.zeroshot.evaluate.folder import (
    FILES,
    EvaluationError,
    check_output,
    confusion_picture,
    per_class,
    write_folder,
)
from gristmill.zeroshot.evaluate.measures import Answers, measure
from gristmill.zeroshot.evaluate.outcome import Outcome, Temperature, Timing

VALUES: dict[str, Any] = {
    "name": "set",
    "model": {"name": "m"},
    "run": {"precision": "float32"},
    "data": {"used": 4},
}


def outcome(*, multi: bool = False, labels: tuple[str, ...] = ("a", 'b, "c"', "none")) -> Outcome:
    margins = np.array([[2.0, 1, 0], [2, 1, 0], [1, 2, 0], [0, 3, 0]])[:, : len(labels)]
    truth = np.array([0, 1, 1, 1])[:, None] == np.arange(len(labels))
    answers = Answers(labels, truth, lambda value: margins / value, multi, 0.5)
    task = "multi_label" if multi else "classification"
    timing = Timing(1.0, 1.0, 4, 12, 1)
    return Outcome(task, labels, measure(answers), Temperature(1.0, "none"), "t", None, (), timing)  # type: ignore[arg-type]


def test_classes_as_a_table() -> None:
    lines = per_class(outcome()).splitlines()
    assert lines[0] == "label,precision,recall,f1,support,found,hits"
    assert lines[1] == "a,0.500000,1.000000,0.666667,1,2,1"
    assert lines[2] == '"b, ""c""",1.000000,0.666667,0.800000,3,2,2'
    assert lines[3] == "none,,,,0,0,0"
    assert per_class(outcome(multi=True)).splitlines()[0].endswith(",average_precision")


def test_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    single, several = confusion_picture(VALUES, outcome()), confusion_picture(VALUES, outcome(multi=True))
    assert single is not None
    assert several is not None
    assert "found label" in single
    assert "true, not found" in several
    monkeypatch.setattr(folder, "MOST", 2)
    several = confusion_picture(VALUES, outcome(multi=True))
    assert several is not None
    assert "1 labels with fewer errors are left out" in several
    monkeypatch.setattr(folder, "DENSE", 2)
    assert confusion_picture(VALUES, outcome()) is None


def test_a_new_folder_and_one_in_its_place(tmp_path: Path) -> None:
    to = tmp_path / "deep" / "e"
    write_folder(to, VALUES, outcome())
    assert {path.name for path in to.iterdir()} == set(FILES)
    with pytest.raises(EvaluationError, match="--replace"):
        write_folder(to, VALUES, outcome())
    write_folder(to, VALUES | {"name": "other"}, outcome(), replace=True)
    assert '"other"' in (to / "evaluation.json").read_text()
    assert [path.name for path in to.parent.iterdir()] == ["e"]


def test_an_end_halfway_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    to = tmp_path / "e"
    write_folder(to, VALUES, outcome())
    before = {path.name: path.read_bytes() for path in to.iterdir()}

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EvaluationError, match="No space left"):
        write_folder(to, VALUES | {"name": "other"}, outcome(), replace=True)
    assert {path.name: path.read_bytes() for path in to.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["e"]


def test_what_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path)
    (tmp_path / "empty").mkdir()
    check_output(tmp_path / "empty", replace=False)
    check_output(tmp_path / "new", replace=False)
    for name in ("file", "link", "."):
        with pytest.raises(EvaluationError):
            check_output(tmp_path / name, replace=True)
