from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.scan import detect
from gristmill.scan.report import File, Report
from gristmill.scan.run import scan
from gristmill.scan.walk import Unread

MIT = b"SPDX-License-Identifier: MIT\n"


def write(root: Path, files: dict[str, bytes]) -> Path:
    for path, data in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(data)
    return root


def by_path(report: Report) -> dict[str, File]:
    return {one.path: one for one in report.files}


def test_what_applies_and_what_is_stated(tmp_path: Path) -> None:
    report = scan(
        write(
            tmp_path,
            {
                "package.json": b'{"license": "Apache-2.0"}',
                "a.js": b"let a = 1\n",
                "b.js": b"// " + MIT,
                "lib/COPYING": b"SPDX-License-Identifier: GPL-3.0-only\n",
                "lib/c.c": b"int c;\n",
                "picture.png": b"\x89PNG\0\0",
            },
        )
    )
    files = by_path(report)
    assert {path: one.licence.expression for path, one in files.items()} == {
        "a.js": "Apache-2.0",
        "b.js": "MIT",
        "lib/COPYING": "GPL-3.0-only",
        "lib/c.c": "GPL-3.0-only",
        "package.json": "Apache-2.0",
        "picture.png": "Apache-2.0",
    }
    assert (files["b.js"].licence.scope, files["b.js"].stated) == ("file", ("MIT",))
    assert (files["a.js"].licence.scope, files["a.js"].stated) == ("directory", ())
    assert files["lib/c.c"].licence.licence_class == "restricted"
    assert files["a.js"].licence.evidence == ("package.json: package.json 1.00",)
    assert report.licence.expression == "Apache-2.0"


def test_union_adds_what_stands_above(tmp_path: Path) -> None:
    write(tmp_path, {"LICENSE": MIT, "a/LICENSE": b"SPDX-License-Identifier: Zlib\n", "a/b.c": b"int b;\n"})
    assert by_path(scan(tmp_path))["a/b.c"].licence.expression == "Zlib"
    assert by_path(scan(tmp_path, mode="union"))["a/b.c"].licence.expression == "MIT AND Zlib"


def test_nothing_found(tmp_path: Path) -> None:
    report = scan(write(tmp_path, {"a.c": b"int a;\n"}))
    (one,) = report.files
    assert (one.licence.expression, one.licence.licence_class, one.licence.scope) == (None, "none", None)
    assert report.licence.expression is None
    assert scan(tmp_path, exclude=["*"]).files == ()


def test_one_file_is_judged_by_itself(tmp_path: Path) -> None:
    write(tmp_path, {"LICENSE": b"SPDX-License-Identifier: Zlib\n", "a.c": b"// " + MIT, "b.c": b"int b;\n"})
    alone = scan(tmp_path / "a.c")
    assert (alone.licence.expression, [one.path for one in alone.files]) == ("MIT", ["a.c"])
    assert scan(tmp_path / "b.c").licence.expression is None


def test_a_licence_that_is_a_link_counts_and_is_no_file(tmp_path: Path) -> None:
    write(tmp_path, {"LICENSE": MIT, "sub/a.c": b"int a;\n", "sub/package.json": b'{"license": "Zlib"}'})
    (tmp_path / "sub" / "LICENSE").symlink_to("../LICENSE")
    files = by_path(scan(tmp_path))
    assert sorted(files) == ["LICENSE", "sub/a.c", "sub/package.json"]
    assert files["sub/a.c"].licence.expression == "Zlib AND MIT"


def test_other_encodings_are_read(tmp_path: Path) -> None:
    write(tmp_path, {"a.c": ("// " + MIT.decode() + "// ü\n").encode("utf-16")})
    assert by_path(scan(tmp_path))["a.c"].licence.expression == "MIT"


def test_the_words_behind_unlisted_ids_are_kept(tmp_path: Path) -> None:
    report = scan(write(tmp_path, {"a.c": b"// SPDX-License-Identifier: MIT OR LicenseRef-House\n"}))
    assert list(report.texts) == ["LicenseRef-House"]
    assert "LicenseRef-House" in report.texts["LicenseRef-House"]


def test_large_files_are_hashed_and_not_looked_into(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "MAX_BYTES", 10)
    report = scan(write(tmp_path, {"a.c": b"// " + MIT}))
    (one,) = report.files
    assert one.sha1
    assert one.licence.expression is None
    assert report.unread == (Unread("a.c", "not looked into: larger than 10 bytes"),)


def test_batches_do_not_change_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {f"{n}.c": b"// SPDX-License-Identifier: LicenseRef-%d\n" % n for n in range(7)})
    whole = scan(tmp_path)
    monkeypatch.setattr(detect, "BATCH_FILES", 2)
    assert scan(tmp_path) == whole
    assert len(whole.texts) == 7
