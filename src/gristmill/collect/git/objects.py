"""Parsing raw git objects: trees, commits, annotated tags. Bytes in, plain values out, nothing is trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gristmill.collect.swhid import DIRECTORY_MODE, SUBMODULE_MODE, SYMLINK_MODE

_TYPE_BITS = 0o170000
_TREE_ENTRY = {width: re.compile(rb"([0-7]{1,7}) ([^\0]+)\0(.{%d})" % width, re.DOTALL) for width in (20, 32)}
_HEX = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")
_PERSON = re.compile(rb"(.*?) ?(-?[0-9]{1,20}) ([+-][0-9]{1,8})\Z", re.DOTALL)
# Seconds from the year 1 to the year 9999: what every reader of the tables can show.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799

KINDS = {"blob": "content", "tree": "directory", "commit": "revision", "tag": "release"}


@dataclass(frozen=True)
class Signature:
    """Who and when: the identity as raw bytes, microseconds since 1970 and the time zone as written.

    Time and zone are None where the object does not state them in git's form or the time is out of range.
    """

    identity: bytes
    microseconds: int | None
    offset: str | None


@dataclass(frozen=True)
class Commit:
    """A commit: hexadecimal ids of its root tree and parents, people and dates, and the raw message."""

    tree: str
    parents: tuple[str, ...]
    author: Signature | None
    committer: Signature | None
    message: bytes


@dataclass(frozen=True)
class Tag:
    """An annotated tag: hexadecimal id and git kind of its target, its name, and who made it when."""

    target: str
    kind: str
    name: bytes
    tagger: Signature | None


def parse_tree(raw: bytes, id_bytes: int) -> list[tuple[bytes, bytes, bytes]]:
    """The entries of a tree as (octal mode, name, binary id), in stored order.

    Raises:
        ValueError: ``raw`` is not exactly a sequence of tree entries with ids of ``id_bytes`` bytes.
    """
    entries: list[tuple[bytes, bytes, bytes]] = _TREE_ENTRY[id_bytes].findall(raw)
    # The pattern skips what it does not understand; then the lengths do not add up.
    if sum([len(mode) + len(name) for mode, name, _ in entries]) + (2 + id_bytes) * len(entries) != len(raw):
        raise ValueError("not a git tree")
    return entries


def usable_name(name: bytes) -> bool:
    """Whether a tree entry's name can stand in a path: not empty, '.' or '..', and without '/'."""
    return b"/" not in name and name not in (b"", b".", b"..")


def entry_type(mode: int) -> str:
    """What a mode stands for: dir, submodule, symlink or file (git takes all other modes for files)."""
    kinds = {DIRECTORY_MODE: "dir", SUBMODULE_MODE: "submodule", SYMLINK_MODE: "symlink"}
    return kinds.get(mode & _TYPE_BITS, "file")


def parse_commit(raw: bytes) -> Commit:
    """Parse a commit object.

    Raises:
        ValueError: it does not name a root tree, or an id in it is malformed.
    """
    head, _, message = raw.partition(b"\n\n")
    fields = _fields(head)
    trees = [value for key, value in fields if key == b"tree"]
    if not trees:
        raise ValueError("commit without a tree")
    return Commit(
        _hex(trees[0]),
        tuple(_hex(value) for key, value in fields if key == b"parent"),
        _signature(fields, b"author"),
        _signature(fields, b"committer"),
        message,
    )


def parse_tag(raw: bytes) -> Tag:
    """Parse an annotated tag object.

    Raises:
        ValueError: target, kind or name is missing or malformed.
    """
    head, _, _ = raw.partition(b"\n\n")
    fields = _fields(head)
    values = dict(reversed(fields))  # the first of each key counts
    kind = values.get(b"type", b"").decode("ascii", "replace")
    if b"tag" not in values or b"object" not in values or kind not in KINDS:
        raise ValueError("tag without object, type or name")
    return Tag(_hex(values[b"object"]), kind, values[b"tag"], _signature(fields, b"tagger"))


def _fields(head: bytes) -> list[tuple[bytes, bytes]]:
    """Header lines as (key, value); continuation lines (signatures, merged tags) are left out."""
    lines = (line.partition(b" ") for line in head.split(b"\n") if not line.startswith(b" "))
    return [(key, value) for key, _, value in lines]


def _hex(value: bytes) -> str:
    if not _HEX.match(value):
        raise ValueError("malformed object id")
    return value.decode("ascii")


def _signature(fields: list[tuple[bytes, bytes]], key: bytes) -> Signature | None:
    value = next((v for k, v in fields if k == key), None)
    if value is None:
        return None
    match = _PERSON.match(value)
    if match is None:
        return Signature(value, None, None)
    seconds = int(match[2])
    within = _FIRST_SECOND <= seconds <= _LAST_SECOND
    return Signature(match[1], seconds * 1_000_000 if within else None, match[3].decode("ascii"))
