from __future__ import annotations

import json
from pathlib import Path

import pytest
from planted import WANTED, password, token

from gristmill.errors import RecipeError
from gristmill.secrets.baseline import read_baseline, write_baseline
from gristmill.secrets.detect import Finding, detect
from gristmill.secrets.files import documents


def scan(folder: Path) -> list[Finding]:
    return detect(documents([folder], [], []), WANTED).findings


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "a.py").write_text(f"password = '{password(1)}'\nkey = '{token(2)}'\n")
    return tmp_path / "it"


def test_a_finding_that_moves_is_known_and_another_value_is_not(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "baseline.json"
    write_baseline(file, scan(folder))
    known = read_baseline(file)
    assert len(known) == 2
    text = (folder / "a.py").read_text()
    (folder / "a.py").write_text("# moved\n\n" + text)
    assert {one.fingerprint for one in scan(folder)} == known
    (folder / "a.py").write_text(text.replace(password(1), password(3)))
    assert len({one.fingerprint for one in scan(folder)} - known) == 1
    (folder / "b.py").write_text(text)
    assert len({one.fingerprint for one in scan(folder)} - known) == 3


def test_the_file_is_sorted_holds_no_value_and_finds_itself_clean(folder: Path, tmp_path: Path) -> None:
    file = folder / "baseline.json"
    findings = scan(folder)
    write_baseline(file, [*findings, *findings])
    written = file.read_text()
    write_baseline(file, reversed(findings))
    assert file.read_text() == written
    assert password(1) not in written
    assert token(2) not in written
    rows = json.loads(written)["findings"]
    assert [sorted(row) for row in rows] == [["fingerprint", "path", "rule", "type"]] * 2
    assert {one.path for one in scan(folder)} == {"a.py"}
    assert [one.name for one in folder.iterdir() if one.name.startswith(".baseline")] == []
    write_baseline(file, [])
    assert read_baseline(file) == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"schema": "other", "findings": []}',
        '{"schema": "gristmill-secret-baseline/1"}',
        '{"schema": "gristmill-secret-baseline/1", "findings": [{}]}',
        '{"schema": "gristmill-secret-baseline/1", "findings": [7]}',
        '{"schema": "gristmill-secret-baseline/1", "findings": [{"fingerprint": "abc"}]}',
        "[" * 100_000,
    ],
)
def test_what_is_no_baseline_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "b").write_text(text)
    with pytest.raises(RecipeError, match=str(tmp_path / "b")):
        read_baseline(tmp_path / "b")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_baseline(tmp_path / "none")
