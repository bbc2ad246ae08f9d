from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from test_schema import write_shard, write_shards

from gristmill.errors import BalanceError, ReleaseError
from gristmill.release.manifest import (
    Input,
    Manifest,
    build_manifest,
    canonical_json,
    describe_shard,
    read_manifest,
    write_manifest,
)
from gristmill.release.schema import FILES, shards
from gristmill.release.statistics import compute_statistics, write_statistics

INPUTS = (
    Input("https://example.org/b", "git", "abc", f"swh:1:snp:{'3' * 40}", f"swh:1:rev:{'1' * 40}"),
    Input("https://example.org/a", "archive", "def"),
)


def manifest_of(folder: Path, **changes: Any) -> Manifest:
    arguments: dict[str, Any] = {
        "name": "small",
        "version": "1.0",
        "gristmill_version": "0.1.0",
        "recipe": 'name = "small"\n',
        "tools": {"pyarrow": "26.0.1", "enry": "0.2.0"},
        "inputs": INPUTS,
        "entries": 11,
    }
    return build_manifest(folder, **(arguments | changes))


def make_release(folder: Path, **changes: Any) -> Manifest:
    """A small release, whole but for its card."""
    write_shards(folder)
    write_statistics(folder, compute_statistics(folder))
    manifest = manifest_of(folder, **changes)
    write_manifest(folder, manifest)
    return manifest


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "release"
    make_release(folder)
    return folder


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "release"))


def test_the_manifest_states_every_shard_and_file(tmp_path: Path) -> None:
    manifest = make_release(tmp_path)
    assert [shard.path for shard in manifest.shards] == [
        "data/cpp/00000-of-00002.parquet",
        "data/cpp/00001-of-00002.parquet",
        "data/csharp/00000-of-00001.parquet",
        "data/python/00000-of-00001.parquet",
        "data/unknown/00000-of-00001.parquet",
        "stubs/00000-of-00001.parquet",
    ]
    assert [shard.rows for shard in manifest.shards] == [2, 1, 1, 2, 1, 4]
    assert all((tmp_path / shard.path).stat().st_size == shard.bytes for shard in manifest.shards)
    assert [file.path for file in manifest.files] == ["statistics.json"]
    assert (manifest.totals.entries, manifest.totals.kept, manifest.totals.dropped) == (11, 7, 4)
    assert [i.origin_url for i in manifest.inputs] == ["https://example.org/a", "https://example.org/b"]
    assert [c.name for c in manifest.schemas["files"].columns] == FILES.schema.names
    assert read_manifest(tmp_path) == manifest


def test_equal_inputs_give_equal_bytes(tmp_path: Path) -> None:
    make_release(tmp_path / "a")
    make_release(tmp_path / "b", inputs=INPUTS[::-1] * 2, tools={"enry": "0.2.0", "pyarrow": "26.0.1"})
    assert (tmp_path / "a/manifest.json").read_bytes() == (tmp_path / "b/manifest.json").read_bytes()


def test_the_logical_hash_outlives_another_encoding(tmp_path: Path) -> None:
    first = make_release(tmp_path)
    path = tmp_path / "data/cpp/00000-of-00002.parquet"
    pq.write_table(pq.read_table(path), path, compression="none", row_group_size=1)
    second = manifest_of(tmp_path)
    assert second.shards[0].sha256 != first.shards[0].sha256
    assert second.shards[0].logical_sha256 == first.shards[0].logical_sha256
    assert second.logical_sha256 == first.logical_sha256
    # ... but not another row order, nor a row less.
    table = pq.read_table(path)
    pq.write_table(table.take([1, 0]), path)
    assert manifest_of(tmp_path).logical_sha256 != first.logical_sha256
    pq.write_table(table.slice(1), path)
    assert manifest_of(tmp_path, entries=10).logical_sha256 != first.logical_sha256


def test_shards_described_elsewhere_give_the_same_manifest(tmp_path: Path) -> None:
    manifest = make_release(tmp_path)
    paths = [*tmp_path.glob("stubs/*"), *tmp_path.glob("data/*/*")]
    assert manifest_of(tmp_path, described=[describe_shard(tmp_path, path) for path in paths]) == manifest


def test_the_schema_digest_follows_the_columns(tmp_path: Path) -> None:
    manifest = make_release(tmp_path)
    assert manifest.schemas["files"].sha256 != manifest.schemas["stubs"].sha256


def test_entries_that_do_not_add_up_stop_the_release(tmp_path: Path) -> None:
    write_shards(tmp_path)
    with pytest.raises(BalanceError, match="12 entries went in, but 7 files and 4 stubs"):
        manifest_of(tmp_path, entries=12)


