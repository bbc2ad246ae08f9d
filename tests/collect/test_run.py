"""Collecting: failures are recorded in the order of the sources, and what one origin lacks another gives."""

from __future__ import annotations

from pathlib import Path

import pytest
from git_repository import commit, git, loose, new_repository, word

from gristmill.collect.reader import Context, Limits
from gristmill.collect.run import Collected, collect, find_segments
from gristmill.collect.sources import parse_sources
from gristmill.engine.executors import open_executor
from gristmill.engine.graph import Engine
from gristmill.engine.progress import Progress
from gristmill.engine.shards import read_table
from gristmill.errors import OriginError, SourceError
from gristmill.settings import make_settings
from gristmill.tables import CONTENTS, SKIPPED_CONTENTS
from gristmill.workspace import open_workspace


def run(tmp_path: Path, *sources: str) -> Collected:
    workspace = open_workspace(tmp_path / "w")
    context = Context(workspace.cache, Limits(), b"key")
    with open_executor("local", 1) as executor:
        engine = Engine(workspace.stages, executor, Progress(quiet=True))
        settings = make_settings("2GB", 1)
        return collect(parse_sources(sources, tmp_path), workspace, engine, settings, context)


def ids(collected: Collected) -> list[str]:
    files = [shard.file("contents") for shard in collected.segments]
    return [str(i) for i in read_table(files, CONTENTS.schema, ["content_id"])["content_id"].to_pylist()]


def test_failures_stand_in_the_order_of_the_sources(tmp_path: Path) -> None:
    commit(new_repository(tmp_path / "good"), {b"a": b"a"})
    found = run(tmp_path, "dir:none", "git:good", "git:nor")
    assert [failure.source for failure in found.failures] == [f"dir:{tmp_path}/none", f"git:{tmp_path}/nor"]
    assert len(found.listings) == 1
    with pytest.raises(OriginError, match=r"no source could be read: .*none.*; .*nor"):
        run(tmp_path, "dir:none", "git:nor")


def test_a_mistake_in_a_source_is_no_failed_visit(tmp_path: Path) -> None:
    commit(new_repository(tmp_path / "good"), {b"a": b"a"})
    with pytest.raises(SourceError, match="histroy"):
        run(tmp_path, "git:good", "git:good#histroy=all")


def test_what_one_origin_cannot_give_is_asked_of_the_next(tmp_path: Path) -> None:
    broken, whole = new_repository(tmp_path / "broken"), new_repository(tmp_path / "whole")
    for place in (broken, whole):
        commit(place, {b"a": bytes(range(256)) * 40 + b"both have it\n", b"b": b"b"})
    blob = word(whole, "rev-parse", "HEAD:a")
    unpack(broken)
    path = loose(broken, blob)
    path.write_bytes(path.read_bytes()[:-30] + bytes(30))  # its head can still be read: the listing is fine
    found = run(tmp_path, "git:broken", "git:whole")
    assert ids(found).count(blob) == 1
    skipped = [shard.file("skipped_contents") for shard in found.segments]
    (lost,) = read_table(skipped, SKIPPED_CONTENTS.schema).to_pylist()
    assert (lost["content_id"], lost["reason"]) == (blob, "corrupt")


def unpack(repository: Path) -> None:
    """Turn the packs of a repository into loose objects."""
    for pack in list((repository / ".git/objects/pack").glob("*.pack")):
        data = pack.read_bytes()
        for part in pack.parent.glob(f"{pack.stem}.*"):
            part.unlink()
        git(repository, "unpack-objects", "-q", data=data)


def test_equal_contents_are_read_once(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f").write_text("the same")
    found = run(tmp_path, "dir:one", "dir:two")
    assert len(ids(found)) == 1
    again = run(tmp_path, "dir:two", "dir:one")
    assert [shard.key for shard in again.segments] == [shard.key for shard in found.segments]
    assert find_segments(open_workspace(tmp_path / "w")) == again.segments
    assert [shard.key for shard in again.listings] == [shard.key for shard in found.listings][::-1]
