from __future__ import annotations

import hashlib
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill import tables
from gristmill.annotate import licences as annotator
from gristmill.decide.licences import apply
from gristmill.spdx import classes

GPL_HEADER = b"""/* This program is free software: you can redistribute it and/or modify it under the terms of the GNU
 * General Public License as published by the Free Software Foundation, either version 3 of the License, or
 * (at your option) any later version. */"""
MIT = b"SPDX-License-Identifier: MIT\n"
APACHE = b"SPDX-License-Identifier: Apache-2.0\n"
GPL = b"SPDX-License-Identifier: GPL-3.0-only\n"
CODE = b"print('hello')\n"


def blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def decide(
    files: dict[str, bytes],
    declared: str | None = None,
    mode: str = "nearest",
    types: dict[str, str] | None = None,
    vendored: str = "own",
) -> dict[str, dict[str, Any]]:
    """Annotate the files with the real annotator, then decide; path -> row."""
    names: dict[bytes, set[str]] = {}
    for path, data in files.items():
        names.setdefault(data, set()).add(path.rpartition("/")[2])
    batch = pa.record_batch(
        {
            "content_id": pa.array([blob(data) for data in names], pa.string()),
            "text": pa.array(list(names), pa.binary()),
            "names": pa.array([sorted(one) for one in names.values()], pa.list_(pa.string())),
        }
    )
    matches = pa.Table.from_batches([annotator.annotate(batch)])
    result = apply(entries(files, types or {}), matches, declared, mode, vendored)
    assert result.schema == tables.LICENCES.schema
    assert result["path"].to_pylist() == list(files)
    return {row["path"]: row for row in result.to_pylist()}


def entries(files: dict[str, bytes], types: dict[str, str]) -> pa.Table:
    paths = list(files)
    return pa.table(
        {
            "origin_id": pa.array(["o"] * len(paths), pa.string()),
            "anchor": pa.array(["swh:1:rev:0"] * len(paths), pa.string()),
            "path": pa.array(paths, pa.string()),
            "name": pa.array([path.rpartition("/")[2] for path in paths], pa.string()),
            "content_id": pa.array([blob(data) for data in files.values()], pa.string()),
            "type": pa.array([types.get(path, "file") for path in paths], pa.string()),
        }
    )


