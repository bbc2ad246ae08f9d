"""Publishing: the same release is left alone, another is refused, a broken one is put right."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.engine.progress import Progress
from gristmill.errors import ReleaseError
from gristmill.pipeline import Built, build
from gristmill.release.open import open_release
from gristmill.release.verify import verify
from gristmill.settings import make_settings
from gristmill.workspace import open_workspace
from mill import MIT, functions, hashes, recipe, write_files


def publish(folder: Path, more: str = "", *, replace: bool = False) -> Built:
    write_files(
        folder / "d",
        {"LICENSE": MIT, "a.py": functions([1]), "b.c": b"/* SPDX-License-Identifier: MIT */\nint x;\n"},
    )
    workspace = open_workspace(folder / "w")
    settings = make_settings("2GB", 1)
    return build(
        recipe([f"dir:{folder}/d"], more), workspace, settings, Progress(quiet=True), replace=replace
    )


OTHER = '[policy.languages]\ndeny = ["C"]'


def test_another_release_of_the_same_version_is_refused(tmp_path: Path) -> None:
    first = publish(tmp_path)
    before = hashes(first.released.folder)
    with pytest.raises(ReleaseError, match=r"raise release\.version in the recipe, or build with --replace"):
        publish(tmp_path, OTHER)
    assert hashes(first.released.folder) == before
    assert [path.name for path in first.released.folder.parent.iterdir()] == ["mill-1.0.0"]
    second = publish(tmp_path, OTHER, replace=True)
    assert hashes(second.released.folder) != before
    assert verify(second.released.folder).ok
    assert [path.name for path in second.released.folder.parent.iterdir()] == ["mill-1.0.0"]


@pytest.mark.parametrize("broken", ["shard", "card", "statistics", "cut"])
def test_an_incomplete_release_is_made_whole(tmp_path: Path, broken: str) -> None:
    folder = publish(tmp_path).released.folder
    whole = hashes(folder)
    (shard,) = folder.glob("data/c/*.parquet")
    path = {"card": folder / "README.md", "statistics": folder / "statistics.json"}.get(broken, shard)
    path.unlink()
    if broken == "cut":
        path.write_bytes(b"PAR1")
    publish(tmp_path, replace=True)
    assert hashes(folder) == whole


def test_a_damaged_manifest_is_refused_unless_replaced(tmp_path: Path) -> None:
    folder = publish(tmp_path).released.folder
    whole = hashes(folder)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(ReleaseError, match=r"manifest\.json: not a manifest"):
        publish(tmp_path)
    publish(tmp_path, replace=True)
    assert hashes(folder) == whole


def test_open_release_reads_by_language(tmp_path: Path) -> None:
    release = open_release(publish(tmp_path).released.folder)
    everything = [row["path"] for batch in release.files(["path"]) for row in batch.to_pylist()]
    assert sorted(everything) == ["/LICENSE", "/a.py", "/b.c"] or sorted(everything) == ["/a.py", "/b.c"]
    assert [row["path"] for b in release.files(["path"], language="C") for row in b.to_pylist()] == ["/b.c"]
    stubs = [row["reason"] for batch in release.stubs() for row in batch.to_pylist()]
    assert len(stubs) + len(everything) == release.manifest.totals.entries
    with pytest.raises(ReleaseError, match=r"manifest\.json"):
        open_release(tmp_path)


def test_inputs_of_the_manifest_are_swhids(tmp_path: Path) -> None:
    (found,) = publish(tmp_path).released.manifest.inputs
    assert found.origin_url == f"file://{tmp_path}/d"
    assert found.anchor is not None
    assert found.anchor.startswith("swh:1:dir:")
    assert found.state in found.anchor
