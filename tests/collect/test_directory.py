from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from stand_in import collect_tables, make_context

from gristmill.collect import directory, swhid
from gristmill.collect.listing import NULL_ID
from gristmill.collect.reader import Source
from gristmill.errors import HostileInputError, OriginError, SourceError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with what is awkward in folders: links, modes, strange names, pipes, other systems' data."""
    root = tmp_path / "software é"
    (root / "lib" / "deep").mkdir(parents=True)
    (root / "empty" / "er").mkdir(parents=True)
    (root / ".hg").mkdir()
    (root / ".hg" / "store").write_text("history")
    (root / "lib.c").write_text("int x;\n")
    (root / "lib" / "deep" / "run.sh").write_text("#!/bin/sh\n")
    (root / "lib" / "deep" / "run.sh").chmod(0o755)
    (root / "lib" / "same.c").write_text("int x;\n")
    (root / "link").symlink_to("../../etc/passwd")
    (root / "to-folder").symlink_to("lib")
    (root / os.fsdecode(b"latin-\xe9.txt")).write_text("caf")
    (root / "void").write_text("")
    os.mkfifo(root / "pipe")
    return root


def state_of(root: Path, **limits: float) -> directory.State:
    return directory.resolve(Source("dir", str(root)), make_context(root, **limits))


def test_state_is_the_tree_that_git_writes(folder: Path) -> None:
    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), "-c", "core.autocrlf=false", *arguments]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()

    git("init", "-q")
    git("add", "--all", "--force", "--", ".", ":(exclude).hg")
    assert state_of(folder).state == git("write-tree")


def test_listing(folder: Path) -> None:
    state = state_of(folder)
    rows = collect_tables(directory.list_objects(state, make_context(folder)))
    entries = {row["path"]: row for row in rows["entries"]}
    assert list(entries) == [
        r"latin-\xe9.txt",
        "lib.c",
        "lib/deep/run.sh",
        "lib/same.c",
        "link",
        "to-folder",
        "void",
    ]
    assert entries[r"latin-\xe9.txt"]["path_raw"] == b"latin-\xe9.txt"
    assert entries["lib.c"]["path_raw"] is None
    assert entries["lib/deep/run.sh"]["perms"] == 0o100755
    assert entries["lib/deep/run.sh"]["name"] == "run.sh"
    assert entries["link"]["type"] == "symlink"
    assert entries["link"]["content_id"] == swhid.content_id(b"../../etc/passwd")
    assert entries["lib.c"]["content_id"] == entries["lib/same.c"]["content_id"]
    (visit,) = rows["visits"]
    assert visit["status"] == "full"
    assert visit["anchor"] == f"swh:1:dir:{state.state}"
    (branch,) = rows["snapshots"]
    assert (branch["branch"], branch["target_type"], branch["target"]) == (b"HEAD", "directory", state.state)
    (origin,) = rows["origins"]
    assert unquote(urlsplit(str(origin["url"])).path) == str(folder.resolve())
    assert origin["origin_id"] == swhid.origin_id(str(origin["url"])) == visit["origin_id"]


def test_contents_are_read_once_each_and_only_when_wanted(folder: Path) -> None:
    state = state_of(folder)
    wanted = [swhid.content_id(b"int x;\n"), swhid.content_id(b"../../etc/passwd")]
    found = list(directory.read_contents(state, wanted, make_context(folder)))
    assert {content.content_id: content.data for content in found} == dict(
        zip(wanted, [b"int x;\n", b"../../etc/passwd"], strict=True)
    )


def test_a_file_changed_after_the_listing_is_corrupt(folder: Path) -> None:
    state = state_of(folder)
    (folder / "void").write_text("changed")
    (content,) = directory.read_contents(state, [swhid.content_id(b"")], make_context(folder))
    assert (content.data, content.skipped) == (None, "corrupt")


def test_a_folder_changed_before_the_listing_is_an_error(folder: Path) -> None:
    state = state_of(folder)
    (folder / "void").write_text("changed")
    with pytest.raises(OriginError, match="changed while"):
        list(directory.list_objects(state, make_context(folder)))


def test_large_files_are_hashed_and_skipped(folder: Path) -> None:
    context = make_context(folder, max_content_bytes=8)
    state = directory.resolve(Source("dir", str(folder)), context)
    assert state.state == state_of(folder).state
    rows = collect_tables(directory.list_objects(state, context))
    skipped = {row["path"]: row["skipped"] for row in rows["entries"] if row["skipped"]}
    assert skipped == {"lib/deep/run.sh": "too_large", "link": "too_large"}
    ids = {row["path"]: row["content_id"] for row in rows["entries"]}
    assert ids["lib/deep/run.sh"] == swhid.content_id(b"#!/bin/sh\n")


def test_unreadable_files_are_recorded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = os.open

    def refuse(path: bytes, flags: int) -> int:  # root may read every file, so permissions cannot show it
        if path.endswith(b"void"):
            raise PermissionError(13, "Permission denied")
        return opened(path, flags)

    monkeypatch.setattr(os, "open", refuse)
    rows = collect_tables(directory.list_objects(state_of(folder), make_context(folder)))
    (row,) = [row for row in rows["entries"] if row["skipped"]]
    assert (row["path"], row["skipped"], row["content_id"]) == ("void", "missing", NULL_ID)
    (visit,) = rows["visits"]
    assert visit["status"] == "partial"
    assert "'void'" in str(visit["message"])


@pytest.mark.parametrize(
    "limit", [{"max_entries": 3}, {"max_origin_bytes": 10}, {"max_depth": 1}, {"max_path_bytes": 6}]
)
def test_limits_are_kept(folder: Path, limit: dict[str, int]) -> None:
    with pytest.raises(HostileInputError, match=next(iter(limit))):
        state_of(folder, **limit)


def test_what_is_no_folder_is_an_error(folder: Path) -> None:
    with pytest.raises(OriginError, match="no such folder"):
        state_of(folder / "nowhere")
    with pytest.raises(SourceError, match="unknown option 'depth'"):
        directory.resolve(Source("dir", str(folder), {"depth": "1"}), make_context(folder))


def test_the_visit_date_can_be_fixed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    rows = collect_tables(directory.list_objects(state_of(folder), make_context(folder)))
    assert str(rows["visits"][0]["visit_date"]).startswith("1970-01-02 00:00:00")
