"""Tests of gristmill.cli.secrets: a path cannot write lines of its own into what a person reads."""

from __future__ import annotations

import random
import string
from pathlib import Path

import pytest

from gristmill.cli import main


def test_a_line_feed_in_a_path_begins_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    token = "gl" + "pat-" + "".join(random.Random(1).choices(string.ascii_letters, k=20))
    (tmp_path / "a\nfindings: none").write_text(f"k = '{token}'\n")
    monkeypatch.chdir(tmp_path)
    assert main(["secrets", "scan"]) == 1
    told = capsysbinary.readouterr().out.decode().splitlines()
    assert len(told) == 2
    assert told[0].startswith("a\\x0afindings: none:1:6: key ")
    assert told[1].startswith("findings: 1 key")
