"""Buckets: a change is decided where it is, and the decisions are those of a build that knows no buckets."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.decide import buckets
from mill import GPL, MIT, functions, hashes, kept, make, recipe, rows, table, tasks, write_files

LONG = functions(range(60))
ALIKE = functions([*range(100, 106), *range(6, 60)])


@pytest.fixture
def sources(tmp_path: Path) -> list[str]:
    """Ten folders: own files, one content in all, near duplicates across folders, a conflict of licences."""
    for number in range(10):
        files = {
            "own.py": functions([1000 + number, 2000 + number]),
            "shared.py": functions([1]),
            "long.py": LONG if number % 2 else ALIKE,
            "contested.py": b"def contested(value):\n    return value\n",
            "LICENSE.py": GPL if number == 3 else MIT,
            "package.json": b'{"license": "%s"}\n' % (b"GPL-3.0-only" if number == 3 else b"MIT"),
        }
        write_files(tmp_path / f"p{number}", files)
    return [f"dir:{tmp_path}/p{number}" for number in range(10)]


def done(workspace: Path, stage: str, before: set[str]) -> int:
    """Tasks of a stage that were not there before."""
    return sum(task.startswith(f"{stage}/") for task in tasks(workspace) - before)


def test_the_size_of_buckets_changes_nothing(
    sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = make(tmp_path / "one", recipe(sources))
    monkeypatch.setattr(buckets, "BUCKET_ENTRIES", 4)
    many = make(tmp_path / "many", recipe(sources))
    assert len(list((tmp_path / "one/stages/facts").iterdir())) == 1
    assert len(list((tmp_path / "many/stages/facts").iterdir())) > 3
    # Stubs come in a file a bucket; what is kept does not know of buckets.
    assert hashes(one.released.folder / "data") == hashes(many.released.folder / "data")
    stubs = [sorted(rows(built, "stubs"), key=repr) for built in (one, many)]
    assert stubs[0] == stubs[1]
    for name in ("facts", "verdicts"):
        assert table(tmp_path / "one", name) == table(tmp_path / "many", name)
    reasons = {row["reason"] for row in table(tmp_path / "many", "verdicts")}
    assert {None, "exact_duplicate", "near_duplicate", "licence"} <= reasons


def test_a_change_is_decided_where_it_is(
    sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "BUCKET_ENTRIES", 1)
    workspace = tmp_path / "w"
    make(workspace, recipe(sources))
    before = tasks(workspace)
    assert done(workspace, "facts", set()) > 5
    write_files(tmp_path / "p4", {"own.py": functions([7777, 8888])})
    changed = make(workspace, recipe(sources, name="changed"))
    for stage in ("facts", "reasons", "verdicts", "bands"):
        assert done(workspace, stage, before) == 1, stage
    fresh = make(tmp_path / "fresh", recipe(sources, name="changed"))
    assert hashes(changed.released.folder) == hashes(fresh.released.folder)


def test_a_change_elsewhere_reaches_the_entries_it_bears_on(
    sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The entry that stood for all copies goes: another takes its place, in a bucket whose facts stay."""
    monkeypatch.setattr(buckets, "BUCKET_ENTRIES", 1)
    workspace = tmp_path / "w"
    first = make(workspace, recipe(sources))
    (home,) = [place for place in kept(first) if place.endswith("/shared.py")]
    before = tasks(workspace)
    (tmp_path / home).unlink()
    second = make(workspace, recipe(sources, name="second"))
    (other,) = [place for place in kept(second) if place.endswith("/shared.py")]
    assert other != home
    assert done(workspace, "facts", before) == 1
    assert done(workspace, "verdicts", before) > 1
    fresh = make(tmp_path / "fresh", recipe(sources, name="second"))
    assert hashes(second.released.folder) == hashes(fresh.released.folder)


def test_a_source_that_goes_takes_its_entries_along(
    sources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "BUCKET_ENTRIES", 1)
    make(tmp_path / "w", recipe(sources))
    fewer = make(tmp_path / "w", recipe(sources[1:], name="fewer"))
    fresh = make(tmp_path / "fresh", recipe(sources[1:], name="fewer"))
    assert hashes(fewer.released.folder) == hashes(fresh.released.folder)
    assert not any(place.startswith("p0/") for place in kept(fewer))