def expressions_of(rows: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    return {path: row["expression"] for path, row in rows.items()}


def test_no_evidence_is_none_and_not_permissive() -> None:
    row = decide({"a.py": CODE, "d/b.py": CODE})["d/b.py"]
    assert (row["expression"], row["licence_class"], row["scope"], row["evidence"]) == (
        None,
        "none",
        None,
        [],
    )


def test_order_of_evidence() -> None:
    files = {"LICENSE": MIT, "a.py": CODE, "b.c": GPL_HEADER, "sub/c.py": CODE}
    rows = decide(files, declared="Apache-2.0")
    assert expressions_of(rows) == {
        "LICENSE": "MIT",
        "a.py": "MIT",
        "b.c": "GPL-3.0-or-later",
        "sub/c.py": "MIT",
    }
    assert [rows[path]["scope"] for path in files] == ["file", "directory", "file", "directory"]
    assert rows["b.c"]["licence_class"] == "restricted"
    assert rows["sub/c.py"]["evidence"] == ["LICENSE: spdx-tag 1.00"]


def test_declared_counts_only_without_other_evidence() -> None:
    row = decide({"a.py": CODE}, declared="Apache 2.0")["a.py"]
    assert (row["expression"], row["scope"], row["evidence"]) == (
        "Apache-2.0",
        "origin",
        ["declared: Apache 2.0"],
    )
    assert decide({"a.py": CODE}, declared="house rules")["a.py"]["licence_class"] == "unknown"
    assert decide({"a.py": CODE}, declared="NOASSERTION")["a.py"]["licence_class"] == "none"


def test_a_nested_licence_overrides_and_union_adds() -> None:
    files = {"LICENSE": MIT, "sub/lib/COPYING": GPL, "sub/lib/src/x.c": CODE, "sub/y.c": CODE}
    nearest = decide(files)
    assert nearest["sub/lib/src/x.c"]["expression"] == "GPL-3.0-only"
    assert nearest["sub/y.c"]["expression"] == "MIT"
    union = decide(files, mode="union")
    assert union["sub/lib/src/x.c"]["expression"] == "MIT AND GPL-3.0-only"
    assert union["sub/y.c"]["expression"] == "MIT"


@pytest.mark.parametrize("mode", ["nearest", "union"])
def test_other_peoples_work_takes_nothing_from_above(mode: str) -> None:
    files = {
        "LICENSE": MIT,
        "vendor/one/COPYING": GPL,
        "vendor/one/src/x.c": CODE,
        "vendor/two/y.c": CODE,
        "web/node_modules/left/package.json": b'{"license": "ISC"}',
        "web/node_modules/left/index.js": CODE,
        "web/node_modules/right/index.js": CODE,
        "vendors.py": CODE,
    }
    rows = decide(files, declared="MIT", mode=mode)
    assert expressions_of(rows) == {
        "LICENSE": "MIT",
        "vendor/one/COPYING": "GPL-3.0-only",
        "vendor/one/src/x.c": "GPL-3.0-only",
        "vendor/two/y.c": None,
        "web/node_modules/left/package.json": "ISC",
        "web/node_modules/left/index.js": "ISC",
        "web/node_modules/right/index.js": None,
        "vendors.py": "MIT",
    }
    assert rows["vendor/two/y.c"]["licence_class"] == "none"
    assert rows["vendor/two/y.c"]["evidence"] == ["vendor/: holds other people's work and states no licence"]
    inherited = decide(files, mode=mode, vendored="inherit")
    assert inherited["vendor/two/y.c"]["expression"] == "MIT"


def test_a_licence_file_of_the_folder_of_other_peoples_work_holds_below_it() -> None:
    files = {"LICENSE": MIT, "third_party/LICENSE": APACHE, "third_party/a/b.c": CODE}
    assert decide(files)["third_party/a/b.c"]["expression"] == "Apache-2.0"


def test_a_directory_whose_name_begins_alike_is_another() -> None:
    files = {"a/LICENSE": GPL, "a-b/x.py": CODE, "a.b/x.py": CODE, "a/x.py": CODE, "ab/x.py": CODE}
    assert expressions_of(decide(files)) == {
        "a/LICENSE": "GPL-3.0-only",
        "a-b/x.py": None,
        "a.b/x.py": None,
        "a/x.py": "GPL-3.0-only",
        "ab/x.py": None,
    }


def test_manifest_chooses_among_the_texts_beside_and_above() -> None:
    files = {
        "LICENSE-MIT": MIT,
        "LICENSE-APACHE": APACHE,
        "Cargo.toml": b'[package]\nlicense = "MIT OR Apache-2.0"\n',
        "src/a.rs": CODE,
        "crates/x/Cargo.toml": b'[package]\nname = "x"\nlicense = "Apache-2.0 OR MIT"\n',
        "crates/x/src/a.rs": CODE,
    }
    rows = decide(files)
    assert rows["src/a.rs"]["expression"] == "MIT OR Apache-2.0"
    assert rows["crates/x/src/a.rs"]["expression"] == "Apache-2.0 OR MIT"
    del files["Cargo.toml"]
    assert decide(files)["src/a.rs"]["expression"] == "Apache-2.0 AND MIT"


def test_a_manifest_does_not_undo_a_licence_file() -> None:
    files = {
        "COPYING": GPL,
        "package.json": b'{"license": "MIT"}',
        "a.js": CODE,
        "sub/package.json": b'{"license":"ISC"}',
    }
    files["sub/b.js"] = CODE
    rows = decide(files)
    assert rows["a.js"]["expression"] == "MIT AND GPL-3.0-only"
    assert rows["sub/b.js"]["expression"] == "ISC AND GPL-3.0-only"


def test_manifests_alone_the_nearest_counts() -> None:
    files = {
        "package.json": b'{"license": "MIT"}',
        "sub/package.json": b'{"license": "GPL-3.0"}',
        "sub/b.js": CODE,
    }
    files["a.js"] = CODE
    rows = decide(files)
    assert rows["a.js"]["expression"] == "MIT"
    assert rows["sub/b.js"]["expression"] == "GPL-3.0-only"


def test_an_unknown_licence_file_stops_what_lies_above() -> None:
    rows = decide(
        {"LICENSE": MIT, "ee/LICENSE": b"Ask our sales people before you read this.", "ee/x.py": CODE}
    )
    assert rows["ee/x.py"]["licence_class"] == "unknown"


def test_what_is_about_others_does_not_spread() -> None:
    files = {
        "LICENSES/GPL-3.0-only.txt": GPL,
        "third_party/THIRD-PARTY-NOTICES.txt": GPL,
        "NOTICE": APACHE,
        "a.py": CODE,
        "LICENSES/readme.py": CODE,
        "third_party/x.py": CODE,
    }
    rows = decide(files)
    assert rows["LICENSES/GPL-3.0-only.txt"]["expression"] == "GPL-3.0-only"
    for path in ("a.py", "LICENSES/readme.py", "third_party/x.py"):
        assert rows[path]["licence_class"] == "none"


def test_a_readme_speaks_only_where_nobody_else_does() -> None:
    readme = b"# x\n\nReleased under the MIT license.\n"
    assert decide({"README.md": readme, "a.py": CODE})["a.py"]["expression"] == "MIT"
    assert decide({"README.md": readme, "LICENSE": GPL, "a.py": CODE})["a.py"]["expression"] == "GPL-3.0-only"
    assert (
        decide({"d/README.md": readme, "LICENSE": GPL, "d/a.py": CODE})["d/a.py"]["expression"]
        == "GPL-3.0-only"
    )


def test_a_reference_takes_the_directory_and_stands_alone_as_unknown() -> None:
    header = b"// Licensed as told. See the LICENSE file for details.\n"
    row = decide({"LICENSE": MIT, "a.go": header})["a.go"]
    assert (row["expression"], row["scope"]) == ("MIT", "file")
    assert any("LICENSE" in line for line in row["evidence"])
    assert row["evidence"] == ["a.go: notice/see-file 1.00", "LICENSE: spdx-tag 1.00"]
    assert decide({"a.go": header})["a.go"]["licence_class"] == "unknown"
    assert decide({"a.go": header}, declared="ISC")["a.go"]["expression"] == "ISC"


def test_a_reference_is_looked_for_beside_the_file_and_then_above() -> None:
    header = b"// See the file COPYING.txt for license details; see the COPYING.txt file.\n"
    files = {"LICENSE": MIT, "COPYING.txt": GPL, "a/b/x.c": header, "a/COPYING.txt": APACHE, "c/y.c": header}
    rows = decide(files)
    assert rows["a/b/x.c"]["expression"] == "Apache-2.0"
    assert rows["c/y.c"]["expression"].startswith("GPL-3.0")
    assert any(line.startswith("COPYING.txt") for line in rows["c/y.c"]["evidence"])


def test_a_reference_out_of_the_tree_or_to_itself_takes_the_directory() -> None:
    header = b"# See the LICENSE file ../../../LICENSE for license information.\n"
    rows = decide({"LICENSE": b"See the LICENSE file for license details.\n", "a.py": header}, declared="ISC")
    assert rows["a.py"]["expression"] == "ISC"


def test_submodules_get_nothing_and_other_entries_the_directory() -> None:
    files = {"LICENSE": MIT, "sub": b"commit", "link": b"../x"}
    rows = decide(files, declared="MIT", types={"sub": "submodule", "link": "symlink"})
    assert rows["sub"]["licence_class"] == "none"
    assert rows["link"]["expression"] == "MIT"


def test_linked_licence_files() -> None:
    files = {"LICENSE": GPL, "a/LICENSE": MIT, "a/b/LICENSE": b"../../LICENSE", "a/b/x.py": CODE}
    files |= {"c/LICENSE": b"../elsewhere.txt", "c/x.py": CODE}
    rows = decide(files, types={"a/b/LICENSE": "symlink", "c/LICENSE": "symlink"})
    assert rows["a/b/x.py"]["expression"] == "GPL-3.0-only"
    assert rows["c/x.py"]["licence_class"] == "unknown"


def test_a_choice_stays_a_choice_and_a_rider_restricts() -> None:
    rows = decide({"a.py": b"# SPDX-License-Identifier: MIT OR GPL-2.0-only\n"})
    assert (rows["a.py"]["expression"], rows["a.py"]["licence_class"]) == (
        "MIT OR GPL-2.0-only",
        "permissive",
    )
    rows = decide(
        {
            "LICENSE": MIT + b"\nFor non-commercial use only.\n",
            "package.json": b'{"license": "MIT"}',
            "a.js": CODE,
        }
    )
    assert rows["a.js"]["licence_class"] == "restricted"


def test_same_path_in_two_anchors_and_empty_input() -> None:
    files = {"LICENSE": MIT, "a.py": CODE}
    both = pa.concat_tables([entries(files, {}), entries({"LICENSE": GPL}, {})])
    rows = [
        {
            "content_id": blob(data),
            "kind": "tag",
            "expression": name,
            "rule": "spdx-tag",
            "start": 0,
            "end": 1,
            "score": 1.0,
        }
        for data, name in ((MIT, "MIT"), (GPL, "GPL-3.0-only"))
    ]
    matches = pa.Table.from_pylist(rows, schema=tables.LICENCE_MATCHES.schema)
    result = apply(both, matches, None, "union")
    assert set(result["expression"].to_pylist()[1].split(" AND ")) == {"MIT", "GPL-3.0-only"}
    assert apply(both.slice(0, 0), matches, None).num_rows == 0


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(ValueError, match="'nearest' or 'union'"):
        decide({"a": CODE}, mode="closest")


segments = st.sampled_from(["a", "b", "a-b", "LICENSES"])
folders = st.lists(segments, max_size=3).map(lambda parts: "".join(f"{part}/" for part in parts))
trees = st.dictionaries(
    st.tuples(folders, st.sampled_from(["LICENSE", "x.py", "NOTICE"])).map("".join),
    st.sampled_from([MIT, GPL, CODE]),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(trees)
def test_directories_agree_with_a_plain_search_upwards(files: dict[str, bytes]) -> None:
    stated = {MIT: "MIT", GPL: "GPL-3.0-only"}
    files = {path: data for path, data in files.items() if not (path.endswith("LICENSE") and data == CODE)}
    for path, expression in expressions_of(decide(files)).items():
        expected = stated.get(files[path])
        folder = path.rpartition("/")[0]
        while expected is None:
            above = f"{folder}/LICENSE" if folder else "LICENSE"
            if "LICENSES" not in folder.split("/"):
                expected = stated.get(files.get(above, b""))
            if not folder:
                break
            folder = folder.rpartition("/")[0]
        assert expression == expected


@settings(max_examples=40, deadline=None)
@given(trees, st.sampled_from(["nearest", "union"]))
def test_permissive_never_without_evidence(files: dict[str, bytes], mode: str) -> None:
    for row in decide(files, mode=mode).values():
        assert (row["licence_class"] == "none") == (row["evidence"] == [])
        assert row["licence_class"] == classes.classify(row["expression"])
