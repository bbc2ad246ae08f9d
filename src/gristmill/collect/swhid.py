"""SoftWare Hash IDentifiers (ISO/IEC 18670, version 1): ids of contents, directories, releases, snapshots.

All ids are the SHA-1 of a git-style manifest; for git repositories they equal git's own object ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

DIRECTORY_MODE = 0o040000
SUBMODULE_MODE = 0o160000
SYMLINK_MODE = 0o120000
FILE_MODE = 0o100644
EXECUTABLE_MODE = 0o100755

EMPTY_DIRECTORY_ID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


@dataclass(frozen=True)
class TreeEntry:
    """One entry of a directory: raw name, mode, hexadecimal id of the target."""

    name: bytes
    mode: int
    target: str


@dataclass(frozen=True)
class Branch:
    """One branch of a snapshot: raw name, target type, and the target.

    ``target`` is the hexadecimal object id; for an alias the hexadecimal form of the branch name that it
    points to; None for a dangling branch (``target_type`` "dangling").
    """

    name: bytes
    target_type: str
    target: str | None


def object_id(kind: str, body: bytes) -> str:
    """Hexadecimal id of a git-style object: SHA-1 over ``<kind> <length>\\0<body>``."""
    digest = hashlib.sha1(f"{kind} {len(body)}\0".encode(), usedforsecurity=False)
    digest.update(body)
    return digest.hexdigest()


def content_id(data: bytes) -> str:
    """``sha1_git`` of a content."""
    return object_id("blob", data)


def directory_id(entries: Iterable[TreeEntry]) -> str:
    """Id of a directory; entries may come in any order, names must be unique."""
    return object_id("tree", directory_manifest(entries))


def directory_manifest(entries: Iterable[TreeEntry]) -> bytes:
    """The bytes of a git tree: sorted by name, directories as if their name ended in '/'."""
    ordered = sorted(entries, key=lambda e: e.name + b"/" if e.mode == DIRECTORY_MODE else e.name)
    return b"".join(b"%o %s\0%s" % (e.mode, e.name, bytes.fromhex(e.target)) for e in ordered)


def release_id(target: str, target_type: str, name: bytes, message: bytes) -> str:
    """Id of a release without a tagger: a git tag object.

    ``target_type`` is content, directory, revision or release (git: blob, tree, commit, tag).
    """
    kind = {"content": "blob", "directory": "tree", "revision": "commit", "release": "tag"}[target_type]
    lines = [b"object %s" % target.encode(), b"type %s" % kind.encode(), b"tag %s" % name]
    return object_id("tag", b"\n".join(lines) + b"\n\n" + message)


def snapshot_id(branches: Iterable[Branch]) -> str:
    """Id of a snapshot: its branches sorted by name."""
    parts: list[bytes] = []
    for branch in sorted(branches, key=lambda b: b.name):
        target = b"" if branch.target is None else bytes.fromhex(branch.target)
        parts.append(b"%s %s\0%d:%s" % (branch.target_type.encode(), branch.name, len(target), target))
    return object_id("snapshot", b"".join(parts))


def origin_id(url: str) -> str:
    """SHA-1 of the URL: Software Heritage's id of an origin."""
    return hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()


def swhid(kind: str, object_id: str) -> str:
    """Core SWHID: kind is cnt, dir, rev, rel or snp."""
    return f"swh:1:{kind}:{object_id}"
