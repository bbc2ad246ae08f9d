"""Tests of gristmill.collect.git.source, .refs and .mirror: from a source string to a commit."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from git_repository import commit, context, git, new_repository, source, word

from gristmill.collect import swhid
from gristmill.collect.git import resolve
from gristmill.collect.git.mirror import remote_protocol, without_credentials
from gristmill.collect.git.source import _local_name, _remote_name
from gristmill.errors import HostileInputError, OriginError, SourceError

DAY = 86_400
START = 1_704_067_200  # 2024-01-01T00:00:00Z


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Four commits on main, the third merges a side branch whose commit is older than the second."""
    path = new_repository(tmp_path_factory.mktemp("built") / "dated")
    first = commit(path, {b"a": b"1"}, date=START)
    side = commit(path, {b"a": b"1", b"s": b"s"}, [first], START + DAY // 2, branch="side")
    second = commit(path, {b"a": b"2"}, [first], START + DAY)
    third = commit(path, {b"a": b"2", b"s": b"s"}, [second, side], START + 2 * DAY)
    fourth = commit(path, {b"a": b"4"}, [third], START + 3 * DAY)
    return path, [first, second, third, fourth]


@pytest.fixture
def dated(built: tuple[Path, list[str]], tmp_path: Path) -> tuple[Path, list[str]]:
    """A copy of `built`, to be changed at will."""
    shutil.copytree(built[0], tmp_path / "dated")
    return tmp_path / "dated", built[1]


def found(path: Path | str, tmp_path: Path, **options: str) -> str:
    return resolve(source(path, **options), context(tmp_path)).details["commit"]


def test_head_of_a_work_repository(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, commits = dated
    state = resolve(source(path), context(tmp_path))
    assert state.state == commits[3]
    assert state.branch == "main"
    assert state.local == path
    url = path.as_uri()
    expected = {"origin_id": swhid.origin_id(url), "url": url, "kind": "git", "name": "dated"}
    assert dict(state.origin) == expected
    assert found(path / ".git", tmp_path) == commits[3]


def test_refs_are_found_in_gits_order(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, (first, second, third, fourth) = dated
    git(path, "tag", "plain", second)
    git(path, "tag", "-a", "-m", "annotated", "v1", third)
    git(path, "tag", "-a", "-m", "of a tag", "v2", "v1")
    git(path, "tag", "side", first)
    assert found(path, tmp_path, ref="plain") == second
    assert found(path, tmp_path, ref="v1") == third
    assert found(path, tmp_path, ref="v2") == third
    assert found(path, tmp_path, ref="refs/heads/main") == fourth
    assert found(path, tmp_path, ref="heads/main") == fourth
    assert found(path, tmp_path, ref="side") == first  # a tag goes before a branch
    assert found(path, tmp_path, ref=second) == second
    assert found(path, tmp_path, ref=second[:12]) == second
    branches = {ref: resolve(source(path, ref=ref), context(tmp_path)).branch for ref in ("v1", second)}
    assert branches == {"v1": "v1", second: None}


def test_detached_head(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, commits = dated
    git(path, "update-ref", "--no-deref", "HEAD", commits[1])
    state = resolve(source(path), context(tmp_path))
    assert (state.state, state.branch) == (commits[1], None)


@pytest.mark.parametrize(
    ("date", "index"),
    [
        ("2024-01-01", 0),
        ("2024-01-01T13:00:00", 0),  # the side branch's commit of noon is not on the first-parent chain
        ("2024-01-02T00:00:00Z", 1),
        ("2024-01-02T01:59:59+02:00", 0),
        ("2024-01-02T02:00:00+02:00", 1),
        ("2024-01-03", 2),
        ("2030-01-01", 3),
    ],
)
def test_as_of_date(dated: tuple[Path, list[str]], tmp_path: Path, date: str, index: int) -> None:
    path, commits = dated
    assert found(path, tmp_path, date=date) == commits[index]


def test_date_before_the_first_commit_names_it(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    with pytest.raises(OriginError, match="the first one is of 2024-01-01T00:00:00Z"):
        found(dated[0], tmp_path, date="2023-12-31")


def test_state_tells_what_changed(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, commits = dated
    at = context(tmp_path)
    by_date = resolve(source(path, date="2024-01-03"), at).state
    assert by_date == f"{commits[2]};date=2024-01-03T23:59:59Z"
    whole = resolve(source(path, history="all"), at).state
    assert whole.startswith(f"{commits[3]};history=all;refs=")
    assert resolve(source(path, history="all"), at).state == whole
    git(path, "tag", "new", commits[0])
    assert resolve(source(path, history="all"), at).state != whole
    assert resolve(source(path), at).state == commits[3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reff": "main"}, "unknown option 'reff'; did you mean 'ref'"),
        ({"histroy": "all"}, "did you mean 'history'"),
        ({"zzz": "1"}, "use ref, date, history"),
        ({"history": "full"}, "use none or all"),
        ({"date": "last week"}, "is not an ISO 8601 date"),
        ({"date": "0001-01-01T00:00:00+14:00"}, "is not an ISO 8601 date"),
    ],
)
def test_options_are_checked(
    dated: tuple[Path, list[str]], tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        resolve(source(dated[0], **options), context(tmp_path))


@pytest.mark.parametrize(
    "ref",
    [
        "--help",
        "-h",
        "--git-dir=/",
        "",
        "HEAD~1",
        "HEAD^",
        "HEAD@{1}",
        "a..b",
        ":/change",
        "main:a",
        "a b",
        "a\nb",
    ],
)
def test_a_ref_is_no_option_and_no_expression(
    dated: tuple[Path, list[str]], tmp_path: Path, ref: str
) -> None:
    with pytest.raises(SourceError, match="is not the name of a ref"):
        found(dated[0], tmp_path, ref=ref)


def test_what_cannot_be_read_is_said_clearly(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, commits = dated
    with pytest.raises(OriginError, match="does not exist"):
        found(tmp_path / "nowhere", tmp_path)
    (tmp_path / "plain" / "sub").mkdir(parents=True)
    with pytest.raises(OriginError, match="is not a git repository"):
        found(tmp_path / "plain", tmp_path)
    empty = new_repository(tmp_path / "empty")
    with pytest.raises(OriginError, match="is an empty repository"):
        found(empty, tmp_path)
    with pytest.raises(OriginError, match="has no ref or commit 'nope'; it has main, side"):
        found(path, tmp_path, ref="nope")
    with pytest.raises(OriginError, match="is missing"):
        found(path, tmp_path, ref="1" * 40)
    tree = word(path, "rev-parse", f"{commits[0]}^{{tree}}")
    with pytest.raises(OriginError, match="does not lead to a commit"):
        found(path, tmp_path, ref=tree)
    git(path, "symbolic-ref", "HEAD", "refs/heads/unborn")
    with pytest.raises(OriginError, match=r"refs/heads/unborn, which has no commits.*main"):
        found(path, tmp_path)
    (path / ".git" / "config").write_text("[core\n")
    with pytest.raises(OriginError, match="git cannot open"):
        found(path, tmp_path)


def test_linked_work_tree(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, commits = dated
    git(path, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"), commits[1])
    assert found(tmp_path / "linked", tmp_path) == commits[1]


def test_mirror_is_cloned_then_fetched(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    path, commits = dated
    git(path, "tag", "old", commits[0])
    at, url = context(tmp_path), path.as_uri()
    state = resolve(source(url), at)
    assert state.state == commits[3]
    assert state.origin["url"] == url
    assert state.local.parent == at.cache / "git"
    assert git(state.local, "rev-parse", "--is-bare-repository") == b"true\n"
    fifth = commit(path, {b"a": b"5"}, [commits[3]], START + 4 * DAY)
    git(path, "tag", "-d", "old")
    git(path, "branch", "-q", "-m", "main", "trunk")
    again = resolve(source(url), at)
    assert (again.state, again.branch, again.local) == (fifth, "trunk", state.local)
    assert git(state.local, "for-each-ref", "--format=%(refname)") == b"refs/heads/side\nrefs/heads/trunk\n"
    assert sorted(p.suffix for p in state.local.parent.glob("*")) == [".git", ".git", ".lock"]
    git(path, "update-ref", "--no-deref", "HEAD", commits[0])
    assert resolve(source(url), at).state == commits[0]


def test_a_mirror_that_cannot_be_had_leaves_nothing(dated: tuple[Path, list[str]], tmp_path: Path) -> None:
    at = context(tmp_path)
    with pytest.raises(OriginError, match="git could not clone"):
        resolve(source((tmp_path / "nowhere").as_uri()), at)
    small = context(tmp_path, max_origin_bytes=100)
    with pytest.raises(HostileInputError, match="max_origin_bytes"):
        resolve(source(dated[0].as_uri()), small)
    assert [p.name for p in (at.cache / "git").iterdir() if p.is_dir()] == []


def test_hooks_and_helpers_do_not_run_on_cloning(
    dated: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = tmp_path / "template" / "hooks"
    template.mkdir(parents=True)
    hook = template / "reference-transaction"
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(template.parent))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    subprocess.run(["git", "clone", "-q", "--bare", str(dated[0]), str(tmp_path / "control")], check=True)
    assert (tmp_path / "ran").exists()  # so the hook does run if it is let
    (tmp_path / "ran").unlink()
    assert found(dated[0].as_uri(), tmp_path) == dated[1][3]
    assert not (tmp_path / "ran").exists()


def test_targets_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert remote_protocol("https://example.org/o/r.git") == "https"
    assert remote_protocol("git@example.org:o/r.git") == "ssh"
    assert remote_protocol("ssh://git@example.org/o/r") == "ssh"
    assert remote_protocol("./some:path") is None
    assert remote_protocol("some/path") is None
    Path("host:path").mkdir()
    assert remote_protocol("host:path") is None


@pytest.mark.parametrize(
    "target",
    [
        "ext::sh -c true",
        "ftp://example.org/r",
        "ext://x/y",
        "https://-oProxyCommand=x/r",
        "https://h/",
        "ssh://h/a b",
        "--upload-pack=x",
        "fd::7/foo",
        "https://[/r",
    ],
)
def test_other_targets_are_refused(target: str) -> None:
    with pytest.raises(SourceError):
        remote_protocol(target)


def test_names_and_credentials() -> None:
    assert _remote_name("https://example.org/deep/owner/repo.git") == "owner/repo"
    assert _remote_name("git@example.org:owner/repo.git") == "owner/repo"
    assert _remote_name("https://example.org/repo/") == "repo"
    assert _local_name(Path("/srv/repo.git")) == "repo"
    assert _local_name(Path("/srv/repo/.git")) == "repo"
    assert without_credentials("https://me:secret@example.org:8443/o/r") == "https://example.org:8443/o/r"
    assert without_credentials("https://token@example.org/o/r") == "https://example.org/o/r"
    assert without_credentials("ssh://git:secret@example.org/o/r") == "ssh://git@example.org/o/r"
    assert without_credentials("git@example.org:o/r") == "git@example.org:o/r"
