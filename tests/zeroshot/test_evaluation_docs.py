"""docs/evaluation.md is true: its command lines parse, its facts are all there are, its tables are those of the files."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import msgspec
import pytest
from tiny_models import make_checkpoint

from gristmill.cli import main, make_parser
from gristmill.zeroshot.card.facts import Compute, DataSet, Examples, Facts, parse_facts
from gristmill.zeroshot.evaluate.folder import FILES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "evaluation.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("docs") / "model", "distilbert")


def test_the_command_lines_parse() -> None:
    lines = [line for language, text in BLOCKS if language == "text" for line in text.splitlines()]
    assert len(lines) >= 6
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "gristmill"
        make_parser([words[0]]).parse_args(words)


def test_the_python_runs(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = (text for language, text in BLOCKS if language == "python")
    text = text.replace('"typeform/distilbert-base-uncased-mnli"', f'"{checkpoint}", engine="numpy"')
    exec(compile(text, "evaluation.md", "exec"), {})
    assert "Estimate(value=" in capsys.readouterr().out


def test_the_facts_are_all_there_are() -> None:
    (text,) = (text for language, text in BLOCKS if language == "toml")
    values = tomllib.loads(text)
    parse_facts(values, "card.toml")
    for kind, there in (
        (Facts, values),
        (DataSet, values["datasets"][0]),
        (Compute, values["compute"]),
        (Examples, values["examples"]),
    ):
        assert set(there) == {field.name for field in msgspec.structs.fields(kind)}


def test_the_files_and_keys_are_those_that_are_written(checkpoint: Path, tmp_path: Path) -> None:
    rows = [json.dumps({"text": f"text {n}", "label": "ab"[n % 2]}) for n in range(6)]
    (tmp_path / "d.jsonl").write_text("\n".join(rows))
    words = ["evaluate", str(tmp_path / "d.jsonl"), "--model", str(checkpoint), "--engine", "numpy", "-q"]
    assert main([*words, "--output", str(tmp_path / "o")]) == 0
    listed = [
        name for row in re.findall(r"^\| (`.*?) \|", PAGE, re.M) for name in re.findall(r"`([\w.]+)`", row)
    ]
    assert listed[:4] == list(FILES)
    written = json.loads((tmp_path / "o" / "evaluation.json").read_bytes())
    assert set(listed[4:]) == set(written)
