"""``gristmill model-card``: from evaluations that ``gristmill evaluate`` wrote to a card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from command_line import command, small_model


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


def test_from_data_to_card(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.dumps({"text": f"The driver {n} crashes", "label": "ab"[n % 2]}) for n in range(8)]
    (tmp_path / "d.jsonl").write_text("\n".join(rows))
    words = [
        "evaluate",
        tmp_path / "d.jsonl",
        "--model",
        checkpoint,
        "--engine",
        "numpy",
        "--name",
        "Drivers",
    ]
    assert command(*words, "--output", tmp_path / "e", "-q") == 0
    (tmp_path / "card.toml").write_text('name = "tiny"\nlicence = "MIT"\n')
    card = [
        "model-card",
        "--model",
        checkpoint,
        "--evaluations",
        tmp_path / "e",
        "--to",
        tmp_path / "MODEL_CARD.md",
    ]
    capsys.readouterr()
    assert command(*card, "--facts", tmp_path / "card.toml") == 0
    assert "1 evaluations of this model, 0 of others" in capsys.readouterr().out
    front = yaml.safe_load((tmp_path / "MODEL_CARD.md").read_text().split("---\n")[1])
    measured = json.loads((tmp_path / "e" / "evaluation.json").read_bytes())["measures"]
    values = json.loads((tmp_path / "MODEL_CARD.json").read_bytes())
    metrics = {one["name"]: one["value"] for one in front["model-index"][0]["results"][0]["metrics"]}
    assert metrics["Accuracy"] == measured["accuracy"]["value"]
    assert values["evaluations"][0]["measures"] == measured
    assert (front["license"], values["name"]) == ("mit", "tiny")
    assert command(*card, "-q") == 0  # a card of its own is written again
    assert capsys.readouterr().out == ""
    assert "license" not in (tmp_path / "MODEL_CARD.md").read_text().split("---\n")[1]


def test_mistakes(checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "card.toml").write_text('licens = "MIT"\n')
    card = ["model-card", "--model", checkpoint, "--to", tmp_path / "card.md"]
    assert command(*card, "--facts", tmp_path / "card.toml") == 1
    assert "unknown key licens; did you mean licence?" in capsys.readouterr().err
    assert command(*card, "--evaluations", tmp_path / "nowhere.json") == 1
    assert "nowhere.json cannot be read" in capsys.readouterr().err
    (tmp_path / "card.md").write_text("mine")
    assert command(*card) == 1
    assert "was not made by this command" in capsys.readouterr().err
    assert (tmp_path / "card.md").read_text() == "mine"
    assert command(*card, "--replace") == 0
