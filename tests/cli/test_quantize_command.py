from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import small_model

from gristmill import cli
from gristmill.zeroshot.models.load import load_model

TEXTS = "\n".join(f"The driver {number} crashes on resume, and nobody knows why." for number in range(12))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_model(tmp_path_factory)


@pytest.fixture
def quantize(monkeypatch: pytest.MonkeyPatch, checkpoint: Path, tmp_path: Path) -> Callable[..., int]:
    """Runs the command on a random model, with texts that take little time."""
    monkeypatch.setattr(cli, "COMMANDS", tuple(dict.fromkeys((*cli.COMMANDS, "quantize"))))
    monkeypatch.setattr("gristmill.zeroshot.quantise.quantise.Options.tokens", 300)
    path = tmp_path / "texts.txt"
    path.write_text(TEXTS)
    return lambda *words: cli.main(["quantize", str(checkpoint), "--texts", str(path), *map(str, words)])


def test_it_writes_a_folder_and_tells_what_was_lost(
    quantize: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to = tmp_path / "new" / "int8"
    assert quantize("--to", to, "--precision", "int8", "--limit", "0.5") == 0
    said = capsys.readouterr().out
    error = json.loads((to / "quantisation.json").read_text())["loss"]["logit_error"]
    assert f"wrote {to}\nrelative logit error {error:.2%} (limit 50.00%: passed)\n" in said
    assert "top-1 agreement" in said and "(1/" in said
    assert load_model(to).precision == "int8"


def test_json_is_what_the_folder_holds(
    quantize: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--precision", "int4", "--group", 16, "--embeddings", "int8", "--allow-loss", "--json")
    assert quantize("--to", tmp_path / "a", *words, "--label", "bug", "--label", "praise") == 0
    said = json.loads(capsys.readouterr().out)
    assert said == json.loads((tmp_path / "a" / "quantisation.json").read_text())
    assert (said["group_size"], said["embeddings"], said["probe"]) == (16, "int8", "texts.txt")
    assert said["loss"]["pairs"] == 2 * said["loss"]["texts"] == 8


def test_too_much_loss_is_an_error(
    quantize: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quantize("--to", tmp_path / "a", "--precision", "int4", "--limit", "0") == 1
    assert "nothing was written" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--limit", "5"], "must be from 0 to 1"),
        (["--limit", "nan"], "must be from 0 to 1"),
        (["--limit", "much"], "invalid share value"),
        (["--group", "0"], "must be at least 1"),
        (["--precision", "int2"], "invalid choice"),
    ],
)
def test_wrong_usage(
    words: list[str], message: str, quantize: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        quantize("--to", "never", "--precision", "int8", *words)
    assert message in capsys.readouterr().err


def test_labels_need_texts_and_letters(
    quantize: Callable[..., int], checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert quantize("--to", tmp_path / "a", "--precision", "int8", "--label", " ") == 1
    assert "--label is empty" in capsys.readouterr().err
    words = [
        "quantize",
        str(checkpoint),
        "--to",
        str(tmp_path / "a"),
        "--precision",
        "int8",
        "--label",
        "bug",
    ]
    assert cli.main(words) == 1
    assert "--label goes with --texts" in capsys.readouterr().err
