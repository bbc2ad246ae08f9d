"""The command that is written down: what the result depends on, and no more; no place of a file."""

from __future__ import annotations

import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gristmill.cli import make_parser
from gristmill.cli.evaluated import TOLD, command_line, describe
from gristmill.cli.labelled_pairs import read_pairs

ENGINE: Any = SimpleNamespace(name="numpy", precision="int8")
NOT_TOLD = {"data", "model", "run", "confusion", "confusions", "output", "replace", "json", "strict", "quiet",
            "revision", "device", "workers", "offline"}  # fmt: skip


def parsed(*words: object) -> Any:
    return make_parser(["evaluate"]).parse_args(["evaluate", *map(str, words)])


def test_every_option_is_told_or_means_nothing_for_the_result() -> None:
    assert set(vars(parsed("d.csv"))) == set(TOLD) | NOT_TOLD


@pytest.mark.parametrize(
    ("words", "rest"),
    [
        ([], ""),
        (["--engine", "auto", "-q", "--output", "o", "--seed", 0], ""),
        (["--multi-label", "--threshold", 0.4], "--multi-label --threshold 0.4 "),
        (["--label-map", "/deep/words.json", "--template", "It's {}."],
         "--label-map words.json --template 'It'\"'\"'s {}.' "),
        (["--task", "nli", "--nli-labels", "e,n,c", "--limit", 5, "--seed", 2],
         "--task nli --nli-labels e,n,c --limit 5 --seed 2 "),
    ],
)  # fmt: skip
def test_the_line(words: list[object], rest: str) -> None:
    line = command_line(parsed("/deep/d.csv", *words), ENGINE)
    assert line == f"gristmill evaluate d.csv --model MODEL {rest}--engine numpy --precision int8"
    make_parser(["evaluate"]).parse_args(shlex.split(line)[1:])


def test_rows_add_up(tmp_path: Path) -> None:
    path = tmp_path / "n.csv"
    path.write_text("premise,hypothesis,label\na,b,e\na,b,-\n,b,e\na,c,n\n")
    options = parsed(path, "--task", "nli", "--name", "set", "--split", "dev")
    found = describe(options, read_pairs(str(path)), 2, {"label": "label"}, ENGINE)
    assert (found.rows, found.sampled, found.no_gold, len(found.bad)) == (4, 2, 1, 1)
    assert (found.name, found.split, found.file) == ("set", "dev", "n.csv")
