from __future__ import annotations

from pathlib import Path

import pytest
from committed import commit, git, new

from gristmill.errors import OriginError
from gristmill.secrets.detect import Document
from gristmill.secrets.history import documents


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new(tmp_path / "it")


def read(root: Path, tmp_path: Path, unread: list[tuple[str, str]] | None = None) -> dict[str, Document]:
    complete = unread is None
    unread = [] if unread is None else unread
    found = {}
    for one in documents(root, tmp_path / "cache", unread):
        with one.open() as stream:
            text = stream.read(1 << 20).decode()
        assert text not in found
        found[text] = one
    assert not complete or unread == []
    return found


def test_every_content_once_with_its_first_commit(root: Path, tmp_path: Path) -> None:
    first = commit(root, {"a.txt": "one", "z.txt": "two"}, 0)
    second = commit(root, {"a.txt": "changed", "b/c.txt": "one"}, 60)
    (root / "a.txt").unlink()
    third = commit(root, {"copy.txt": "two", "new.txt": "three"}, 120)
    git(root, "checkout", "-q", "-b", "side", first)
    side = commit(root, {"s.txt": "three", "t.txt": "four"}, 90)
    git(root, "checkout", "-q", "main")
    found = read(root, tmp_path)
    assert {text: (one.path, one.commit and one.commit.id) for text, one in found.items()} == {
        "one": ("a.txt", first),
        "two": ("z.txt", first),
        "changed": ("a.txt", second),
        "three": ("s.txt", side),
        "four": ("t.txt", side),
    }
    assert third not in {one.commit.id for one in found.values() if one.commit}
    assert {one.commit.author_date for one in found.values() if one.commit} == {
        "2023-11-14T23:43:20+01:30",
        "2023-11-14T23:44:20+01:30",
        "2023-11-14T23:44:50+01:30",
    }


def test_tags_merges_and_what_only_a_merge_has(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "base"}, 0)
    git(root, "checkout", "-q", "-b", "side")
    commit(root, {"b": "side"}, 10)
    git(root, "checkout", "-q", "main")
    commit(root, {"c": "main"}, 20)
    git(root, "merge", "-q", "--no-commit", "side", at=30)
    merge = commit(root, {"a": "evil"}, 40)
    git(root, "checkout", "-q", "--detach")
    commit(root, {"d": "tagged only"}, 50)
    git(root, "tag", "-a", "-m", "x", "inner", at=50)
    git(root, "tag", "-a", "-m", "x", "outer", "inner", at=50)
    git(root, "tag", "-d", "inner")
    git(root, "checkout", "-q", "main")
    found = read(root, tmp_path)
    assert set(found) == {"base", "side", "main", "evil", "tagged only"}
    told = found["evil"].commit
    assert told is not None and told.id == merge


def test_links_and_submodules_are_no_contents(root: Path, tmp_path: Path) -> None:
    (root / "link").symlink_to("a")
    git(root, "update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
    git(root, "update-index", "--add", "link")
    git(root, "commit", "-q", "-m", "x", at=0)
    commit(root, {"a": "text"}, 1)
    assert set(read(root, tmp_path)) == {"text"}


def test_bare_repositories_and_sha256(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "text"}, 0)
    git(tmp_path, "clone", "-q", "--bare", str(root), "bare")
    assert set(read(tmp_path / "bare", tmp_path)) == {"text"}
    new(tmp_path / "wide", "--object-format=sha256")
    commit(tmp_path / "wide", {"a": "wide"}, 0)
    assert set(read(tmp_path / "wide", tmp_path)) == {"wide"}


def test_a_repository_without_commits_has_nothing(root: Path, tmp_path: Path) -> None:
    assert read(root, tmp_path) == {}


def test_what_is_no_repository(tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="not a git repository"):
        list(documents(tmp_path, tmp_path / "cache", []))


def test_missing_and_outsized_contents_are_told(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gristmill.secrets.history.MAX_BYTES", 100)
    commit(root, {"a": "here", "large": "x" * 101, "lost": "gone"}, 0)
    lost = git(root, "hash-object", "lost")
    (root / ".git" / "objects" / lost[:2] / lost[2:]).unlink()
    unread: list[tuple[str, str]] = []
    assert [one.path for one in documents(root, tmp_path / "cache", unread)] == ["a"]
    assert [path for path, _ in unread] == ["large", "lost"]
    assert unread[0][1].endswith(": too large")
    assert unread[1][1].endswith(": missing")


def test_a_shallow_clone_has_what_it_has(root: Path, tmp_path: Path) -> None:
    commit(root, {"a": "old"}, 0)
    commit(root, {"a": "new"}, 1)
    git(tmp_path, "clone", "-q", "--depth", "1", root.as_uri(), "shallow")
    unread: list[tuple[str, str]] = []
    assert set(read(tmp_path / "shallow", tmp_path, unread)) == {"new"}
    assert unread == [
        (
            str(tmp_path / "shallow"),
            "a shallow clone: history before it is not there; run git fetch --unshallow",
        )
    ]


@pytest.mark.parametrize("later", [0, -3600])
def test_a_commit_comes_after_its_parents_whatever_their_dates_say(
    root: Path, tmp_path: Path, later: int
) -> None:
    """Several moves: with equal dates the first commit would come first by chance, but seldom."""
    first = commit(root, {"name-0": "here and there"}, 0)
    for number in range(1, 6):
        git(root, "mv", f"name-{number - 1}", f"name-{number}")
        git(root, "commit", "-q", "-m", "moved", at=number * later)
    (one,) = read(root, tmp_path).values()
    assert one.path == "name-0"
    assert one.commit is not None
    assert one.commit.id == first


def test_odd_dates(root: Path, tmp_path: Path) -> None:
    (root / "a").write_text("a")
    git(root, "add", "a")
    git(root, "commit", "-q", "-m", "x", at=0, author="1700000000 +9999")
    (one,) = read(root, tmp_path).values()
    assert one.commit is not None
    assert one.commit.author_date == "2023-11-14T22:13:20+00:00"
