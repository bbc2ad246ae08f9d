"""licences.json and NOTICE of real builds: what they say, that verify covers them, what a change costs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from gristmill.errors import ReleaseError
from gristmill.pipeline import Built
from gristmill.release import licences
from gristmill.release.licences import count_licences, licence_report, read_licence_report
from gristmill.release.manifest import canonical_json, file_digest, read_manifest, write_manifest
from gristmill.release.notice import read_origin_lines
from gristmill.release.statistics import LicenceCount, Statistics
from gristmill.release.verify import verify
from mill import GPL, MIT, functions, hashes, make, recipe, tasks, write_files

APACHE = b"# SPDX-License-Identifier: Apache-2.0\n"
GPL2 = b"# SPDX-License-Identifier: GPL-2.0-only\n"
DUAL = b"/* SPDX-License-Identifier: MIT OR Apache-2.0 */\nint x;\n"
POLICY = '[policy.licences]\nallow = ["blue-oak:silver", "category:Copyleft", "none"]\n'


def sources(folder: Path) -> list[str]:
    """Two origins with five licences."""
    write_files(
        folder / "a", {"LICENSE": MIT, "a.py": functions([1]), "b.c": DUAL, "g.py": functions([7], GPL)}
    )
    write_files(
        folder / "b",
        {"a.py": functions([2], APACHE), "c.py": functions([3], GPL2), "d.py": functions([5], b"")},
    )
    return [f"dir:{folder}/a", f"dir:{folder}/b"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("licences")
    return make(folder / "w", recipe(sources(folder), POLICY))


def test_the_release_says_what_conflicts_and_what_is_asked(built: Built) -> None:
    folder = built.released.folder
    report = read_licence_report(folder)
    assert {row.licence: row.files for row in report.licences} == {
        "MIT": 2, "Apache-2.0": 2, "GPL-2.0-only": 1, "GPL-3.0-only": 1,
    }  # fmt: skip
    assert report.files_without_licence == 1
    (apache,) = [row for row in report.licences if row.licence == "Apache-2.0"]
    assert apache.obligations == ("attribution", "licence_text", "notice", "state_changes")
    assert (apache.blue_oak, apache.category, apache.license_class) == ("Silver", "Permissive", "permissive")
    found = report.compatibility
    assert [pair.parts for pair in found.conflict] == [
        ("Apache-2.0", "GPL-2.0-only"),
        ("GPL-2.0-only", "GPL-3.0-only"),
    ]
    assert found.parts == 5
    assert sum(found.pairs.values()) == 10
    listed = {file.path for file in read_manifest(folder).files}
    assert listed == {"NOTICE", "licences.json", "statistics.json"}
    assert "`NOTICE` names every origin" in (folder / "README.md").read_text()


def test_the_notice_names_each_origin_and_has_each_text(built: Built) -> None:
    folder = built.released.folder
    first, second = [line.split("\t") for line in read_origin_lines(folder)]
    states = [
        part.anchor for part in sorted(built.released.manifest.inputs, key=lambda part: part.origin_url)
    ]
    assert [first[1], second[1]] == states
    assert first[0].endswith("/a")
    assert sorted(first[2].split(" AND ")) == ["(MIT OR Apache-2.0)", "GPL-3.0-only", "MIT"]
    assert second[2] == "Apache-2.0 AND GPL-2.0-only; no licence was found for 1 files"
    text = (folder / "NOTICE").read_text()
    for licence in ("MIT", "Apache-2.0", "GPL-2.0-only", "GPL-3.0-only"):
        assert text.count(f"\n{licence}\n====") == 1


def test_neither_order_nor_workspace_changes_them(built: Built, tmp_path: Path) -> None:
    folder = built.released.folder.parents[2]
    again = make(tmp_path / "w", recipe([f"dir:{folder}/b", f"dir:{folder}/a"], POLICY))
    ours, theirs = hashes(again.released.folder), hashes(built.released.folder)
    assert {name: ours[name] for name in ("NOTICE", "licences.json")} == {
        name: theirs[name] for name in ("NOTICE", "licences.json")
    }


def test_a_change_counts_only_its_own_origins_again(tmp_path: Path) -> None:
    names = sources(tmp_path)
    make(tmp_path / "w", recipe(names, POLICY))
    before = {task for task in tasks(tmp_path / "w") if task.startswith("release-rows/")}
    write_files(tmp_path / "b", {"e.py": functions([9], MIT)})
    folder = make(tmp_path / "w", recipe(names, POLICY)).released.folder
    after = {task for task in tasks(tmp_path / "w") if task.startswith("release-rows/")}
    assert len(after - before) == 1
    assert read_origin_lines(folder)[1].endswith(
        "\tApache-2.0 AND GPL-2.0-only AND MIT; no licence was found for 1 files"
    )
    assert verify(folder).ok


def test_a_release_of_nothing_has_both(tmp_path: Path) -> None:
    write_files(tmp_path / "a", {"a.py": functions([1], GPL)})
    folder = make(tmp_path / "w", recipe([f"dir:{tmp_path}/a"])).released.folder
    assert read_licence_report(folder).licences == ()
    assert read_origin_lines(folder) == []
    assert verify(folder).ok


def resign(folder: Path, name: str, data: bytes) -> None:
    """Change a file, and the manifest with it."""
    (folder / name).write_bytes(data)
    manifest = read_manifest(folder)
    files = tuple(
        msgspec.structs.replace(file, bytes=len(data), sha256=file_digest(folder / name))
        if file.path == name
        else file
        for file in manifest.files
    )
    write_manifest(folder, msgspec.structs.replace(manifest, files=files))


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("NOTICE", b"/b\t", b"/c\t", "does not name the origins and licences of the files, for example"),
        ("NOTICE", b"Origins (", b"Origins [", "has no list of origins"),
        ("licences.json", b'"files": 2,', b'"files": 3,', "does not count the files under each licence"),
        ("licences.json", b'"files_without_licence": 1', b'"files_without_licence": 0', "does not count the files"),
        ("licences.json", b'"format_version": 1', b'"format_version": 9', "format version 9"),
        ("licences.json", b'"licences"', b'"licenses"', "not the licence report of a release"),
    ],
)  # fmt: skip
def test_verify_compares_them_with_the_rows(
    built: Built, tmp_path: Path, name: str, old: bytes, new: bytes, says: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built.released.folder, folder)
    data = (folder / name).read_bytes()
    resign(folder, name, data.replace(old, new, 1))
    problems = verify(folder).problems
    assert [problem.file for problem in problems] == [name]
    assert says in problems[0].what


@pytest.mark.parametrize("name", ["NOTICE", "licences.json"])
def test_verify_misses_a_file_that_is_gone(built: Built, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(built.released.folder, folder)
    (folder / name).unlink()
    assert (name, "missing") in [(problem.file, problem.what) for problem in verify(folder).problems]


def with_licences(built: Built, rows: list[LicenceCount]) -> Statistics:
    return msgspec.structs.replace(built.released.statistics, by_licence=tuple(rows))


def test_the_number_of_pairs_is_bounded(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(licences, "COMPARED", 4)
    monkeypatch.setattr(licences, "LISTED_PAIRS", 2)
    rows = [LicenceCount(f"LicenseRef-{n}", "non_permissive", n, n) for n in range(1, 8)]
    found = licence_report(with_licences(built, rows)).compatibility
    assert (found.parts, found.not_compared, found.pairs["unknown"]) == (7, 3, 6)
    assert [pair.parts for pair in found.unknown] == [
        ("LicenseRef-7", "LicenseRef-6"),
        ("LicenseRef-7", "LicenseRef-5"),
    ]


def test_an_expression_that_is_none_is_refused(built: Built) -> None:
    for text in ("MIT AND", "mit", "(" * 5000):
        with pytest.raises(ReleaseError, match="is not an SPDX expression in normal form"):
            count_licences(with_licences(built, [LicenceCount(text, "permissive", 1, 1)]))


def test_the_report_is_canonical_json(built: Built) -> None:
    path = built.released.folder / "licences.json"
    assert canonical_json(json.loads(path.read_bytes())) == path.read_bytes()
