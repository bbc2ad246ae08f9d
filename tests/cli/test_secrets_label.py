from __future__ import annotations

import io
import json
import os
import pty
import random
import select
import string
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import command


def token(seed: int) -> str:
    letters = string.ascii_letters + string.digits
    return "gl" + "pat-" + "".join(random.Random(seed).choices(letters, k=20))


TOKENS = [token(seed) for seed in range(5)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "it"
    (root / "tests").mkdir(parents=True)
    for number, one in enumerate(TOKENS):
        (root / "tests" / f"test_{number}.py").write_text(f"x = 1\nkey = '{one}'  # \x1b[31m\nx = 2\n")
    return root


@pytest.fixture
def label(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Answers by lines of standard input, and gives the marks in the file."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def run(answers: str, *words: object) -> list[str]:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{one}\n" for one in answers)))
        marks = tmp_path / "marks.jsonl"
        assert command("secrets", "label", folder, "--marks", marks, "--reviewer", "Ada", *words) == 0
        rows = marks.read_text().splitlines() if marks.exists() else []
        return [json.loads(row)["mark"] for row in rows]

    return run


def test_marks_are_kept_and_work_goes_on(
    label: Callable[..., list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert label("tuf?sq") == ["true", "undone", "false", "skipped"]
    told = capsys.readouterr().out
    assert "5 findings, 5 drawn, 0 marked already" in told
    assert "u undo" in told
    assert label("tt") == ["true", "undone", "false", "skipped", "true", "true"]
    assert "5 drawn, 2 marked already" in capsys.readouterr().out
    label("t")
    told = capsys.readouterr().out
    assert "all          high     0.750 (0.301 to 0.954) of 4" in told
    assert len(label("ttt")) == 7
    text = (tmp_path / "marks.jsonl").read_text()
    assert not [one for one in TOKENS if one in text]
    row = json.loads(text.splitlines()[0])
    assert (row["reviewer"], row["date"], row["path_class"]) == ("Ada", "2023-11-14", "test")


def test_marks_have_the_fingerprints_of_a_scan(
    label: Callable[..., list[str]], folder: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    label("ttttt")
    capsysbinary.readouterr()
    assert command("secrets", "scan", folder, "--format", "json") == 1
    found = json.loads(capsysbinary.readouterr().out)["findings"]
    marks = [json.loads(row) for row in (tmp_path / "marks.jsonl").read_text().splitlines()]
    assert {one["fingerprint"] for one in marks} == {one["fingerprint"] for one in found}


def test_without_a_terminal_no_value_is_shown(
    label: Callable[..., list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    label("ttttt")
    told = capsys.readouterr().out
    assert "test_4.py:2:8 key (gitlab-token)" in told
    assert not [one for one in TOKENS if one in told]


def test_count_and_types_choose(label: Callable[..., list[str]]) -> None:
    assert label("ttttt", "--types", "password") == []
    assert len(label("ttttt", "--count", "2")) == 2
    assert len(label("ttttt", "--exclude", "tests")) == 2


def test_a_terminal_shows_the_line_and_reads_keys(folder: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    words = ("secrets", "label", str(folder), "--marks", str(tmp_path / "m"), "--count", "1")
    child = subprocess.Popen(
        [sys.executable, "-m", "gristmill", *words], stdin=theirs, stdout=theirs, stderr=subprocess.PIPE
    )
    os.close(theirs)
    told = b""
    while b"q quit" not in told:
        assert select.select([ours], [], [], 100)[0]
        told += os.read(ours, 4096)
    os.write(ours, b"t")  # a key, without the end of a line
    assert child.wait(100) == 0
    assert child.stderr is not None and child.stderr.read() == b""
    child.stderr.close()
    os.close(ours)
    shown = [one for one in TOKENS if f"key = '>>>{one}<<<'  # \\x1b[31m".encode() in told]
    assert len(shown) == 1
    written = (tmp_path / "m").read_text()
    assert json.loads(written)["mark"] == "true"
    assert shown[0] not in written


def test_the_contents_of_a_workspace(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(f'[release]\nname = "x"\n[collect]\nsources = ["dir:{folder}"]\n')
    workspace = tmp_path / "workspace"
    assert command("build", recipe, "-w", workspace, "--workers", "1", "-q") == 0
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("t\nq\n"))
    assert command("secrets", "label", workspace, "--marks", tmp_path / "m") == 0
    told = capsys.readouterr().out
    assert "5 findings, 5 drawn" in told
    assert f"1/5 {folder.as_uri()}/tests/test_" in told
