"""Tests of gristmill.collect.git.plumbing: a hostile repository runs nothing and changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from git_repository import commit, context, git, listing, loose, new_repository, word

from gristmill.collect import swhid
from gristmill.collect.git import read_contents
from gristmill.collect.git.plumbing import command, open_repository, run, sealed_environment
from gristmill.errors import HostileInputError


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path, str]:
    """A partial clone whose promisor remote is a shell command; its marker file; the id of a missing blob."""
    path, marker = new_repository(tmp_path / "hostile"), tmp_path / "marker"
    commit(path, {b"here": b"here", b"gone": b"gone"})
    gone = word(path, "rev-parse", "HEAD:gone")
    loose(path, gone).unlink()
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {marker}\n")
    program.chmod(0o755)
    (path / ".git" / "config").write_text(
        "[core]\n\trepositoryFormatVersion = 1\n"
        f"\tfsmonitor = {program}\n\tsshCommand = {program}\n\tpager = {program}\n\thooksPath = {path}\n"
        f"\taskPass = {program}\n\tgitProxy = {program}\n"
        "[extensions]\n\tpartialClone = origin\n"
        f'[remote "origin"]\n\turl = ext::{program}\n\tpromisor = true\n'
        f"\tuploadpack = {program}\n\tpartialclonefilter = blob:none\n"
        "[protocol]\n\tallow = always\n"
        f"[gpg]\n\tprogram = {program}\n[log]\n\tshowSignature = true\n"
    )
    return path, marker, gone


def test_a_promisor_remote_is_never_run(hostile: tuple[Path, Path, str], tmp_path: Path) -> None:
    path, marker, gone = hostile
    subprocess.run(["git", "cat-file", "-p", gone], cwd=path, capture_output=True, check=False)
    assert marker.exists()  # plain git does run it
    marker.unlink()
    for options in ({}, {"history": "all"}, {"date": "2030-01-01"}, {"ref": gone[:8]}):
        if "ref" in options:
            with pytest.raises(Exception, match="has no ref or commit"):
                listing(path, context(tmp_path), **options)
            continue
        state, rows = listing(path, context(tmp_path), **options)
        skipped = {r["path"]: r["skipped"] for r in rows["entries"]}
        assert skipped == {"gone": "missing", "here": None}
        wanted = [gone, swhid.content_id(b"here")]
        answers = list(read_contents(state, wanted, context(tmp_path)))
        assert [(a.data, a.skipped) for a in answers] == [(None, "missing"), (b"here", None)]
    assert not marker.exists()


def test_the_ref_commands_refuse_transports_too(hostile: tuple[Path, Path, str]) -> None:
    path, marker, gone = hostile
    result = run(command("cat-file", "-p", gone, git_dir=path / ".git"), sealed_environment(), 10)
    assert result.status != 0
    assert not marker.exists()


def test_nothing_is_written_to_a_local_repository(hostile: tuple[Path, Path, str], tmp_path: Path) -> None:
    path = hostile[0]

    def everything() -> list[tuple[str, int, int]]:
        found = []
        for root, folders, files in os.walk(path):
            for name in [*folders, *files]:
                status = os.lstat(Path(root) / name)
                found.append((str(Path(root) / name), status.st_mtime_ns, status.st_size))
        return sorted(found)

    before = everything()
    state, _ = listing(path, context(tmp_path), history="all")
    list(read_contents(state, [swhid.content_id(b"here")], context(tmp_path)))
    assert everything() == before


def test_replace_objects_and_grafts_are_not_followed(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    first = commit(path, {b"a": b"real"}, date=1)
    second = commit(path, {b"a": b"real", b"b": b"b"}, [first], 2)
    fake = word(path, "hash-object", "-w", "--stdin", data=b"fake")
    git(path, "replace", swhid.content_id(b"real"), fake)
    other = commit(path, {b"z": b"z"}, branch="other")
    git(path, "replace", first, other)
    (path / ".git" / "info").mkdir(exist_ok=True)
    (path / ".git" / "info" / "grafts").write_text(f"{second}\n")
    assert git(path, "cat-file", "-p", swhid.content_id(b"real")) == b"fake"
    state, rows = listing(path, context(tmp_path), history="all")
    assert [r["revision_id"] for r in rows["revisions"]] == [second, first]
    assert {r["path"] for r in rows["entries"] if not r["head"]} == {"a"}
    (answer,) = read_contents(state, [swhid.content_id(b"real")], context(tmp_path))
    assert answer.data == b"real"


def test_inherited_variables_do_not_redirect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = new_repository(tmp_path / "r"), new_repository(tmp_path / "other")
    commit_id = commit(path, {b"a": b"a"})
    commit(other, {b"b": b"b"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git" / "objects"))
    monkeypatch.setenv("GIT_NAMESPACE", "x")
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.repositoryformatversion")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "99")
    assert listing(path, context(tmp_path))[0].details["commit"] == commit_id


def test_alternates_are_read(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    commit(path, {b"a": b"a"})
    git(tmp_path, "clone", "-q", "--bare", "--shared", "r", "shared.git")
    state, rows = listing(tmp_path / "shared.git", context(tmp_path))
    assert rows["visits"][0]["status"] == "full"
    (answer,) = read_contents(state, [swhid.content_id(b"a")], context(tmp_path))
    assert answer.data == b"a"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_another_owner_is_no_obstacle(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    commit(path, {b"a": b"a"})
    for root, folders, files in os.walk(path):
        for name in [".", *folders, *files]:
            os.chown(Path(root) / name, 65534, 65534)
    refused = subprocess.run(["git", "rev-parse", "HEAD"], cwd=path, capture_output=True, check=False)
    assert b"dubious ownership" in refused.stderr
    assert [r["path"] for r in listing(path, context(tmp_path))[1]["entries"]] == ["a"]


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    commit(path, {b"a": b"a"})
    config = path / ".git" / "config"
    os.mkfifo(tmp_path / "pipe")
    config.write_text(config.read_text() + f"[include]\n\tpath = {tmp_path}/pipe\n")
    with pytest.raises(HostileInputError, match="rev-parse took longer than origin_timeout"):
        listing(path, context(tmp_path, origin_timeout=0.3))


@pytest.mark.parametrize("form", ["top", "bare", "current"])
def test_a_repository_may_be_named_from_the_current_folder(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = new_repository(tmp_path / "top")
    commit(path, {b"a": b"a"})
    place, name = {"top": (tmp_path, "top"), "bare": (path, ".git"), "current": (path, ".")}[form]
    monkeypatch.chdir(place)
    opened = open_repository(Path(name), tmp_path / "cache", 10)
    assert opened.git_dir.samefile(path / ".git")
    assert opened.objects.samefile(path / ".git" / "objects")
