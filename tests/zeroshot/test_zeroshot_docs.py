"""The guide is true: its Python runs in order, and its command lines parse."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from tiny_models import make_checkpoint

from gristmill.cli import make_parser
from gristmill.zeroshot.templates import TEMPLATES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "zeroshot.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.M | re.S)


def test_the_python_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = {
        "typeform/distilbert-base-uncased-mnli": make_checkpoint(tmp_path / "nli", "distilbert"),
        "sentence-transformers/all-MiniLM-L6-v2": make_checkpoint(tmp_path / "encoder", "bert", classes=0),
    }
    names: dict[str, object] = {}
    for language, text in BLOCKS:
        if language == "python":
            for name, folder in models.items():
                text = text.replace(f'"{name}"', f'"{folder}"')
            text = text.replace("Shortlist.load(", 'Shortlist.load(engine="numpy", name=')
            text = text.replace("from_pretrained(", 'from_pretrained(engine="numpy", model=')
            exec(compile(text, "zeroshot.md", "exec"), names)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 1 + 2 + 1 + 1 + 2
    assert told[4].count("'") == 6  # two labels kept, one cut


def test_the_command_lines_parse() -> None:
    lines = [
        line.split("|")[-1].strip().removeprefix("$ ")
        for language, text in BLOCKS
        if language == "text"
        for line in text.splitlines()
        if "gristmill " in line
    ]
    assert len(lines) >= 8
    for line in lines:
        program, *words = shlex.split(line)
        assert program == "gristmill"
        make_parser([words[0]]).parse_args(words)


def test_the_number_of_templates_is_the_one_that_is_told() -> None:
    assert "one for each of seventy languages" in PAGE
    assert len(TEMPLATES) == 70
