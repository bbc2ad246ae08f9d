from __future__ import annotations

from pathlib import Path

import pytest
from committed import commit, git, new

from gristmill.errors import OriginError
from gristmill.secrets.staged import documents


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new(tmp_path / "it")


def read(path: Path, tmp_path: Path) -> dict[str, str]:
    found = {}
    for one in documents(path, tmp_path / "cache", []):
        with one.open() as stream:
            found[one.path] = stream.read(1 << 20).decode()
    return found


def test_what_the_index_changes(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "old", "b": "stays", "c": "goes", "d/e": "old e"}, 0)
    (root / "a").write_text("staged")
    (root / "odd\nname").write_text("odd")
    (root / "link").symlink_to("a")
    git(root, "add", "-A")
    git(root, "rm", "-q", "c")
    (root / "a").write_text("in the work tree only")
    (root / "d" / "e").write_text("not staged")
    expected = {"a": "staged", "odd\nname": "odd"}
    assert read(root, tmp_path) == expected
    assert read(root / "d", tmp_path) == expected


def test_the_first_commit(root: Path, tmp_path: Path) -> None:
    assert read(root, tmp_path) == {}
    (root / "a").write_text("first")
    (root / "b").write_text("second")
    git(root, "add", "a")
    git(root, "add", "--intent-to-add", "b")
    assert read(root, tmp_path) == {"a": "first"}


def test_the_index_of_a_hook(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(root, {"a": "old"}, 0)
    (root / "a").write_text("staged")
    git(root, "add", "a")
    (root / ".git" / "index").rename(tmp_path / "other")
    git(root, "reset", "-q")
    assert read(root, tmp_path) == {}
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "other"))
    assert read(root, tmp_path) == {"a": "staged"}


def test_linked_work_trees_and_sha256(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "old"}, 0)
    git(root, "worktree", "add", "-q", str(tmp_path / "linked"))
    (tmp_path / "linked" / "n").write_text("new")
    git(tmp_path / "linked", "add", "n")
    assert read(tmp_path / "linked", tmp_path) == {"n": "new"}
    assert read(root, tmp_path) == {}
    new(tmp_path / "wide", "--object-format=sha256")
    (tmp_path / "wide" / "a").write_text("wide")
    git(tmp_path / "wide", "add", "a")
    assert read(tmp_path / "wide", tmp_path) == {"a": "wide"}


def test_a_hostile_configuration_starts_nothing(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "old"}, 0)
    (root / ".gitattributes").write_text("* filter=bad diff=bad\n")
    (root / "a").write_text("new")
    blob = git(root, "hash-object", "-w", "--no-filters", "a")
    git(root, "update-index", "--cacheinfo", f"100644,{blob},a")
    for key in (
        "core.fsmonitor",
        "diff.external",
        "filter.bad.clean",
        "diff.bad.textconv",
        "diff.bad.command",
    ):
        git(root, "config", key, f"touch {tmp_path}/started; false")
    assert read(root, tmp_path) == {"a": "new"}
    assert not (tmp_path / "started").exists()


def test_what_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="not a git repository"):
        read(tmp_path, tmp_path)
