"""Tests of gristmill.collect.git.objects: parsers of foreign bytes."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.collect import swhid
from gristmill.collect.git.objects import entry_type, parse_commit, parse_tag, parse_tree, usable_name

ID = "0123456789abcdef0123456789abcdef01234567"
NAMES = st.binary(min_size=1, max_size=20).filter(lambda n: b"\0" not in n)


@given(st.dictionaries(NAMES, st.tuples(st.integers(1, 0o7777777), st.binary(min_size=20, max_size=20))))
def test_trees_are_read_back(entries: dict[bytes, tuple[int, bytes]]) -> None:
    raw = swhid.directory_manifest(swhid.TreeEntry(n, m, i.hex()) for n, (m, i) in entries.items())
    found = {name: (int(mode, 8), target) for mode, name, target in parse_tree(raw, 20)}
    assert found == entries


@given(st.binary(max_size=120), st.sampled_from([20, 32]))
def test_a_tree_is_whole_or_refused(raw: bytes, width: int) -> None:
    with contextlib.suppress(ValueError):
        assert b"".join(m + b" " + n + b"\0" + i for m, n, i in parse_tree(raw, width)) == raw


@pytest.mark.parametrize(
    "raw", [b"x", b"100644 a\0short", b"100644 a\0" + b"i" * 20 + b"tail", b"9 a\0" + b"i" * 20]
)
def test_broken_trees(raw: bytes) -> None:
    with pytest.raises(ValueError, match="not a git tree"):
        parse_tree(raw, 20)


def test_commit_with_odd_headers() -> None:
    commit = parse_commit(
        b"tree %s\nparent %s\nparent %s\nauthor A <a> B <b@c> 12 +0530\ncommitter x\n" % ((ID.encode(),) * 3)
        + b"encoding latin1\ngpgsig -----BEGIN\n tree forged\n author forged <f> 1 +0000\n\nsubject\n\nbody\n"
    )
    assert (commit.tree, commit.parents, commit.message) == (ID, (ID, ID), b"subject\n\nbody\n")
    assert commit.author is not None
    assert commit.author.identity == b"A <a> B <b@c>"
    assert (commit.author.microseconds, commit.author.offset) == (12_000_000, "+0530")
    assert commit.committer is not None
    assert (commit.committer.identity, commit.committer.microseconds) == (b"x", None)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (b"-1", -1_000_000),
        (b"253402300799", 253402300799_000_000),
        (b"253402300800", None),
        (b"9" * 19, None),
    ],
)
def test_dates_out_of_range_are_none(seconds: bytes, expected: int | None) -> None:
    commit = parse_commit(b"tree %s\nauthor A <a> %s +051800\n\n" % (ID.encode(), seconds))
    assert commit.author is not None
    assert (commit.author.identity, commit.author.microseconds) == (b"A <a>", expected)
    assert commit.author.offset == "+051800"


def test_malformed_commits_and_tags() -> None:
    for raw in (b"", b"author A <a> 1 +0000\n\n", b"tree xyz\n\n", b"tree %s\nparent 12\n\n" % ID.encode()):
        with pytest.raises(ValueError, match=r"tree|malformed"):
            parse_commit(raw)
    for raw in (
        b"object %s\ntag v\n\n" % ID.encode(),
        b"object 1\ntype commit\ntag v\n\n",
        b"type commit\ntag v\n",
    ):
        with pytest.raises(ValueError, match=r"tag|malformed"):
            parse_tag(raw)


def test_tag() -> None:
    tag = parse_tag(b"object %s\ntype commit\ntag v 1\ntagger T <t> 5 +0000\n\nobject x\n" % ID.encode())
    assert (tag.target, tag.kind, tag.name) == (ID, "commit", b"v 1")
    assert tag.tagger is not None
    assert tag.tagger.microseconds == 5_000_000


@given(st.binary(max_size=200))
def test_parsers_only_raise_value_errors(raw: bytes) -> None:
    for parse in (parse_commit, parse_tag):
        with contextlib.suppress(ValueError):
            parse(b"tree %s\n" % ID.encode() + raw)


def test_modes_and_names() -> None:
    modes = [0o100644, 0o100755, 0o100664, 0o120000, 0o160000, 0o40000, 0]
    assert [entry_type(m) for m in modes] == ["file", "file", "file", "symlink", "submodule", "dir", "file"]
    names = [b"a", b"...", b".git", b"a\nb", b"..", b".", b"", b"a/b", b"/"]
    assert [usable_name(n) for n in names] == [True] * 4 + [False] * 5
