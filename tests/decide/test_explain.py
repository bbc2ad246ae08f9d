"""Explain: what a subject may mean, and the whole story of each entry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gristmill.decide.explain import explain
from gristmill.errors import WorkspaceError
from gristmill.workspace import Workspace, open_workspace
from mill import GPL, MIT, commit, git, make, recipe, write_files

SHARED = b"def shared(value):\n    return value\n"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Workspace]]:
    folder = tmp_path_factory.mktemp("explained")
    commit(folder / "repo", {"LICENSE": MIT, "src/a.py": SHARED, "src/it's [x] 100%.py": b"value = 1\n" * 3})
    write_files(folder / "plain", {"COPYING": GPL, "lib/a.py": SHARED, "a.py": b"other = 2\n"})
    made = make(folder / "w", recipe([f"git:{folder}/repo", f"dir:{folder}/plain"]))
    assert made.released.manifest.totals.entries == 6
    yield folder, open_workspace(folder / "w", create=False)


def test_subjects(built: tuple[Path, Workspace]) -> None:
    folder, workspace = built
    head = git(folder / "repo", "rev-parse", "HEAD").strip()
    tree = git(folder / "repo", "rev-parse", "HEAD^{tree}").strip()
    blob = git(folder / "repo", "rev-parse", "HEAD:src/a.py").strip()
    expected = {
        "a.py": ["a.py"],  # the whole path comes before an end of one
        "/src/a.py": ["src/a.py"],
        "lib/a.py": ["lib/a.py"],
        "it's [x] 100%.py": ["src/it's [x] 100%.py"],
        blob: ["lib/a.py", "src/a.py"],
        f"swh:1:cnt:{blob}": ["lib/a.py", "src/a.py"],
        f"swh:1:rev:{head}": ["LICENSE", "src/a.py", "src/it's [x] 100%.py"],
        head: ["LICENSE", "src/a.py", "src/it's [x] 100%.py"],
        f"swh:1:dir:{tree}": ["LICENSE", "src/a.py", "src/it's [x] 100%.py"],
        "repo": ["LICENSE", "src/a.py", "src/it's [x] 100%.py"],
        f"file://{folder}/plain/": ["COPYING", "a.py", "lib/a.py"],
    }
    for subject, paths in expected.items():
        story = explain(workspace, subject)
        assert sorted(entry["path"] for entry in story.entries) == paths, subject
        assert story.total == sum(story.counts.values()) == len(paths)


def test_the_story_of_a_dropped_and_of_a_kept_entry(built: tuple[Path, Workspace]) -> None:
    folder, workspace = built
    (dropped,) = explain(workspace, "lib/a.py").entries
    assert not dropped["kept"]
    assert dropped["reason"] == "licence"
    assert dropped["reasons"][0]["rule"] == "policy.licences.allow"
    assert "GPL-3.0-only" in dropped["reasons"][0]["evidence"]
    assert dropped["occurrences"] == [f"file://{folder}/plain lib/a.py", f"file://{folder}/repo src/a.py"]
    assert dropped["licences"] == [
        {"expression": "GPL-3.0-only", "places": 1, "origins": 1},
        {"expression": "MIT", "places": 1, "origins": 1},
    ]
    (kept,) = explain(workspace, "src/a.py").entries
    assert (kept["kept"], kept["reasons"], kept["expression"]) == (True, [], "MIT")


def test_limits_and_unknown_subjects(built: tuple[Path, Workspace]) -> None:
    _, workspace = built
    story = explain(workspace, "repo", limit=1)
    assert (len(story.entries), story.total) == (1, 3)
    for subject in ("nothing", "%", "_.py", "", "'", "swh:1:cnt:" + "0" * 40, "f" * 40):
        with pytest.raises(WorkspaceError, match="no path, SWHID or repository of this build"):
            explain(workspace, subject)


def test_nothing_was_built(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="nothing was built here yet"):
        explain(open_workspace(tmp_path), "x")
