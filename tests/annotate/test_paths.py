from __future__ import annotations

import subprocess
import sys
from pathlib import PurePosixPath

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate import linguist, paths
from gristmill.errors import StageError


def annotate(names: list[str]) -> dict[str, dict[str, object]]:
    result = paths.annotate(pa.RecordBatch.from_arrays([pa.array(names, pa.string())], names=["path"]))
    assert result.schema.equals(paths.TABLE.schema)
    result.validate(full=True)
    return {row["path"]: row for row in result.to_pylist()}


def test_linguist_flags() -> None:
    rows = annotate(
        [
            "src/main.py",
            "node_modules/left-pad/index.js",
            "vendor/github.com/a/b.go",
            "tests/test_a.py",
            "src/test/java/ATest.java",
            "docs/guide.md",
            "README.md",
        ]
    )
    assert [path for path, row in rows.items() if row["vendored"]] == [
        "node_modules/left-pad/index.js",
        "vendor/github.com/a/b.go",
    ]
    assert [path for path, row in rows.items() if row["test"]] == [
        "src/test/java/ATest.java",
        "tests/test_a.py",
    ]
    assert [path for path, row in rows.items() if row["documentation"]] == ["README.md", "docs/guide.md"]


@pytest.mark.parametrize(
    ("path", "extension"),
    [
        ("a.PY", "py"),
        ("a/b.tar.gz", "gz"),
        ("a.d/Makefile", ""),
        (".gitignore", "gitignore"),
        ("a.", ""),
        ("", ""),
        ("a/É.ÉÀ", "éà"),
        ("line\nfeed.c\n", "c\n"),
        ("a.x/", ""),
    ],
)
def test_extension(path: str, extension: str) -> None:
    assert annotate([path])[path]["extension"] == extension


def test_paths_are_distinct_and_sorted() -> None:
    names = ["b", "a/z", "\U0001f600", "b", "a", "\uffff", "a/z"]
    assert list(annotate(names)) == ["a", "a/z", "b", "\uffff", "\U0001f600"]
    assert annotate([]) == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=st.sampled_from("aB./\\\0\n-é漢 test"), max_size=30), max_size=20))
def test_any_path_has_an_answer(names: list[str]) -> None:
    rows = annotate(names)
    assert list(rows) == sorted(set(names), key=str.encode)
    for name, row in rows.items():
        last = name.rsplit("/", 1)[-1]
        assert row["extension"] == (last.rsplit(".", 1)[1].lower() if "." in last else "")


def test_a_very_long_path_keeps_its_end() -> None:
    assert linguist.plain("é" * 10_000 + "/vendor/a.go").endswith("é/vendor/a.go")
    assert len(linguist.plain("é" * 10_000 + "x").encode()) <= linguist.MAX_NAME_BYTES + 3
    assert linguist.plain("a\0b\ud800") == "ab?"
    assert annotate(["d/" * 100_000 + "node_modules/a.js"]).popitem()[1]["vendored"]
    assert PurePosixPath(linguist.plain("a/b.c")).suffix == ".c"


def test_importing_the_annotators_does_not_start_go() -> None:
    program = (
        "import sys, gristmill.annotate.paths, gristmill.annotate.languages; sys.exit('enry' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_use_in_a_forked_child_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    module, owner = linguist._load()
    assert linguist.library() is module
    monkeypatch.setattr(linguist.os, "getpid", lambda: owner + 1)
    with pytest.raises(StageError, match="spawn"):
        linguist.library()
