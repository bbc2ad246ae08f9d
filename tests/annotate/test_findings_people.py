from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import patterns, people


def found(text: str) -> list[tuple[str, float]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(data[hit.start : hit.end].decode(), hit.score) for _, hit in hits if hit.type == "name"]


def handles(text: str) -> list[str]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [data[hit.start : hit.end].decode() for _, hit in hits if hit.rule == "author-handle"]


NAMES = [
    "Ada Lindqvist",
    "Łukasz Wróbel",
    "Vincent van der Meer",
    "J. R. Hartwell",
    "Anne-Marie O'Neill",
    "María de la Cruz Soto",
    "Иван Петров",
    "D. Eppner",
    "Craig McAllister",
    "Bo Ångström",
    "Ivan A. Melnikov",
    "Will Bell",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "frame",
    [
        "{} <ab@firm.de>",
        " * @author {}\n",
        " * @author  {} <ab@firm.de>\n",
        "# Author: {}\n",
        ":Author: {}\n",
        "\\author{{{}}}",
        "\\author[1]{{{}}}",
        '__author__ = "{}"',
        "author='{}',",
        '"author": "{}",',
        '"author": {{"name": "{}", "url": "x"}}',
        'authors = ["{} <ab@firm.de>"]',
        'authors = [{{name = "{}", email = "ab@firm.de"}}]',
        '{{email = "ab@firm.de", name = "{}"}}',
        '{{"name": "{}", "email": "ab@firm.de"}}',
        "Signed-off-by: {} <ab@firm.de>",
        "Co-authored-by: {} <ab@firm.de>\n",
        "Reviewed-by: {}\n",
        '<meta name="author" content="{}">',
        "<author>{}</author>",
        "# Written by {}\n",
        "//  Created by {} on 1/2/14.",
        "Thanks to {} <ab@firm.de>",
    ],
)
def test_names(frame: str, name: str) -> None:
    assert found("é\n" + frame.format(name)) == [(name, 0.85)]


@pytest.mark.parametrize(
    "frame", ["Author: {}", "authors: {}\n", ":Authors: {}", "@author {}", 'authors=["{}"]']
)
@pytest.mark.parametrize("separator", [", ", " and ", "; ", " & ", '", "'])
def test_each_name_of_a_list(frame: str, separator: str) -> None:
    if ('"' in separator) != ('"' in frame):
        return
    assert [name for name, _ in found(frame.format(separator.join(NAMES[:4])))] == NAMES[:4]


@pytest.mark.parametrize(
    "text",
    [
        "Copyright (c) 2019 {}\n",
        "Copyright 2019-2021, {}.",
        "Copyright © 2019 by {}\n",
        "Copyright 2014 {} <ab@firm.de>",
        "(c) 2001 {} <ab@firm.de>",
        ":copyright: (c) 2012 by {}.",
        "\\u00a9 Copyright 2012, {}, all rights",
    ],
)
def test_a_copyright_notice_is_left_to_high_sensitivity(text: str) -> None:
    assert found(text.format(NAMES[0])) == [(NAMES[0], 0.35)]
    assert found(text.format("Gregory P. Wardle")) == [("Gregory P. Wardle", 0.35)]


@pytest.mark.parametrize(
    "name",
    [
        "The Foo Authors",
        "Acme Inc.",
        "Acme Widgets GmbH",
        "Foo Team",
        "The Contributors",
        "Your Name",
        "John Doe",
        "Jane Doe",
        "Foo Bar",
        "dependabot[bot]",
        "Renovate Bot",
        "University of Bonn",
        "Python Software Foundation",
        "lower case",
        "UPPER CASE",
        "Single",
        "self.author",
        "HttpServer ClassName",
        "Number 5",
        "<NAME>",
        "",
        "作者",
    ],
)
@pytest.mark.parametrize(
    "frame",
    [
        "{} <ab@firm.de>",
        "@author {}",
        "Author: {}\n",
        '"author": "{}"',
        "Signed-off-by: {} <ab@firm.de>",
        "Copyright 2020 {}",
    ],
)
def test_what_is_no_person(frame: str, name: str) -> None:
    assert found(frame.format(name)) == []


@pytest.mark.parametrize(
    "text",
    [
        "author: Author = None",
        "the author Ada Lindqvist",
        "coauthor: x; authority: Ada Lindqvist",
        "authors = get_authors(Book Title)",
        "authorize: Allow Access",
        "step-by: Ada Lindqvist"[:8],
        "written by hand. Do It",
        "self.author = Author(name)",
        "created by default. Some Thing",
        "author_id: Int Value",
    ],
)
def test_code_that_speaks_of_authors(text: str) -> None:
    assert found(text) == []


def test_firms_behind_a_comma() -> None:
    assert found("Author: Ada Widgets, Inc.") == []


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        (" * @author alindqvist\n", ["alindqvist"]),
        ("__author__ = 'a.lindqvist'\n", ["a.lindqvist"]),
        (" * @author string\n", []),
        ("author = 'alindqvist'\n", []),
        ("@author is a tag\n", []),
    ],
)
def test_handles(text: str, handle: list[str]) -> None:
    assert handles(text) == handle


@given(st.text(max_size=60))
def test_any_words_are_judged(words: str) -> None:
    people.is_person(words.strip())


@given(
    st.binary(max_size=60),
    st.sampled_from([b"@author ", b"Author: ", b"Copyright 2020 ", b"-by: ", b"\\author{"]),
)
def test_spans_are_whole_characters(name: bytes, lead: bytes) -> None:
    text = b"x" + lead + b"Ada " + name + b" <ab@firm.de>"
    for _, hit in patterns.find(pa.array([text], pa.binary())):
        if hit.type == "name":
            value = text[hit.start : hit.end].decode()
            assert value == value.strip()
            assert people.is_person(value)
