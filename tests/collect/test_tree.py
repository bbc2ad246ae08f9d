from __future__ import annotations

import subprocess
import tempfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.collect import swhid
from gristmill.collect.tree import build_tree
from gristmill.errors import OriginError

NAMES = st.sampled_from([b"a", b"a.b", b"a-b", b"a0", b"lib", b"lib.c", b"\xff\xfe", "é".encode(), b"Z z"])
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(b"/".join)
MODES = st.sampled_from([swhid.FILE_MODE, swhid.EXECUTABLE_MODE, swhid.SYMLINK_MODE])


@st.composite
def flat_trees(draw: st.DrawFn) -> dict[bytes, tuple[int, bytes]]:
    """Paths with modes and bodies, none of them also the folder of another."""
    drawn = draw(st.dictionaries(PATHS, st.tuples(MODES, st.binary(max_size=8)), max_size=12))
    return {p: v for p, v in drawn.items() if not any(other.startswith(p + b"/") for other in drawn)}


def git(folder: str, *arguments: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(
        ["git", "-C", folder, *arguments], input=stdin, capture_output=True, check=True
    ).stdout


def leaf(path: bytes, mode: int = swhid.FILE_MODE, body: bytes = b"x") -> swhid.TreeEntry:
    return swhid.TreeEntry(path, mode, swhid.content_id(body))


@settings(max_examples=12, deadline=None)
@given(flat_trees())
def test_root_is_what_git_write_tree_gives(files: dict[bytes, tuple[int, bytes]]) -> None:
    leaves = [leaf(path, mode, body) for path, (mode, body) in files.items()]
    index = b"".join(b"%o %s\t%s\0" % (e.mode, e.target.encode(), e.name) for e in leaves)
    with tempfile.TemporaryDirectory() as folder:
        git(folder, "init", "-q", "--bare")
        git(folder, "update-index", "-z", "--index-info", stdin=index)
        expected = git(folder, "write-tree", "--missing-ok").decode().strip()
        tree = build_tree(leaves)
        assert tree.root == expected
        for directory, entries in tree.directories.items():
            listed = git(folder, "ls-tree", "-z", directory).split(b"\0")[:-1]
            ours = [(e.mode, e.target, e.name) for e in entries]
            theirs = [
                (int(mode, 8), target.decode(), name)
                for head, _, name in (line.partition(b"\t") for line in listed)
                for mode, _, target in [head.split(b" ")]
            ]
            assert ours == theirs


def test_order_of_leaves_does_not_matter() -> None:
    leaves = [leaf(b"a/b"), leaf(b"a.c"), leaf(b"a/c/d"), leaf(b"b")]
    assert build_tree(leaves) == build_tree(reversed(leaves))


def test_nothing_is_the_empty_directory() -> None:
    tree = build_tree([])
    assert tree.root == swhid.EMPTY_DIRECTORY_ID
    assert list(tree.rows()) == []


def test_equal_directories_are_listed_once() -> None:
    tree = build_tree([leaf(b"one/f"), leaf(b"two/f")])
    assert len(tree.directories) == 2
    assert [row[2] for row in tree.rows()].count("dir") == 2


def test_submodules_are_revisions() -> None:
    tree = build_tree([swhid.TreeEntry(b"sub", swhid.SUBMODULE_MODE, "ab" * 20)])
    assert [row[2] for row in tree.rows()] == ["rev"]


@pytest.mark.parametrize("path", [b"", b"/a", b"a//b", b"../a", b"a/./b", b"a/..", b"a\0b"])
def test_paths_that_lead_elsewhere_are_refused(path: bytes) -> None:
    with pytest.raises(OriginError, match="cannot be the name"):
        build_tree([leaf(path)])


@pytest.mark.parametrize("paths", [(b"a", b"a"), (b"a", b"a/b")])
def test_a_name_cannot_stand_twice(paths: tuple[bytes, bytes]) -> None:
    with pytest.raises(OriginError, match="twice"):
        build_tree([leaf(path) for path in paths])
