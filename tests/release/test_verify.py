from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_manifest import HOSTILE_PATHS, make_release, manifest_of, spoil
from test_schema import file_row, write_shard

from gristmill.release.manifest import write_manifest
from gristmill.release.schema import FILES
from gristmill.release.statistics import compute_statistics, read_statistics, write_statistics
from gristmill.release.verify import verify

CPP = "data/cpp/00000-of-00002.parquet"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole") / "release"
    make_release(folder)
    return folder


@pytest.fixture
def release(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "release"))


def problems(folder: Path, *, deep: bool = True) -> list[tuple[str, str]]:
    return [(problem.file, problem.what) for problem in verify(folder, deep=deep).problems]


def release_of(folder: Path, rows: list[dict[str, object]], slug: str = "c", **changes: Any) -> Path:
    """A release of one shard that describes whatever the rows say: only they can contradict themselves."""
    write_shard(folder, f"data/{slug}/00000-of-00001.parquet", rows)
    write_statistics(folder, compute_statistics(folder))
    write_manifest(folder, manifest_of(folder, entries=len(rows), **changes))
    return folder


@pytest.mark.parametrize("deep", [True, False])
def test_a_whole_release_has_no_problems(whole: Path, deep: bool) -> None:
    report = verify(whole, deep=deep)
    assert report.problems == ()
    assert report.ok
    assert (report.shards, report.rows) == (6, 11)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_flipped_bit_in_any_listed_file_is_found(whole: Path, data: Any) -> None:
    files = sorted(p for p in whole.rglob("*") if p.is_file() and p.name != "manifest.json")
    path = data.draw(st.sampled_from(files))
    original = path.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    flipped = bytearray(original)
    flipped[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        path.write_bytes(flipped)
        report = verify(whole)
        assert not report.ok
        assert {problem.file for problem in report.problems} == {path.relative_to(whole).as_posix()}
    finally:
        path.write_bytes(original)


def test_a_truncated_shard_is_found(release: Path) -> None:
    path = release / CPP
    size = path.stat().st_size
    os.truncate(path, size // 2)
    assert problems(release) == [(CPP, f"holds {size // 2} bytes, the manifest says {size}")]


def test_a_missing_shard_is_found(release: Path) -> None:
    (release / CPP).unlink()
    assert problems(release) == [(CPP, "missing")]


@pytest.mark.parametrize(
    "name", ["data/cpp/00002-of-00003.parquet", "data/x", "stubs/deep/er/file", "data/cpp/.hidden"]
)
def test_an_extra_file_is_found(release: Path, name: str) -> None:
    (release / name).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(release / CPP, release / name)
    assert problems(release) == [(name, "not in the manifest")]


def test_a_name_that_is_not_utf8_can_be_reported(release: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(release) + b"/data/\xff")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert problems(release) == [("data/\\xff", "not in the manifest")]


def test_other_files_at_the_top_are_left_alone(release: Path) -> None:
    (release / ".gitattributes").write_text("*.parquet filter=lfs\n")
    (release / "README.md").write_text("edited\n")
    assert problems(release) == []


def test_a_damaged_file_at_the_top_is_found(release: Path) -> None:
    (release / "statistics.json").unlink()
    assert ("statistics.json", "missing") in problems(release)


def test_a_wrong_count_is_found(release: Path) -> None:
    def edit(value: dict[str, Any]) -> None:
        value["shards"][0]["rows"] = 3
        value["totals"].update(entries=12, kept=8)

    spoil(release, edit)
    assert problems(release) == [(CPP, "holds 2 rows, the manifest says 3")]


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (lambda v: v["totals"].update(entries=12), "of 12 entries"),
        (lambda v: v["totals"].update(bytes=1), "total of 1 bytes"),
        (lambda v: v["shards"].append(v["shards"][0]), "lists a shard twice"),
        (lambda v: v.update(recipe="another"), "recipe_sha256"),
        (lambda v: v.update(logical_sha256="0" * 64), "logical_sha256"),
        (lambda v: v["schemas"].pop("stubs"), "its columns"),
    ],
)
def test_a_manifest_that_contradicts_itself_is_found(release: Path, edit: Any, expected: str) -> None:
    spoil(release, edit)
    report = verify(release)
    assert not report.ok
    assert expected in "\n".join(
        problem.what for problem in report.problems if problem.file == "manifest.json"
    )


def test_a_wrong_logical_hash_is_found(release: Path) -> None:
    spoil(release, lambda value: value["shards"][0].update(logical_sha256="0" * 64))
    assert any(
        file == CPP and what.startswith("has logical hash") for file, what in problems(release, deep=False)
    )


@pytest.mark.parametrize("path", HOSTILE_PATHS[:3])
def test_a_hostile_path_is_never_followed(release: Path, path: str) -> None:
    spoil(release, lambda value: value["shards"][0].update(path=path))
    report = verify(release)
    assert [problem.file for problem in report.problems] == ["manifest.json"]
    assert report.shards == 0


def test_gigantic_numbers_are_refused(release: Path) -> None:
    spoil(release, lambda value: value["shards"][0].update(rows=10**30))
    assert [problem.file for problem in verify(release).problems] == ["manifest.json"]


