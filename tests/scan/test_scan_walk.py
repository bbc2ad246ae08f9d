from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from gristmill.collect import swhid
from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError, SourceError
from gristmill.scan import walk


def write(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def test_files_are_seen_in_order_with_their_hashes(tmp_path: Path) -> None:
    tree = walk.look(write(tmp_path / "it", {"b/c.txt": b"two", "a.txt": b"one"}))
    assert tree.name == "it"
    assert not tree.is_file
    assert [one.path for one in tree.files] == ["a.txt", "b/c.txt"]
    first = tree.files[0]
    assert first.content_id == swhid.content_id(b"one")
    assert first.sha1 == hashlib.sha1(b"one").hexdigest()
    assert first.sha256 == hashlib.sha256(b"one").hexdigest()
    assert first.length == 3


def test_the_root_is_the_tree_that_git_would_write(tmp_path: Path) -> None:
    write(tmp_path, {"src/a.py": b"x = 1\n", "LICENSE": b"MIT\n"})
    (tmp_path / "link").symlink_to("src")
    for words in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    written = subprocess.run(["git", "write-tree"], cwd=tmp_path, check=True, capture_output=True, text=True)
    tree = walk.look(tmp_path)
    assert tree.root == f"swh:1:dir:{written.stdout.strip()}"
    assert not [one for one in tree.files if one.path.startswith(".git/")]


def test_links_are_not_followed_and_loops_end(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.txt": b"no"})
    root = write(tmp_path / "root", {"a/b.txt": b"yes"})
    (root / "out").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret.txt")
    (root / "a" / "loop").symlink_to(root)
    tree = walk.look(root)
    assert [one.path for one in tree.files if not one.is_link] == ["a/b.txt"]
    assert [one.path for one in tree.files if one.is_link] == ["a/loop", "file", "out"]


def test_the_path_itself_may_be_a_link(tmp_path: Path) -> None:
    write(tmp_path / "real", {"a": b"1"})
    (tmp_path / "link").symlink_to("real")
    tree = walk.look(tmp_path / "link")
    assert (tree.name, [one.path for one in tree.files]) == ("real", ["a"])


def test_one_file(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": b"1", "b.py": b"2"})
    tree = walk.look(tmp_path / "a.py")
    assert (tree.name, tree.is_file, [one.path for one in tree.files]) == ("a.py", True, ["a.py"])


@pytest.mark.parametrize(
    ("glob", "left"),
    [
        ("*.min.js", ["a.py", "lib/b.py", "lib/deep/d.py"]),
        ("lib/**", ["a.py", "c.min.js"]),
        ("lib/*.py", ["a.py", "c.min.js", "lib/deep/d.py"]),
        ("deep", ["a.py", "c.min.js", "lib/b.py"]),
        ("lib/", ["a.py", "c.min.js"]),
    ],
)
def test_excluded_paths_are_left_out(tmp_path: Path, glob: str, left: list[str]) -> None:
    paths = ["a.py", "c.min.js", "lib/b.py", "lib/deep/d.py", "lib/deep/e.min.js"]
    write(tmp_path, dict.fromkeys(paths, b"x"))
    kept = [one.path for one in walk.look(tmp_path, [glob, "e.min.js"]).files]
    assert kept == left


def test_what_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"good": b"1", "bad": b"2"})
    real = walk.directory.open_regular

    def refuse(path: bytes) -> int:
        if path.endswith(b"bad"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(walk.directory, "open_regular", refuse)
    tree = walk.look(tmp_path)
    assert tree.unread == (walk.Unread("bad", "Permission denied"),)
    assert [(one.path, bool(one.sha1)) for one in tree.files] == [("bad", False), ("good", True)]
    with pytest.raises(SourceError, match="Permission denied"):
        walk.look(tmp_path / "bad")


def test_names_that_are_not_utf8_differ(tmp_path: Path) -> None:
    for name in (b"x\xff", b"x\\xff"):
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    assert sorted(one.path for one in walk.look(tmp_path).files) == ["x\\xff", "x\\xff~"]


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"nope.*cannot be read.*name a folder or a file"):
        walk.look(tmp_path / "nope")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(SourceError, match="cannot be read"):
        walk.look(tmp_path / "loop")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="neither a folder nor a file"):
        walk.look(tmp_path / "pipe")


def test_limits(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"1", "b": b"2"})
    with pytest.raises(HostileInputError, match="more than 1 files"):
        walk.look(tmp_path, limits=Limits(max_entries=1))
    with pytest.raises(HostileInputError, match="not read in 0 s"):
        walk.look(tmp_path, limits=Limits(origin_timeout=0.0))


def test_a_file_that_changed_is_not_read_again(tmp_path: Path) -> None:
    write(tmp_path, {"a": b"one"})
    (seen,) = walk.look(tmp_path).files
    assert walk.read(seen, 100) == b"one"
    (tmp_path / "a").write_bytes(b"two")
    with pytest.raises(OSError, match="changed"):
        walk.read(seen, 100)
