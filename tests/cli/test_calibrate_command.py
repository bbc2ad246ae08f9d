"""``gristmill calibrate``: from a labelled file to temperatures that the classifier applies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from command_line import command, small_model

from gristmill.zeroshot import ZeroShotClassifier

LABELS = ["bug report", "feature request", "question"]
WORDS = [
    "driver",
    "crash",
    "screen",
    "resume",
    "export",
    "table",
    "proxy",
    "install",
    "license",
    "politics",
    "sport",
    "text",
    "bug",
    "report",
]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    shutil.copytree(checkpoint, tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data(folder: Path, tmp_path: Path) -> Path:
    """Texts whose labels are drawn by the model's own scores, made three times less sure."""
    random = np.random.default_rng(1)
    texts = [" ".join(random.choice(WORDS, 6)) + f" {number}" for number in range(500)]
    with (
        ZeroShotClassifier.from_pretrained(folder, engine="numpy") as classifier,
        (tmp_path / "data.jsonl").open("w") as file,
    ):
        for result in classifier(texts, LABELS, temperature=4.0):
            label = random.choice(result["labels"], p=np.array(result["scores"]) / sum(result["scores"]))
            several = [
                one for one, score in zip(result["labels"], result["scores"], strict=True) if score > 0.3
            ]
            file.write(
                json.dumps({"text": result["sequence"], "label": str(label), "several": several}) + "\n"
            )
        file.write("not json\n")
        file.write('{"text": "\\u0000", "label": "question", "several": []}\n')
    return tmp_path / "data.jsonl"


def test_single_then_multi(
    folder: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "plot.svg"
    words = ["calibrate", folder, "--data", data, "--engine", "numpy"]
    assert command(*words, "--plot", plot) == 0
    told = capsys.readouterr()
    saved = json.loads((folder / "calibration.json").read_text())
    fit = saved["single"]
    assert fit["temperature"] > 2
    assert fit["error_after"] < fit["error_before"]
    assert fit["fitted_texts"] + fit["held_out_texts"] == 500
    assert f"temperature {fit['temperature']:.4f}: {folder / 'calibration.json'}" in told.out
    assert f"calibration error {fit['error_before']:.4f} before, {fit['error_after']:.4f} after" in told.out
    assert f"{data}, row 501: not valid JSON" in told.err
    assert f"{data}, row 502: the text has no letters" in told.err
    ElementTree.parse(plot)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as classifier:
        assert classifier.calibration is not None
        assert classifier.calibration.single == fit["temperature"]
        assert classifier("a driver", LABELS) == classifier(
            "a driver", LABELS, temperature=fit["temperature"]
        )
    words += ["--multi-label", "--label-field", "several", "--template", "Es geht um {}.", "-q"]
    assert command(*words) == 0
    told = capsys.readouterr()
    assert (told.out, told.err) == ("", "")
    again = json.loads((folder / "calibration.json").read_text())
    assert again["single"] == fit
    assert again["multi"]["template"] == "Es geht um {}."
    # its own calibration plays no part when it is calibrated again
    assert command(*words) == 0
    assert json.loads((folder / "calibration.json").read_text()) == again


def test_a_calibration_of_other_weights_can_be_replaced(folder: Path, data: Path) -> None:
    words = ["calibrate", folder, "--data", data, "--engine", "numpy", "-q"]
    assert command(*words) == 0
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"other": 1}))
    classify = ["classify", "x", "--labels", "a,b", "--model", folder, "--engine", "numpy", "-q"]
    assert command(*classify) == 1
    assert command(*words) == 0
    assert command(*classify) == 0


def test_to_another_folder(folder: Path, data: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    words = ["calibrate", folder, "--data", data, "--engine", "numpy", "--to", tmp_path / "copy", "-q"]
    assert command(*words) == 0
    assert not (folder / "calibration.json").exists()
    with ZeroShotClassifier.from_pretrained(tmp_path / "copy", engine="numpy") as classifier:
        assert classifier.calibration is not None


def test_what_cannot_be_fitted_saves_nothing(
    folder: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = tmp_path / "few.csv"
    few.write_text("text,label\n" + "".join(f"text {n},{LABELS[n % 3]}\n" for n in range(10)))
    for words, error in (
        (["--data", few], "10 labelled texts are too few"),
        (["--data", tmp_path / "nowhere.jsonl"], "is no file"),
        (["--data", data, "--labels", "bug report,other"], "is not among the candidates"),
        (["--data", data, "--to", tmp_path / "nowhere"], "cannot be written"),
    ):
        assert command("calibrate", folder, "--engine", "numpy", *words) == 1
        assert error in capsys.readouterr().err
    assert not (folder / "calibration.json").exists()
    with pytest.raises(SystemExit):
        command("calibrate", folder, "--data", data, "--seed", "-1")
