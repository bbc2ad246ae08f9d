"""REUSE.toml, dep5, debian/copyright and FILE.license, from the bytes of a tree to what applies to each file."""

from __future__ import annotations

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_licences import CODE, GPL, MIT, decide, expressions_of

from gristmill.decide import licence_globs


def annotation(path: str, licence: str, precedence: str = "closest") -> bytes:
    return (
        f'[[annotations]]\npath = "{path}"\nprecedence = "{precedence}"\nSPDX-FileCopyrightText = "2020 A"\n'
        f'SPDX-License-Identifier = "{licence}"\n\n'
    ).encode()


def reuse(*annotations: bytes) -> bytes:
    return b"version = 1\n\n" + b"".join(annotations)


def dep5(*paragraphs: tuple[str, str]) -> bytes:
    head = "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\n"
    return (head + "".join(f"Files: {files}\nLicense: {name}\n\n" for files, name in paragraphs)).encode()


def matches(glob: str, path: str, rule: str = "REUSE.toml", root: str = "") -> bool:
    pattern = licence_globs._pattern(root, [glob], rule)
    (hit,) = pa.compute.match_substring_regex(pa.array([path]), pattern).to_pylist()
    return bool(hit)


@pytest.mark.parametrize(
    ("glob", "path", "hit"),
    [
        ("*.md", "a.md", True),
        ("*.md", "d/a.md", False),
        ("**/*.md", "d/e/a.md", True),
        ("**", "any/thing", True),
        ("src/*", "src/a.c", True),
        ("src/*", "src/d/a.c", False),
        ("src/**", "src/d/a.c", True),
        ("src", "src/a.c", False),
        (r"a\*b", "a*b", True),
        (r"a\*b", "axb", False),
        ("a+(b)", "a+(b)", True),
        ("a.c", "abc", False),
        ("./a.c", "a.c", True),
        ("line\nbreak", "line\nbreak", True),
    ],
)
def test_globs_of_reuse(glob: str, path: str, hit: bool) -> None:
    assert matches(glob, path) is hit


@pytest.mark.parametrize(
    ("glob", "path", "hit"),
    [
        ("*", "a/b", True),
        ("*.c", "a/b.c", True),
        ("a?c", "abc", True),
        ("a?c", "ac", False),
        (r"a\?", "a?", True),
    ],
)
def test_globs_of_dep5(glob: str, path: str, hit: bool) -> None:
    assert matches(glob, path, "dep5") is hit


@given(st.text(alphabet="ab*/?.\\", min_size=1, max_size=8), st.text(alphabet="ab/?.", max_size=8))
@settings(max_examples=300, deadline=None)
def test_a_glob_is_what_its_words_say(glob: str, path: str) -> None:
    """Against Python's own matcher, of a pattern built one character at a time."""
    expected, place = "", 0
    text = glob.removeprefix("./")
    while place < len(text):
        if text[place] == "\\" and place + 1 < len(text):
            expected += re.escape(text[place + 1])
            place += 2
        elif text[place] == "*":
            stars = len(text[place:]) - len(text[place:].lstrip("*"))
            expected += ".*" if stars > 1 else "[^/]*"
            place += stars
        else:
            expected += re.escape(text[place])
            place += 1
    assert matches(glob, path) is bool(re.fullmatch(expected, path, re.DOTALL))


def test_a_glob_of_many_stars_ends() -> None:
    assert not matches("*a" * 300 + "b", "a" * 4000)


def test_the_nearest_reuse_toml_and_the_last_annotation_speak() -> None:
    files = {
        "LICENSE": GPL,
        "REUSE.toml": reuse(annotation("**", "MIT"), annotation("docs/**", "CC-BY-4.0")),
        "docs/REUSE.toml": reuse(annotation("*.png", "CC0-1.0")),
        "docs/a.png": b"PNG",
        "docs/a.txt": CODE,
        "src/a.py": CODE,
        "src/own.py": b"# SPDX-License-Identifier: ISC\n",
    }
    rows = decide(files)
    assert rows["docs/a.png"]["expression"] == "CC0-1.0"
    assert rows["docs/a.txt"]["expression"] == "CC-BY-4.0"
    assert rows["src/own.py"]["expression"] == "ISC"
    row = rows["src/a.py"]
    assert (row["expression"], row["scope"], row["evidence"]) == (
        "MIT",
        "path",
        ["REUSE.toml: REUSE.toml **"],
    )


def test_precedence() -> None:
    own = b"# SPDX-License-Identifier: ISC\n"
    for precedence, expression in (("closest", "ISC"), ("aggregate", "ISC AND MIT"), ("override", "MIT")):
        files = {"REUSE.toml": reuse(annotation("**", "MIT", precedence)), "d/a.py": own}
        assert decide(files)["d/a.py"]["expression"] == expression
    nested = {
        "REUSE.toml": reuse(annotation("**", "MIT", "override")),
        "d/REUSE.toml": reuse(annotation("**", "Apache-2.0", "override")),
        "d/a.py": own,
    }
    assert decide(nested)["d/a.py"]["expression"] == "MIT"


def test_a_side_file_speaks_for_its_file_alone_and_in_its_place() -> None:
    files = {
        "LICENSE": MIT,
        "a.png": b"PNG",
        "a.png.license": b"SPDX-FileCopyrightText: 2020 A\n\nSPDX-License-Identifier: CC-BY-4.0\n",
        "b.png": b"PNG2",
        "c.py": b"# SPDX-License-Identifier: ISC\n",
        "c.py.license": GPL,
    }
    found = expressions_of(decide(files))
    assert (found["a.png"], found["b.png"], found["c.py"]) == ("CC-BY-4.0", "MIT", "GPL-3.0-only")


def test_dep5_of_reuse_adds_to_what_the_file_says() -> None:
    files = {
        ".reuse/dep5": dep5(("img/*", "CC0-1.0"), ("src/*", "MIT")),
        "img/deep/a.png": b"PNG",
        "src/a.py": b"# SPDX-License-Identifier: ISC\n",
        "other.py": CODE,
    }
    found = expressions_of(decide(files))
    assert (found["img/deep/a.png"], found["src/a.py"], found["other.py"]) == ("CC0-1.0", "ISC AND MIT", None)


def test_debian_copyright_speaks_where_the_file_does_not() -> None:
    files = {
        "debian/copyright": dep5(("*", "GPL-3+"), ("lib/*", "Expat"), ("debian/*", "GPL-2+")),
        "debian/rules": CODE,
        "lib/a.c": CODE,
        "lib/own.c": b"/* SPDX-License-Identifier: ISC */\n",
        "main.c": CODE,
    }
    found = expressions_of(decide(files))
    assert found["debian/rules"] == "GPL-2.0-or-later"
    assert (found["lib/a.c"], found["lib/own.c"]) == ("MIT", "ISC")
    assert found["main.c"] == "GPL-3.0-or-later"
    above = expressions_of(decide(files | {"LICENSE": MIT}))
    assert (above["main.c"], above["lib/a.c"]) == ("MIT", "MIT")


def test_globs_reach_nothing_above_their_directory() -> None:
    files = {"d/REUSE.toml": reuse(annotation("**", "MIT")), "a.py": CODE, "dd/a.py": CODE, "d/e/a.py": CODE}
    found = expressions_of(decide(files))
    assert (found["a.py"], found["dd/a.py"], found["d/e/a.py"]) == (None, None, "MIT")
