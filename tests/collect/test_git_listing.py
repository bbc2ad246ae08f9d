"""Tests of gristmill.collect.git.listing, .walk and .rows: the tables agree with git, object by object."""

from __future__ import annotations

import datetime as dt
import shutil
import zlib
from pathlib import Path
from typing import Any

import pytest
from git_repository import (
    ANN,
    CARL,
    EXECUTABLE,
    SUBMODULE,
    SYMLINK,
    commit,
    context,
    git,
    listing,
    loose,
    new_repository,
    source,
    word,
)

from gristmill.collect import swhid
from gristmill.collect.git import list_objects, resolve
from gristmill.collect.people import Pseudonymiser
from gristmill.errors import HostileInputError, OriginError
from gristmill.tables import TABLES

ODD = b"odd \xff\n\\name"
ELSEWHERE = b"c" * 40
FILES: dict[bytes, bytes | tuple[int, bytes]] = {
    b"README": b"hello\n",
    b"empty": b"",
    b"run.sh": (EXECUTABLE, b"#!/bin/sh\n"),
    b"link": (SYMLINK, b"../README"),
    b"module": (SUBMODULE, ELSEWHERE),
    b"src/a.c": b"int a;\n",
    b"src/deep/er/b.c": b"int b;\n",
    b"src.c": b"sorts between src/ and src",
    "src/\u00fcber.c".encode(): b"int a;\n",
    b"src/" + ODD: b"bytes\n",
    b"copy/a.c": b"int a;\n",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_repository(tmp_path_factory.mktemp("built") / "repo.git", "--bare")
    commit(path, FILES)
    return path


@pytest.fixture
def repository(built: Path, tmp_path: Path) -> Path:
    """One commit with a file of each kind, to be changed at will."""
    return Path(shutil.copytree(built, tmp_path / "repo.git"))


def ls_tree(where: Path, commit_id: str) -> dict[bytes, tuple[int, str, int]]:
    """What git itself lists: mode, id and size (-1 for a submodule) by path."""
    found = {}
    for record in git(where, "ls-tree", "-r", "-z", "--long", commit_id).split(b"\0")[:-1]:
        head, path = record.split(b"\t", 1)
        mode, _, object_id, size = head.split()
        found[path] = int(mode, 8), object_id.decode(), -1 if size == b"-" else int(size)
    return found


def raw_path(row: dict[str, Any]) -> bytes:
    raw: bytes | None = row["path_raw"]
    return row["path"].encode() if raw is None else raw


def test_shapes_order_and_batches(repository: Path, tmp_path: Path) -> None:
    at = context(tmp_path)
    batches = list(list_objects(resolve(source(repository), at), at))
    names = [name for name, _ in batches]
    assert names == ["origins", "snapshots", "revisions", "directories", "entries", "visits"]
    schemas = {table.name: table.schema for table in TABLES}
    for name, batch in batches:
        assert batch.schema == schemas[name]
        batch.validate(full=True)
        for field, column in zip(batch.schema, batch.columns, strict=True):
            assert field.nullable or column.null_count == 0


def test_entries_are_gits(repository: Path, tmp_path: Path) -> None:
    state, rows = listing(repository, context(tmp_path))
    commit_id = state.details["commit"]
    found = {raw_path(r): (r["perms"], r["content_id"], r["length"]) for r in rows["entries"]}
    assert found == ls_tree(repository, commit_id)
    assert [raw_path(r) for r in rows["entries"]] == list(ls_tree(repository, commit_id))
    assert {r["anchor"] for r in rows["entries"]} == {f"swh:1:rev:{commit_id}"}
    assert all(r["head"] and r["skipped"] is None for r in rows["entries"])
    by_path = {raw_path(r): r for r in rows["entries"]}
    assert by_path[b"link"]["type"] == "symlink"
    assert by_path[b"link"]["content_id"] == swhid.content_id(b"../README")
    assert (by_path[b"module"]["type"], by_path[b"module"]["content_id"]) == ("submodule", ELSEWHERE.decode())
    odd = by_path[b"src/" + ODD]
    assert odd["path"] == "src/odd \\xff\n\\name"
    assert odd["name"] == "odd \\xff\n\\name"
    assert by_path["src/\u00fcber.c".encode()]["path_raw"] is None


def test_directories_recompute_to_their_ids(repository: Path, tmp_path: Path) -> None:
    state, rows = listing(repository, context(tmp_path))
    trees: dict[str, list[swhid.TreeEntry]] = {}
    for r in rows["directories"]:
        trees.setdefault(r["directory_id"], []).append(swhid.TreeEntry(r["name"], r["perms"], r["target"]))
    assert {i: swhid.directory_id(e) for i, e in trees.items()} == {i: i for i in trees}
    root = word(repository, "rev-parse", "HEAD^{tree}")
    assert {r["directory_id"] for r in rows["entries"]} == {root} == {rows["revisions"][0]["directory_id"]}
    assert len(trees) == 5  # root, src, src/deep, src/deep/er, copy
    assert {r["type"] for r in rows["directories"]} == {"file", "dir", "rev"}
    assert rows["visits"][0]["status"] == "full"
    assert rows["visits"][0]["anchor"] == f"swh:1:rev:{state.details['commit']}"


def test_revision_row(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    message = b"Caf\xe9\n\nReported by bob@example.org\nSigned-off-by: " + ANN.encode() + b"\n"
    commit_id = commit(path, {b"a": b"a"}, message=message, date=1_700_000_000)
    people = Pseudonymiser(b"key")
    (row,) = listing(path, context(tmp_path))[1]["revisions"]
    when = dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)
    assert row == {
        "revision_id": commit_id,
        "directory_id": word(path, "rev-parse", "HEAD^{tree}"),
        "parents": [],
        "author": people.pseudonym(ANN.encode()),
        "author_date": when,
        "author_offset": "+0200",
        "committer": people.pseudonym(CARL.encode()),
        "committer_date": when,
        "committer_offset": "-0530",
        "message": people.scrub_message(message),
        "verified": True,
    }
    assert b"example.org" not in row["message"]
    (open_row,) = listing(path, context(tmp_path, people_key=None))[1]["revisions"]
    assert (open_row["author"], open_row["message"]) == (ANN, message)


def test_snapshot_and_releases(repository: Path, tmp_path: Path) -> None:
    head = word(repository, "rev-parse", "HEAD")
    other = commit(repository, {b"x": b"x"}, branch="other")
    git(repository, "tag", "light", head)
    git(repository, "tag", "-a", "-m", "one", "v1", head)
    git(repository, "tag", "-a", "-m", "of a tag", "v1-signed", "v1")
    git(repository, "tag", "-a", "-m", "two", "v2", other)
    git(repository, "tag", "-a", "-m", "a blob", "key", f"{head}:README")
    git(repository, "tag", "tree", f"{head}^{{tree}}")
    for ref in ("pull/1/merge", "pull/1/head", "merge-requests/2/merge", "pipelines/3", "changes/04/4/1"):
        git(repository, "update-ref", f"refs/{ref}", other)
    _, rows = listing(repository, context(tmp_path))
    assert {r["branch"]: (r["target_type"], r["target"]) for r in rows["snapshots"]} == {
        b"HEAD": ("alias", b"refs/heads/main".hex()),
        b"refs/heads/main": ("revision", head),
        b"refs/heads/other": ("revision", other),
        b"refs/pull/1/head": ("revision", other),
        b"refs/tags/key": ("release", word(repository, "rev-parse", "key")),
        b"refs/tags/light": ("revision", head),
        b"refs/tags/tree": ("directory", word(repository, "rev-parse", f"{head}^{{tree}}")),
        b"refs/tags/v1": ("release", word(repository, "rev-parse", "v1")),
        b"refs/tags/v1-signed": ("release", word(repository, "rev-parse", "v1-signed")),
        b"refs/tags/v2": ("release", word(repository, "rev-parse", "v2")),
    }
    branches = [swhid.Branch(r["branch"], r["target_type"], r["target"]) for r in rows["snapshots"]]
    assert {r["snapshot_id"] for r in rows["snapshots"]} == {swhid.snapshot_id(branches)}
    assert rows["visits"][0]["snapshot_id"] == swhid.snapshot_id(branches)
    releases = {r["name"]: r for r in rows["releases"]}
    assert releases.keys() == {b"v1", b"v1-signed"}  # v2 points to a revision that is not listed
    assert releases[b"v1"]["target"] == head
    assert releases[b"v1-signed"]["target"] == releases[b"v1"]["release_id"]
    assert releases[b"v1-signed"]["target_type"] == "release"
    assert releases[b"v1"]["date"] == dt.datetime.fromtimestamp(1_700_000_000, dt.UTC)


def test_head_that_points_nowhere_or_is_detached(repository: Path, tmp_path: Path) -> None:
    head = word(repository, "rev-parse", "HEAD")
    git(repository, "symbolic-ref", "HEAD", "refs/heads/unborn")
    _, rows = listing(repository, context(tmp_path), ref="main")
    assert [r["branch"] for r in rows["snapshots"]] == [b"refs/heads/main"]  # as git advertises it
    git(repository, "update-ref", "refs/changes/1", head)
    git(repository, "symbolic-ref", "HEAD", "refs/changes/1")
    _, rows = listing(repository, context(tmp_path), ref="main")
    types = {r["branch"]: r["target_type"] for r in rows["snapshots"]}
    assert types == {b"HEAD": "alias", b"refs/changes/1": "dangling", b"refs/heads/main": "revision"}
    git(repository, "update-ref", "--no-deref", "HEAD", head)
    _, rows = listing(repository, context(tmp_path))
    assert [(r["branch"], r["target"]) for r in rows["snapshots"]] == [
        (b"HEAD", head),
        (b"refs/heads/main", head),
    ]


@pytest.fixture(scope="module")
def merged_built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A history with a rename, a mode change, a file that becomes a directory, and an evil merge."""
    path = new_repository(tmp_path_factory.mktemp("built") / "merged")
    c = {}
    c["root"] = commit(path, {b"a": b"1", b"d/x": b"x", b"keep": b"k"}, date=1000)
    c["left"] = commit(path, {b"a": b"2", b"d/x": b"x", b"keep": b"k"}, [c["root"]], 2000)
    c["right"] = commit(
        path, {b"a": b"1", b"d/y": b"x", b"keep": (EXECUTABLE, b"k")}, [c["root"]], 3000, branch="r"
    )
    c["merge"] = commit(
        path, {b"a": b"2", b"d/y": b"x", b"d/evil": b"!", b"keep": b"k"}, [c["left"], c["right"]], 4000
    )
    c["swap"] = commit(path, {b"a/b": b"2", b"d": b"1", b"keep": b"k"}, [c["merge"]], 5000)
    c["undo"] = commit(path, {b"a/b": b"2", b"d": b"1", b"keep": b"k", b"a2": b"1"}, [c["swap"]], 6000)
    return path, c


@pytest.fixture
def merged(merged_built: tuple[Path, dict[str, str]], tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A copy of `merged_built`, to be changed at will."""
    shutil.copytree(merged_built[0], tmp_path / "merged")
    return tmp_path / "merged", merged_built[1]


def test_history_is_what_each_revision_introduced(
    merged: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    path, c = merged
    git(path, "tag", "-a", "-m", "old", "old", c["left"])
    state, rows = listing(path, context(tmp_path), history="all")
    found = {
        (name, raw_path(r).decode())
        for name, commit_id in c.items()
        for r in rows["entries"]
        if not r["head"] and r["anchor"] == f"swh:1:rev:{commit_id}"
    }
    assert found == {
        *(("root", "a"), ("root", "d/x"), ("root", "keep"), ("left", "a"), ("right", "d/y")),
        *(("merge", "d/evil"), ("swap", "a/b"), ("swap", "d")),
    }
    keys = [(r["anchor"], r["path"]) for r in rows["entries"]]
    assert len(keys) == len(set(keys))
    assert {r["path"] for r in rows["entries"] if r["head"]} == {"a/b", "d", "keep", "a2"}
    assert {r["revision_id"] for r in rows["revisions"]} == set(c.values())
    parents = {r["revision_id"]: r["parents"] for r in rows["revisions"]}
    assert parents[c["merge"]] == [c["left"], c["right"]]
    assert [r["name"] for r in rows["releases"]] == [b"old"]
    trees = {r["revision_id"]: r["directory_id"] for r in rows["revisions"]}
    assert all(r["directory_id"] == trees[r["anchor"][10:]] for r in rows["entries"])
    assert len(listing(path, context(tmp_path), history="all", ref="r")[1]["revisions"]) == 2
    assert state.details["history"] == "all"


def test_history_agrees_with_diff_tree(merged: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    path, _ = merged
    _, rows = listing(path, context(tmp_path), history="all", ref="main")
    tip = word(path, "rev-parse", "main")
    found = {(r["anchor"][10:], raw_path(r), r["content_id"]) for r in rows["entries"] if not r["head"]}
    expected = set()
    for commit_id in git(path, "rev-list", f"{tip}^@").decode().split():
        shown = git(
            path, "diff-tree", "-r", "--root", "-c", "-z", "--no-commit-id", "--no-renames", commit_id
        )
        fields = iter(shown.split(b"\0")[:-1])
        for header in fields:
            sides = header.count(b":")
            words = header.lstrip(b":").split()
            olds, new = words[sides + 1 : 2 * sides + 1], words[2 * sides + 1]
            name = next(fields)
            if new != b"0" * 40 and new not in olds:
                expected.add((commit_id, name, new.decode()))
    assert found == expected
    assert len(found) == 8


def test_shallow_clone_is_whole_as_far_as_it_goes(
    merged: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    path, c = merged
    git(tmp_path, "clone", "-q", "--bare", "--depth", "2", "-b", "main", path.as_uri(), "shallow.git")
    _, rows = listing(tmp_path / "shallow.git", context(tmp_path), history="all")
    assert [r["revision_id"] for r in rows["revisions"]] == [c["undo"], c["swap"]]
    assert rows["visits"][0]["status"] == "full"
    with pytest.raises(OriginError, match="shallow clone"):
        resolve(source(tmp_path / "shallow.git", date="1969-12-31"), context(tmp_path))


def test_missing_and_corrupt_objects_cost_only_themselves(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    first = commit(path, {b"a": b"1"}, date=1)
    second = commit(path, {b"a": b"2"}, [first], 2)
    tip = commit(path, {b"a": b"3", b"b": b"b", b"c": b"c", b"d/x": b"x", b"e/y": b"y"}, [second], 3)
    ids = {name: word(path, "rev-parse", f"{tip}:{name}") for name in ("a", "b", "c", "d", "e")}
    loose(path, ids["a"]).unlink()
    loose(path, ids["b"]).write_bytes(b"not even zlib")
    other = loose(path, ids["e"]).read_bytes()  # a tree under another tree's id: git does not mind
    loose(path, ids["d"]).write_bytes(other)
    forged = b"tree %s\nauthor E <e@e> 9 +0000\ncommitter E <e@e> 9 +0000\n\nforged" % (
        word(path, "rev-parse", f"{tip}^{{tree}}").encode()
    )
    loose(path, first).write_bytes(zlib.compress(b"commit %d\0%s" % (len(forged), forged)))
    assert git(path, "cat-file", "commit", first) == forged
    _, rows = listing(path, context(tmp_path), history="all")
    skipped = {r["path"]: r["skipped"] for r in rows["entries"] if r["head"]}
    assert skipped == {"a": "missing", "b": "corrupt", "c": None, "e/y": None}
    assert {r["revision_id"]: r["verified"] for r in rows["revisions"]} == {
        tip: True,
        second: True,
        first: False,
    }
    (visit,) = rows["visits"]
    assert visit["status"] == "partial"
    assert visit["message"] == "1 directories corrupt; 1 files corrupt; 1 files missing; 1 revisions corrupt"
    with pytest.raises(OriginError, match="corrupt"):
        resolve(source(path, ref=first), context(tmp_path))
    loose(path, second).unlink()
    _, rows = listing(path, context(tmp_path), history="all")
    assert [r["revision_id"] for r in rows["revisions"]] == [tip]
    assert "1 revisions missing" in rows["visits"][0]["message"]
    loose(path, word(path, "rev-parse", f"{tip}^{{tree}}")).unlink()
    with pytest.raises(OriginError, match="root directory"):
        listing(path, context(tmp_path))


def test_refs_to_missing_objects_dangle(repository: Path, tmp_path: Path) -> None:
    other = commit(repository, {b"x": b"x"}, branch="other")
    loose(repository, other).unlink()
    _, rows = listing(repository, context(tmp_path))
    assert ("dangling", None) in {(r["target_type"], r["target"]) for r in rows["snapshots"]}
    assert rows["visits"][0]["message"] == "1 targets of refs missing"


def test_limits(repository: Path, tmp_path: Path) -> None:
    _, rows = listing(repository, context(tmp_path, max_content_bytes=7))
    skipped = {r["path"]: (r["skipped"], r["length"]) for r in rows["entries"]}
    assert skipped["src.c"] == ("too_large", 26)
    assert skipped["src/a.c"] == (None, 7)
    assert rows["visits"][0]["status"] == "full"  # nothing is missing
    _, rows = listing(repository, context(tmp_path, max_path_bytes=11, max_depth=1))
    assert {r["path"] for r in rows["entries"] if "/" in r["path"]} == {
        "src/a.c",
        "src/\u00fcber.c",
        "copy/a.c",
    }
    assert rows["visits"][0]["message"] == "1 directories too deep; 1 paths too long"
    total = len(FILES) + 4  # and the directories below the root
    assert len(listing(repository, context(tmp_path, max_entries=total))[1]["entries"]) == len(FILES)
    with pytest.raises(HostileInputError, match=r"max_entries \(14\)"):
        listing(repository, context(tmp_path, max_entries=total - 1))


def test_a_bomb_of_trees_is_cut_off(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "bomb")
    tree = word(path, "mktree", data=b"")
    for _ in range(12):  # 10^12 paths in 12 small trees, and not one file
        tree = word(
            path, "mktree", data=b"".join(b"040000 tree %s\t%d\n" % (tree.encode(), i) for i in range(10))
        )
    commit_id = word(path, "commit-tree", tree, "-m", "bomb")
    git(path, "update-ref", "refs/heads/main", commit_id)
    child = word(path, "commit-tree", word(path, "mktree", data=b""), "-p", commit_id, "-m", "child")
    git(path, "update-ref", "refs/heads/later", child)
    for options in ({}, {"ref": "later", "history": "all"}):
        with pytest.raises(HostileInputError, match="max_entries"):
            listing(path, context(tmp_path, max_entries=10_000), **options)


def test_names_that_no_path_can_hold(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "names")
    blob = bytes.fromhex(word(path, "hash-object", "-w", "--stdin", data=b"x"))
    names = [b"..", b".", b"a/../../b", b"good", b"good", b"odd\\xff", b"odd\xff"]
    raw = b"".join(b"100644 %s\0%s" % (name, blob) for name in names)
    tree = word(path, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", data=raw)
    git(path, "update-ref", "refs/heads/main", word(path, "commit-tree", tree, "-m", "m"))
    _, rows = listing(path, context(tmp_path))
    assert [r["path"] for r in rows["entries"]] == ["good", "odd\\xff"]
    assert rows["visits"][0]["message"] == (
        "3 entries with a name that no path can hold; 1 entries with the name of another; "
        "1 paths written like another"
    )


def test_a_file_entry_that_is_a_tree_is_corrupt(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    inner = bytes.fromhex(word(path, "mktree", data=b""))
    raw = b"100644 file\0" + inner
    tree = word(path, "hash-object", "-t", "tree", "--literally", "-w", "--stdin", data=raw)
    git(path, "update-ref", "refs/heads/main", word(path, "commit-tree", tree, "-m", "m"))
    _, rows = listing(path, context(tmp_path))
    assert [(r["path"], r["skipped"]) for r in rows["entries"]] == [("file", "corrupt")]


def test_a_wide_directory_comes_in_batches(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "wide")
    blob = word(path, "hash-object", "-w", "--stdin", data=b"x").encode()
    lines = b"".join(b"100644 blob %s\tf%06d\n" % (blob, i) for i in range(25_000))
    tree = word(path, "mktree", data=lines)
    git(path, "update-ref", "refs/heads/main", word(path, "commit-tree", tree, "-m", "m"))
    at = context(tmp_path)
    sizes = [b.num_rows for name, b in list_objects(resolve(source(path), at), at) if name == "entries"]
    assert sizes == [10_000, 10_000, 5_000]
