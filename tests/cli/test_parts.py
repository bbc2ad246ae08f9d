"""Output in parts: what was added stays, what was not is cut off, and nothing of another run is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill.cli.parts import Done, OutputError, Parts

SETTINGS = {"input": "sha256:1", "labels": ["a"]}


def beside(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_parts_make_the_file_and_leave_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    out.write_text("old")
    with Parts(out, SETTINGS) as parts:
        parts.add(b"one\n", rows=1, failed=0)
        parts.add(b"two\n", rows=2, failed=1)
        assert out.read_text() == "old"
        assert parts.done == Done(rows=3, failed=1, bytes=8)
        parts.finish()
    assert out.read_bytes() == b"one\ntwo\n"
    assert beside(tmp_path) == ["o.jsonl"]


def test_an_interrupted_run_goes_on(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    with pytest.raises(KeyboardInterrupt), Parts(out, SETTINGS) as parts:
        parts.add(b"one\n", rows=4, failed=2)
        raise KeyboardInterrupt
    with (tmp_path / "o.jsonl.partial").open("ab") as file:
        file.write(b"half a par")
    with Parts(out, dict(reversed(SETTINGS.items()))) as parts:
        assert parts.done == Done(rows=4, failed=2, bytes=4)
        parts.add(b"two\n", rows=1, failed=0)
        parts.finish()
    assert out.read_bytes() == b"one\ntwo\n"


def test_another_run_is_refused_until_it_is_deleted(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    with Parts(out, SETTINGS) as parts:
        parts.add(b"one\n", rows=1, failed=0)
    for other in (SETTINGS | {"labels": ["b"]}, None):
        with pytest.raises(OutputError, match=r"begun with other input.*\(1 rows\)"):
            Parts(out, other)
    (tmp_path / "o.jsonl.partial").unlink()
    with Parts(out, SETTINGS | {"labels": ["b"]}) as parts:
        assert parts.done == Done()


def test_without_settings_a_run_begins_anew(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    for _ in range(2):
        with Parts(out, None) as parts:
            assert parts.done == Done()
            parts.add(b"one\n", rows=1, failed=0)
            assert beside(tmp_path) == ["o.jsonl.partial"]
    with Parts(out, None) as parts:
        parts.add(b"two\n", rows=1, failed=0)
        parts.finish()
    assert out.read_bytes() == b"two\n"


def test_two_processes_do_not_write_one_file(tmp_path: Path) -> None:
    out = tmp_path / "o.jsonl"
    with Parts(out, SETTINGS), pytest.raises(OutputError, match="another process is writing"):
        Parts(out, SETTINGS)
    with Parts(out, SETTINGS) as parts:
        parts.finish()
    assert out.read_bytes() == b""


def test_a_converted_output(tmp_path: Path) -> None:
    def shout(lines: Path, output: Path) -> None:
        output.write_bytes(lines.read_bytes().upper())

    with Parts(tmp_path / "o.parquet", SETTINGS) as parts:
        parts.add(b"one\n", rows=1, failed=0)
        parts.finish(shout)
    assert (tmp_path / "o.parquet").read_bytes() == b"ONE\n"
    assert beside(tmp_path) == ["o.parquet"]


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"key": 1, "rows": 0, "failed": 0, "bytes": 0}', '{"key": "k", "rows": -1}']
)
def test_a_damaged_side_file_is_told_of(tmp_path: Path, text: str) -> None:
    (tmp_path / "o.jsonl.progress").write_text(text)
    with pytest.raises(OutputError, match="damaged"):
        Parts(tmp_path / "o.jsonl", SETTINGS)


def test_parts_that_are_lost_are_made_again(tmp_path: Path) -> None:
    with Parts(tmp_path / "o.jsonl", SETTINGS) as parts:
        parts.add(b"one\n", rows=1, failed=0)
    side = json.loads((tmp_path / "o.jsonl.progress").read_text())
    assert (side["rows"], side["bytes"]) == (1, 4)
    (tmp_path / "o.jsonl.partial").write_bytes(b"on")
    with Parts(tmp_path / "o.jsonl", SETTINGS) as parts:
        assert parts.done == Done()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        Parts(tmp_path / "nowhere" / "o.jsonl", SETTINGS)
    (tmp_path / "d.jsonl").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        Parts(tmp_path / "d.jsonl", SETTINGS)