@pytest.mark.parametrize("linked", [CPP, "data/cpp", "data", "stubs"])
def test_a_symbolic_link_is_refused_even_to_the_right_bytes(
    release: Path, tmp_path: Path, linked: str
) -> None:
    shutil.move(release / linked, tmp_path / "elsewhere")
    (release / linked).symlink_to(tmp_path / "elsewhere")
    report = verify(release)
    assert (linked, "a symbolic link") in [(p.file, p.what) for p in report.problems]
    assert any(p.what == "behind a symbolic link" and p.file.startswith(linked) for p in report.problems)


def test_a_shard_with_other_columns_is_found(release: Path) -> None:
    path = release / CPP
    pq.write_table(pq.read_table(path).drop_columns(["swhid"]), path)

    def edit(value: dict[str, Any]) -> None:
        data = path.read_bytes()
        value["shards"][0].update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
        value["totals"]["bytes"] = sum(shard["bytes"] for shard in value["shards"])

    spoil(release, edit)
    assert problems(release) == [(CPP, "its columns are not those of table files")]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        ("content", "int tampered;\n", "released_sha256 is not that of the content in 1 rows (1)"),
        ("released_sha256", "0" * 64, "released_sha256 is not that of the content in 1 rows (1)"),
        ("original_sha256", "0" * 64, "original_sha256 is not that of the content, although"),
        ("content_id", "0" * 40, "content_id is not that of the content, although"),
        ("blob_id", "0" * 40, "blob_id is not that of the content, although"),
        ("length_bytes", 5, "length_bytes is not that of the content, although"),
        ("released_bytes", 5, "released_bytes is not the size of the content"),
        ("swhid", "swh:1:cnt:" + "0" * 40, "swhid is not that of content_id"),
        ("language", "C#", "language does not belong in data/c"),
        ("language", None, "language does not belong in data/c"),
    ],
)
def test_a_row_that_contradicts_itself_is_found(
    tmp_path: Path, column: str, value: object, expected: str
) -> None:
    rows = [file_row("/a.c", "int a;\n", "C"), file_row("/b.c", "int b;\n", "C") | {column: value}]
    assert any(what.startswith(expected) for _, what in problems(release_of(tmp_path, rows)))


def test_only_a_deep_look_hashes_the_rows(tmp_path: Path) -> None:
    release_of(tmp_path, [file_row("/a.c", "int a;\n", "C", released_sha256="0" * 64)])
    assert problems(tmp_path, deep=False) == []
    assert len(problems(tmp_path)) == 1


@pytest.mark.parametrize(("encoding", "faults"), [("cp1252", 0), ("UTF-8", 1), ("ascii", 1)])
def test_hashes_of_the_original_are_checked_only_where_its_bytes_are_at_hand(
    tmp_path: Path, encoding: str, faults: int
) -> None:
    row = file_row("/a.c", "int a;\n", "C", src_encoding=encoding, original_sha256="0" * 64)
    assert len(problems(release_of(tmp_path, [row]))) == faults


def test_text_that_is_not_utf8_is_found(tmp_path: Path) -> None:
    rows = [file_row("/a.c", "abc", "C")]
    table = pa.Table.from_pylist(rows, schema=FILES.schema)
    broken = pa.array([b"\xff\xfeb"], pa.binary()).view(pa.string())
    table = table.set_column(table.schema.get_field_index("content"), FILES.schema.field("content"), broken)
    path = tmp_path / "data/c/00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table, path)
    write_statistics(tmp_path, compute_statistics(tmp_path))
    write_manifest(tmp_path, manifest_of(tmp_path, entries=1))
    assert [what for _, what in problems(tmp_path)] == ["text that is not UTF-8 in 1 rows (0)"]


@pytest.mark.parametrize("unique", [True, False])
def test_a_content_that_stands_twice_is_a_fault_unless_allowed(tmp_path: Path, unique: bool) -> None:
    rows = [file_row("/a.c", "int a;\n", "C"), file_row("/b.c", "int a;\n", "C")]
    report = verify(release_of(tmp_path, rows, unique_contents=unique))
    assert [problem.warning for problem in report.problems] == [not unique]
    assert report.ok is not unique
    assert str(rows[0]["swhid"]) in report.problems[0].what


def test_statistics_that_count_something_else_are_found(release: Path) -> None:
    statistics = read_statistics(release)
    write_statistics(release, msgspec.structs.replace(statistics, dropped=(), by_language=()))
    write_manifest(release, manifest_of(release))
    assert problems(release) == [
        ("statistics.json", "does not count what the shards hold: by_language, dropped")
    ]


def test_rows_are_numbered_through_all_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gristmill.release.manifest.BATCH_ROWS", 7)
    wrong = (0, 6, 7, 33, 39)
    rows = [
        file_row(f"/{n}.c", f"int a{n};\n", "C", **({"released_sha256": "0" * 64} if n in wrong else {}))
        for n in range(40)
    ]
    assert [what for _, what in problems(release_of(tmp_path, rows))] == [
        "released_sha256 is not that of the content in 5 rows (0, 6, 7, ...)"
    ]


def test_a_folder_without_a_manifest_gives_a_report(tmp_path: Path) -> None:
    report = verify(tmp_path)
    assert not report.ok
    assert "manifest.json" in str(report.problems[0])
    assert json.dumps(str(report.problems[0]))
