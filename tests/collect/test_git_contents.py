"""Tests of gristmill.collect.git.contents, .batch and .sha256: bytes, each verified, whatever state git is in."""

from __future__ import annotations

import os
import shutil
import signal
import zlib
from pathlib import Path

import psutil
import pytest
from git_repository import (
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
from gristmill.collect.git import read_contents, resolve
from gristmill.collect.git.batch import ObjectReader
from gristmill.collect.git.plumbing import open_repository
from gristmill.collect.reader import Context, Limits, ReadContent
from gristmill.errors import HostileInputError, OriginError

BODIES = {b"f%03d" % i: b"content %d\n" % i * (i % 50) for i in range(300)}
IDS = [swhid.content_id(data) for data in BODIES.values()]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = new_repository(tmp_path_factory.mktemp("built") / "r.git", "--bare")
    git(path, "config", "fastimport.unpackLimit", "1000")
    commit(path, BODIES)
    return path


@pytest.fixture
def repository(built: Path, tmp_path: Path) -> Path:
    """300 loose blobs, to be damaged at will."""
    return Path(shutil.copytree(built, tmp_path / "r.git"))


def read(path: Path, wanted: list[str], at: Context) -> list[ReadContent]:
    return list(read_contents(resolve(source(path), at), wanted, at))


def git_children() -> list[psutil.Process]:
    return [p for p in psutil.Process().children(recursive=True) if p.name().startswith("git")]


@pytest.mark.parametrize("packed", [False, True])
def test_contents_come_in_the_order_asked(repository: Path, tmp_path: Path, packed: bool) -> None:
    if packed:
        git(repository, "repack", "-adq")
    wanted = [*reversed(IDS), *IDS[:5], "0" * 40]
    answers = read(repository, wanted, context(tmp_path))
    assert [a.content_id for a in answers] == wanted
    bodies = dict(zip(IDS, BODIES.values(), strict=True))
    assert [a.data for a in answers[:-1]] == [bodies[i] for i in wanted[:-1]]
    assert answers[-1] == ReadContent("0" * 40, -1, None, "missing")
    assert git_children() == []


def test_nothing_wanted(repository: Path, tmp_path: Path) -> None:
    assert read(repository, [], context(tmp_path)) == []


def test_stopping_early_reaps_git(repository: Path, tmp_path: Path) -> None:
    at = context(tmp_path)
    contents = read_contents(resolve(source(repository), at), IDS, at)
    next(contents)
    assert len(git_children()) == 1
    contents.close()
    assert git_children() == []


def test_too_large_is_not_read(repository: Path, tmp_path: Path) -> None:
    answers = read(repository, IDS, context(tmp_path, max_content_bytes=100))
    for answer, data in zip(answers, BODIES.values(), strict=True):
        expected = (None, "too_large") if len(data) > 100 else (data, None)
        assert (answer.data, answer.skipped) == expected
        assert answer.length == len(data)


def test_a_body_larger_than_any_pipe(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r")
    large = os.urandom(1 << 20) * 5
    commit(path, {b"large": large, b"small": b"s"})
    wanted = [swhid.content_id(large), swhid.content_id(b"s"), swhid.content_id(large)]
    assert [a.data for a in read(path, wanted, context(tmp_path))] == [large, b"s", large]


def test_damaged_loose_objects(repository: Path, tmp_path: Path) -> None:
    missing, truncated, garbage, forged, swapped = IDS[10], IDS[140], IDS[141], IDS[142], IDS[299]
    loose(repository, missing).unlink()
    cut = loose(repository, truncated)
    cut.write_bytes(cut.read_bytes()[:-8])
    loose(repository, garbage).write_bytes(b"\0" * 40)
    loose(repository, forged).write_bytes(zlib.compress(b"blob 6\0forged"))
    commit_file = zlib.compress(b"commit 5\0hello")
    loose(repository, swapped).write_bytes(commit_file)
    assert git(repository, "cat-file", "blob", forged) == b"forged"  # git does not notice
    answers = {a.content_id: a for a in read(repository, IDS, context(tmp_path))}
    bad = {i: a.skipped for i, a in answers.items() if a.skipped}
    expected = dict.fromkeys([truncated, garbage, forged, swapped], "corrupt") | {missing: "missing"}
    assert bad == expected
    for content_id, data in zip(IDS, BODIES.values(), strict=True):
        assert answers[content_id].data == (None if content_id in bad else data)


def test_a_corrupt_pack_entry_ends_the_child_not_the_reading(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r.git", "--bare")
    bodies = [os.urandom(2000) for _ in range(200)]
    commit(path, {b"%d" % i: data for i, data in enumerate(bodies)})
    git(path, "repack", "-adq")
    ids = [swhid.content_id(data) for data in bodies]
    (pack,) = (path / "objects" / "pack").glob("*.pack")
    offsets = {}
    for line in git(path, "verify-pack", "-v", str(pack)).decode().splitlines():
        words = line.split()
        if len(words) >= 5 and words[1] == "blob":
            offsets[words[0]] = int(words[4])
    pack.chmod(0o644)
    damaged = {ids[3], ids[100], ids[101], ids[199]}
    with pack.open("r+b") as file:
        for object_id in damaged:
            file.seek(offsets[object_id] + 1000)
            file.write(b"\xff" * 50)
    answers = read(path, ids, context(tmp_path))
    assert {a.content_id for a in answers if a.skipped == "corrupt"} == damaged
    assert [a.data for a in answers if not a.skipped] == [
        data for data, i in zip(bodies, ids, strict=True) if i not in damaged
    ]


def test_a_truncated_pack(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "r.git", "--bare")
    bodies = [os.urandom(5000) for _ in range(20)]
    commit(path, {b"%02d" % i: data for i, data in enumerate(bodies)})
    git(path, "repack", "-adq")
    at = context(tmp_path)
    state = resolve(source(path), at)
    (pack,) = (path / "objects" / "pack").glob("*.pack")
    pack.chmod(0o644)
    os.truncate(pack, pack.stat().st_size // 2)
    answers = list(read_contents(state, [swhid.content_id(data) for data in bodies], at))
    assert all(a.skipped in ("missing", "corrupt") for a in answers if a.data is None)
    assert {a.skipped is None for a in answers} != {True}


def test_a_killed_child_loses_nothing(repository: Path, tmp_path: Path) -> None:
    at = context(tmp_path)
    contents = read_contents(resolve(source(repository), at), IDS, at)
    answers = [next(contents)]
    for position in range(1, len(IDS)):
        if position in (5, 130, 250):
            for child in git_children():
                child.send_signal(signal.SIGKILL)
        answers.append(next(contents))
    assert [a.data for a in answers] == list(BODIES.values())


def test_an_object_that_never_comes(repository: Path, tmp_path: Path) -> None:
    stuck = loose(repository, IDS[7])
    stuck.unlink()
    os.mkfifo(stuck)  # opening it waits for a writer for ever
    answers = read(repository, IDS[:20], context(tmp_path, object_timeout=0.2))
    assert {a.content_id: a.skipped for a in answers if a.skipped} == {IDS[7]: "timeout"}
    assert git_children() == []
    at = context(tmp_path, object_timeout=5.0, origin_timeout=0.3)
    state = resolve(source(repository), context(tmp_path))
    with pytest.raises(HostileInputError, match="origin_timeout"):
        list(read_contents(state, IDS[:20], at))
    assert git_children() == []


def test_one_request_at_a_time(repository: Path, tmp_path: Path) -> None:
    opened = open_repository(repository, tmp_path / "cache", 10)
    with ObjectReader(opened, Limits()) as reader:
        reading = reader.read(IDS, 1000)
        next(reading)
        with pytest.raises(RuntimeError, match="in the middle"):
            reader.read_one(IDS[0], 1000)
        reading.close()
        assert reader.read_one(IDS[1], 1000).data == BODIES[b"f001"]
        with pytest.raises(OriginError, match="not 40 or 64"):
            reader.read_one("HEAD\ninfo x", 1000)
        assert len(list(reader.sizes(IDS * 40))) == 12_000
    assert git_children() == []


# --------------------------------------------------------------------------------------------- SHA-256

SHA256_FILES: dict[bytes, bytes | tuple[int, bytes]] = {
    b"a": b"same\n",
    b"d/a": b"same\n",
    b"d/e/large": b"L" * 5000,
    b"link": (SYMLINK, b"a"),
}


def test_sha256_repository_gets_sha1_ids(tmp_path: Path) -> None:
    new, old = new_repository(tmp_path / "new", "--object-format=sha256"), new_repository(tmp_path / "old")
    new_commit = commit(new, SHA256_FILES)
    commit(old, SHA256_FILES)
    at = context(tmp_path, max_content_bytes=1000)
    state, rows = listing(new, at)
    _, expected = listing(old, at)
    assert state.state == new_commit
    assert len(new_commit) == 64
    for table in ("directories", "entries"):
        ignored = {"anchor", "origin_id"}
        found, wanted = (
            sorted((tuple((k, v) for k, v in r.items() if k not in ignored) for r in listed[table]), key=repr)
            for listed in (rows, expected)
        )
        assert found == wanted
    root = word(old, "rev-parse", "HEAD^{tree}")
    assert {r["anchor"] for r in rows["entries"]} == {f"swh:1:dir:{root}"}
    assert not {"revisions", "snapshots", "releases"} & rows.keys()
    (visit,) = rows["visits"]
    assert (visit["snapshot_id"], visit["status"]) == (None, "partial")
    assert visit["message"].startswith("SHA-256 repository")

    wanted_ids = [swhid.content_id(d) for d in (b"a", b"L" * 5000, b"nowhere", b"same\n")]
    for cached in (True, False):
        if not cached:
            for file in (at.cache / "git").glob("contents-*.json"):
                file.unlink()
        answers = list(read_contents(state, wanted_ids, at))
        assert [(a.data, a.skipped) for a in answers] == [
            (b"a", None),
            (None, "too_large"),
            (None, "missing"),
            (b"same\n", None),
        ]


def test_sha256_with_a_submodule(tmp_path: Path) -> None:
    path, plain = new_repository(tmp_path / "new", "--object-format=sha256"), new_repository(tmp_path / "old")
    commit(path, {b"a": b"a", b"m": (SUBMODULE, b"d" * 64)})
    commit(plain, {b"a": b"a"})
    _, rows = listing(path, context(tmp_path))
    assert {r["path"]: r["content_id"] for r in rows["entries"]} == {
        "a": swhid.content_id(b"a"),
        "m": "d" * 64,
    }
    root = word(plain, "rev-parse", "HEAD^{tree}")
    assert {r["directory_id"] for r in rows["entries"]} == {root}


def test_sha256_needs_every_byte_and_has_no_history(tmp_path: Path) -> None:
    path = new_repository(tmp_path / "new", "--object-format=sha256")
    commit(path, SHA256_FILES)
    with pytest.raises(OriginError, match="use history=none"):
        resolve(source(path, history="all"), context(tmp_path))
    large = loose(path, word(path, "rev-parse", "HEAD:d/e/large"))
    good = large.read_bytes()
    large.write_bytes(zlib.compress(b"blob 5000\0" + b"M" * 5000))
    for limit in (1000, 10_000):  # streamed, and read
        with pytest.raises(OriginError, match=r"cannot be read .content [0-9a-f]{64} corrupt"):
            listing(path, context(tmp_path, max_content_bytes=limit))
    large.write_bytes(good)
    listing(path, context(tmp_path))
    large.unlink()
    with pytest.raises(OriginError, match="missing"):
        listing(path, context(tmp_path))
