"""Last good states: they read back whole, or not at all."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import pytest

from gristmill.collect.reader import Source, State
from gristmill.collect.states import load_state, save_state


@pytest.fixture
def state(tmp_path: Path) -> State:
    (tmp_path / "local").mkdir()
    moment = dt.datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=dt.UTC)
    origin = {
        "origin_id": "0" * 40,
        "url": "file:///ü",
        "kind": "git",
        "name": "n",
        "created_at": moment,
        "stars": None,
    }
    return State(
        Source("git", "ü", {"ref": "main"}),
        "abc",
        tmp_path / "local",
        origin,
        "main",
        moment,
        {"commit": "c"},
    )


def test_what_is_saved_reads_back(tmp_path: Path, state: State) -> None:
    save_state(tmp_path, state)
    assert load_state(tmp_path, state.source) == state
    later = replace(state, state="def", branch=None, date=None)
    save_state(tmp_path, later)
    assert load_state(tmp_path, state.source) == later


def test_what_is_known_is_not_written_again(tmp_path: Path, state: State) -> None:
    save_state(tmp_path, state)
    (file,) = tmp_path.glob("*.json")
    first = file.stat().st_ino
    save_state(tmp_path, state)
    assert file.stat().st_ino == first
    file.write_bytes(b"\xff")
    save_state(tmp_path, state)
    assert load_state(tmp_path, state.source) == state


def test_another_source_has_no_state(tmp_path: Path, state: State) -> None:
    save_state(tmp_path, state)
    assert load_state(tmp_path, Source("git", "ü", {})) is None
    assert load_state(tmp_path, Source("dir", "ü", {"ref": "main"})) is None


def test_without_its_bytes_a_state_is_of_no_use(tmp_path: Path, state: State) -> None:
    save_state(tmp_path, state)
    state.local.rmdir()
    assert load_state(tmp_path, state.source) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"source": ["git"]}', "\x00"])
def test_a_damaged_file_is_no_state(tmp_path: Path, state: State, text: str) -> None:
    save_state(tmp_path, state)
    (path,) = tmp_path.glob("*.json")
    path.write_text(text)
    assert load_state(tmp_path, state.source) is None
