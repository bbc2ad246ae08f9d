"""The workspace folder: made once, held by one build, swept, and never mistaken for something else."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from gristmill.errors import WorkspaceError
from gristmill.workspace import FOLDERS, lock, open_workspace, sweep, write_text


def test_made_and_opened_again(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w")
    assert json.loads((tmp_path / "w/workspace.json").read_text()) == {"layout": 1}
    assert len(workspace.key()) == 32
    assert stat.S_IMODE(workspace.key_file.stat().st_mode) == 0o600
    assert open_workspace(tmp_path / "w", create=False).key() == workspace.key()
    assert open_workspace(tmp_path / "other").key() != workspace.key()
    assert not list(tmp_path.rglob("*.tmp"))


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w/thesis.tex").write_text("x")
    with pytest.raises(WorkspaceError, match="is not a gristmill workspace; choose another folder"):
        open_workspace(tmp_path / "w")
    assert [path.name for path in (tmp_path / "w").iterdir()] == ["thesis.tex"]
    (tmp_path / "file").write_text("x")
    with pytest.raises(WorkspaceError, match="choose another folder"):
        open_workspace(tmp_path / "file")
    (tmp_path / "cache/cache").mkdir(parents=True)
    (tmp_path / "cache/cache/mine").write_text("x")
    with pytest.raises(WorkspaceError, match="choose another folder"):
        open_workspace(tmp_path / "cache")


def test_a_making_that_was_broken_off_goes_on(tmp_path: Path) -> None:
    for name in FOLDERS[:2]:
        (tmp_path / "w" / name).mkdir(parents=True)
    (tmp_path / "w/key").write_bytes(b"k" * 32)
    assert open_workspace(tmp_path / "w").key() == b"k" * 32


def test_what_does_not_exist_is_not_made_for_a_reader(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="not a gristmill workspace; run: gristmill build"):
        open_workspace(tmp_path / "w", create=False)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"layout": 2}', '{"layout": "1"}'])
def test_a_damaged_or_foreign_marker(tmp_path: Path, text: str) -> None:
    open_workspace(tmp_path)
    (tmp_path / "workspace.json").write_text(text)
    with pytest.raises(WorkspaceError, match=r"use a new workspace"):
        open_workspace(tmp_path)


@pytest.mark.parametrize("data", [None, b"", b"short"])
def test_a_lost_key_is_an_error_and_not_a_new_key(tmp_path: Path, data: bytes | None) -> None:
    workspace = open_workspace(tmp_path)
    workspace.key_file.unlink() if data is None else workspace.key_file.write_bytes(data)
    with pytest.raises(WorkspaceError, match=r"key: .*restore it, or use a new workspace"):
        open_workspace(tmp_path).key()


def test_the_lock_of_a_killed_build_is_free(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    script = (
        "import os, pathlib, signal, sys\nfrom gristmill.workspace import *\n"
        "with lock(Workspace(pathlib.Path(sys.argv[1]))):\n    print(os.getpid(), flush=True)\n    signal.pause()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        holder = child.stdout.readline().strip()
        with (
            pytest.raises(WorkspaceError, match=rf"another build \(process {holder}\) is running"),
            lock(workspace),
        ):
            pass
        child.kill()
    with lock(workspace):
        pass


def test_sweep_removes_what_is_unfinished_and_nothing_else(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    for name in ("stages/s/.k.1.tmp", "releases/.r-1.1.tmp", "stages/s/k", "releases/r-1", "cache/.c.tmp"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_text("x")
    (tmp_path / "spill/duckdb.tmp").write_text("x")
    sweep(workspace)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("file")}
    assert left == {"stages/s/k/file", "releases/r-1/file", "cache/.c.tmp/file"}
    assert not list(workspace.spill.iterdir())


@pytest.mark.parametrize("stands", [True, False])
def test_sweep_puts_back_a_release_that_was_set_aside(tmp_path: Path, stands: bool) -> None:
    workspace = open_workspace(tmp_path)
    old = workspace.releases / ".r-1.0.0.77.old"
    old.mkdir()
    (old / "old").write_text("x")
    if stands:
        (workspace.releases / "r-1.0.0").mkdir()
    sweep(workspace)
    assert [path.name for path in workspace.releases.iterdir()] == ["r-1.0.0"]
    assert (workspace.releases / "r-1.0.0/old").exists() is not stands


def test_the_catalogue_reads_back(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path)
    with pytest.raises(WorkspaceError, match="nothing was built here yet"):
        workspace.read_catalogue()
    files = {"facts": [workspace.stages / "facts/k/facts.parquet"], "empty": []}
    workspace.write_catalogue(files)
    assert workspace.read_catalogue() == files
    assert str(tmp_path) not in (tmp_path / "catalogue.json").read_text()
    (tmp_path / "catalogue.json").write_text("[1]")
    with pytest.raises(WorkspaceError, match=r"catalogue\.json: damaged"):
        workspace.read_catalogue()


def test_write_text_leaves_the_old_text_if_it_fails(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "one")
    with pytest.raises(UnicodeEncodeError):
        write_text(tmp_path / "a", "\udc80")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "one")]
