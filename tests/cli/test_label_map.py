"""Words for labels: in the labels' order; a label left out, two with the same words and bad files are errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.cli.label_map import read_words
from gristmill.errors import LabelError


def test_words_in_the_labels_order(tmp_path: Path) -> None:
    path = tmp_path / "map.json"
    path.write_text('\ufeff{"b": "bug report", "q": "question", "unused": "x"}')
    assert read_words(path, ["q", "b"]) == ["question", "bug report"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"bugs": "x", "q": "y"}', r"no words for the label 'bug'; did you mean 'bugs'\?"),
        ('{"bug": "x", "q": "x"}', r"'bug' and 'q' have the same words 'x'"),
        ('{"bug": 3, "q": "x"}', r"the value of 'bug' is 3"),
        ('{"bug": " ", "q": "x"}', r"the value of 'bug' is empty"),
        ('{"bug": "x", "bug": "y"}', r"'bug' stands there twice"),
        ('["x"]', r"must hold a JSON object"),
        ("{", r"write it as a JSON object of strings"),
        ("[" * 100_000, r"write it as a JSON object of strings"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "map.json").write_text(text)
    with pytest.raises(LabelError, match=message):
        read_words(tmp_path / "map.json", ["bug", "q"])


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match="cannot be read"):
        read_words(tmp_path / "nowhere.json", ["a"])
