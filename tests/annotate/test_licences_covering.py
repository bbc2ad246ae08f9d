from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.licences import covering
from gristmill.annotate.licences.match import Match
from gristmill.spdx import expressions

REUSE = b"""version = 1
SPDX-PackageName = "gr\xc3\xbcn"

[[annotations]]
path = ["docs/**", "*.md"]
precedence = "aggregate"
SPDX-FileCopyrightText = "2020 Jane"
SPDX-License-Identifier = "CC-BY-4.0"

[[annotations]]
path = "src/*.c"
SPDX-License-Identifier = ["MIT", "Apache-2.0 OR ISC"]
"""
DEP5 = b"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: frob

Files: *
Copyright: 2019 A
License: GPL-2+ with OpenSSL exception
 This program is free software ...

Files: lib/*.c lib/?.h
 doc/a\\*b
Copyright: 2020 B
License: Expat

License: Expat
 Permission is hereby granted ...
"""


def facts(match: Match) -> tuple[str, tuple[str, ...], str | None]:
    return match.expression, match.paths, match.precedence


def test_reuse_toml() -> None:
    first, second = covering.find("REUSE.toml", REUSE)
    assert facts(first) == ("CC-BY-4.0", ("docs/**", "*.md"), "aggregate")
    assert facts(second) == ("MIT AND (Apache-2.0 OR ISC)", ("src/*.c",), "closest")
    assert REUSE[first.start : first.end].startswith(b"path = [")
    assert b"CC-BY-4.0" in REUSE[first.start : first.end]
    assert REUSE[second.start : second.end].startswith(b'path = "src')


def test_annotations_on_one_line_have_spans_of_their_own() -> None:
    text = b'annotations = [{path = "a", SPDX-License-Identifier = "MIT"}, {path = "b", SPDX-License-Identifier = "ISC"}]'
    found = covering.find("REUSE.toml", text)
    assert [one.expression for one in found] == ["MIT", "ISC"]
    assert len({(one.start, one.end) for one in found}) == 2


def test_debian_copyright() -> None:
    first, second = covering.find("copyright", DEP5)
    assert facts(first) == ("GPL-2.0-or-later", ("*",), "default")
    assert facts(second) == ("MIT", ("lib/*.c", "lib/?.h", "doc/a\\*b"), "closest")
    assert DEP5[second.start : second.end].startswith(b"Files: lib")
    assert {one.precedence for one in covering.find("dep5", DEP5)} == {"aggregate"}


@pytest.mark.parametrize(
    "text",
    [
        b"Copyright 2020 Jane\n\nFiles: *\nLicense: MIT\n",
        b"",
        b"\xff\xfe\x00",
        b"[[annotations]]\npath = 3\n",
        b"[" * 100_000,
    ],
)
def test_other_files_say_nothing(text: bytes) -> None:
    for name in covering.NAMES:
        assert covering.find(name, text) == []


@pytest.mark.parametrize(
    ("synopsis", "expression"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("Apache-2.0", "Apache-2.0"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("GPL-1+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
        ("MIT and GPL-3 or ISC", "(MIT AND GPL-3.0-only) OR ISC"),
        ("GPL-2+ or Artistic-2.0, and BSD-3-clause", "(GPL-2.0-or-later OR Artistic-2.0) AND BSD-3-Clause"),
        ("GPL-2 with Classpath exception", "GPL-2.0-only WITH Classpath-exception-2.0"),
    ],
)
def test_short_names(synopsis: str, expression: str) -> None:
    found = covering.short_name(synopsis)
    assert found is not None
    assert expressions.normalise(found) == expressions.normalise(expression)


def test_what_nobody_knows_is_not_taken_for_a_licence() -> None:
    found = covering.short_name("frobnicate-house-rules")
    assert found is not None
    assert found.startswith("LicenseRef-")


@given(st.text(alphabet="GPLMITandorwith-+,. 123()", max_size=80))
@settings(max_examples=150, deadline=None)
def test_any_synopsis_gives_an_expression_or_nothing(synopsis: str) -> None:
    found = covering.short_name(synopsis)
    assert found is None or expressions.normalise(found) is not None


def test_many_statements_are_bounded() -> None:
    one = b'[[annotations]]\npath = "a"\nSPDX-License-Identifier = "MIT"\n'
    assert len(covering.find("REUSE.toml", one * 3000)) == covering.MAX_STATEMENTS