def test_a_shard_with_other_columns_is_refused(tmp_path: Path) -> None:
    write_shards(tmp_path)
    path = shards(tmp_path, FILES)[0]
    pq.write_table(pq.read_table(path).drop_columns(["swhid"]), path)
    with pytest.raises(ReleaseError, match=r"00000-of-00002\.parquet: its columns"):
        manifest_of(tmp_path)
    path.write_bytes(b"nothing")
    with pytest.raises(ReleaseError, match="cannot be read as Parquet"):
        manifest_of(tmp_path)


def test_a_damaged_page_is_found_while_reading(tmp_path: Path) -> None:
    write_shards(tmp_path)
    path = shards(tmp_path, FILES)[0]
    data = bytearray(path.read_bytes())
    start = pq.read_metadata(path).row_group(0).column(0).data_page_offset
    data[start : start + 40] = b"\xff" * 40
    path.write_bytes(data)
    with pytest.raises(ReleaseError, match="cannot be read"):
        describe_shard(tmp_path, path)


def test_a_release_without_rows_has_a_manifest(tmp_path: Path) -> None:
    assert manifest_of(tmp_path, entries=0).totals.entries == 0


def spoil(folder: Path, edit: Any) -> None:
    """Edit the manifest and write it back in canonical form."""
    path = folder / "manifest.json"
    value = json.loads(path.read_bytes())
    edit(value)
    path.write_bytes(canonical_json(value))


HOSTILE_PATHS = [
    "../outside.parquet",
    "/etc/passwd",
    "data/../../00000-of-00001.parquet",
    "data/cpp/../00000-of-00001.parquet",
    "data/./00000-of-00001.parquet",
    "data/cpp/00000-of-00001.parquet\n",
    "data/cpp/00000-of-00001.parquet\x00",
    "data/C++/00000-of-00001.parquet",
    "data//00000-of-00001.parquet",
    "data\\cpp\\00000-of-00001.parquet",
    "stubs/00000-of-00001.txt",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_path_that_leaves_the_release_is_refused(release: Path, path: str) -> None:
    spoil(release, lambda value: value["shards"][0].update(path=path))
    with pytest.raises(ReleaseError, match=r"not a manifest.*shards"):
        read_manifest(release)


@pytest.mark.parametrize("name", ["../x", "/x", "a/b", "", ".hidden", "x\n"])
def test_other_files_stand_at_the_top(release: Path, name: str) -> None:
    spoil(release, lambda value: value["files"][0].update(path=name))
    with pytest.raises(ReleaseError, match=r"not a manifest.*files"):
        read_manifest(release)


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v["shards"][0].update(rows=2**60),
        lambda v: v["shards"][0].update(rows=10**400),
        lambda v: v["shards"][0].update(bytes=-1),
        lambda v: v["shards"][0].update(rows=1.5),
        lambda v: v["shards"][0].update(rows="2"),
        lambda v: v["shards"][0].update(sha256="F" * 64),
        lambda v: v["shards"][0].update(sha256="f" * 64 + "\n"),
        lambda v: v["totals"].update(more=1),
        lambda v: v.pop("recipe"),
        lambda v: v.update(format_version=2),
    ],
)
def test_values_out_of_range_are_refused(release: Path, edit: Any) -> None:
    spoil(release, edit)
    with pytest.raises(ReleaseError, match=r"manifest\.json"):
        read_manifest(release)


def test_duplicate_keys_and_other_spacing_are_refused(release: Path) -> None:
    path = release / "manifest.json"
    text = path.read_text()
    path.write_text(text.replace('"entries": 11,', '"entries": 12,\n    "entries": 11,'))
    with pytest.raises(ReleaseError, match="canonical"):
        read_manifest(release)
    path.write_bytes(msgspec.json.encode(json.loads(text)))
    with pytest.raises(ReleaseError, match="canonical"):
        read_manifest(release)
    path.write_text(text)
    assert read_manifest(release).totals.entries == 11


@pytest.mark.parametrize("text", [b"", b"null", b"{}", b"\xff", b"[" * 200_000, b'{"name": "\\ud800"}'])
def test_what_is_no_manifest_is_refused(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(ReleaseError, match="not a manifest"):
        read_manifest(tmp_path)


def test_a_missing_or_linked_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="No such file"):
        read_manifest(tmp_path)
    make_release(tmp_path / "real")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked/manifest.json").symlink_to(tmp_path / "real/manifest.json")
    with pytest.raises(ReleaseError, match="symbolic link"):
        read_manifest(tmp_path / "linked")


def test_an_unfinished_write_leaves_no_file(tmp_path: Path) -> None:
    make_release(tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".tmp")]
    before = (tmp_path / "manifest.json").read_bytes()
    shutil.rmtree(tmp_path / "stubs")
    write_shard(tmp_path, "stubs/00000-of-00001.parquet", [])
    with pytest.raises(BalanceError):
        manifest_of(tmp_path)
    assert (tmp_path / "manifest.json").read_bytes() == before
