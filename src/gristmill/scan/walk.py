"""The files of a folder, hashed; and their bytes again, a content at a time.

Files are read twice, so that memory holds no more than one batch of them: the names under which a content
occurs, which say how it is to be read, are known only when all files have been seen.
"""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gristmill.collect import directory, swhid
from gristmill.collect.listing import NULL_ID, path_texts
from gristmill.collect.reader import Limits
from gristmill.collect.tree import build_tree
from gristmill.decide.opt_out import glob_pattern
from gristmill.errors import HostileInputError, SourceError

CHANGED = "changed while it was being read"


@dataclass(frozen=True, slots=True)
class Seen:
    """One file or link: the path as text and as bytes to open, its mode, and its hashes (empty if not read)."""

    path: str
    location: bytes
    mode: int
    length: int
    content_id: str
    sha1: str = ""
    sha256: str = ""

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link; its content is its target."""
        return self.mode == swhid.SYMLINK_MODE


@dataclass(frozen=True, slots=True)
class Unread:
    """A path that could not be read, or not whole, and why; no path if the reason names it."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class Tree:
    """What a path holds: a name, the SWHID of all that could be read, files by path, and what could not be read.

    ``is_file`` if the path is one file.
    """

    name: str
    root: str
    files: tuple[Seen, ...]
    unread: tuple[Unread, ...]
    is_file: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What lies at a path: the real one, files and links (raw path and status) by path, and what cannot be read.

    A raw path is told without its first ``base`` bytes.
    """

    root: Path
    base: int
    files: Sequence[tuple[bytes, os.stat_result]]
    notes: Sequence[str]


def look(path: Path, exclude: Sequence[str] = (), limits: Limits | None = None) -> Tree:
    """Walk and hash a folder, or one file.

    Folders of version control are left out, links are not followed, but ``path`` itself may be one.

    Args:
        path: a folder or a file.
        exclude: globs of files to leave out, and of folders with all below them, as in a recipe's opt-outs:
            without a slash they match names in any folder, ``*`` stops at a slash, ``**`` does not.
        limits: bounds for outsized folders.

    Raises:
        SourceError: there is nothing to read at ``path``.
        HostileInputError: it passes a limit.
    """
    bounds = limits or Limits()
    found = find(path, exclude, bounds)
    real, base, raw = found.root, found.base, found.files
    unread = [Unread("", note) for note in found.notes]
    files = []
    deadline = time.monotonic() + bounds.origin_timeout
    texts = path_texts([location[base:] for location, _ in raw])
    for (location, status), (text, _) in zip(raw, texts, strict=True):
        if time.monotonic() > deadline:
            raise HostileInputError(f"{path}: not read in {bounds.origin_timeout:g} s; scan a part of it")
        seen = _hashed(text, location, status)
        if isinstance(seen, Unread):
            unread.append(seen)
            seen = Seen(text, location, directory.mode_of(status), status.st_size, NULL_ID)
        files.append(seen)
    if not real.is_dir() and unread:
        raise SourceError(f"{path}: cannot be read: {unread[0].why}; name a file that you may read")
    known = (
        swhid.TreeEntry(one.location[base:], one.mode, one.content_id)
        for one in files
        if one.content_id != NULL_ID
    )
    root = swhid.swhid("dir", build_tree(known).root)
    name = path_texts([os.fsencode(real.name)])[0][0] or "root"
    return Tree(name, root, tuple(files), tuple(unread), not real.is_dir())


def find(path: Path, exclude: Sequence[str], limits: Limits) -> Found:
    """The files and links of a folder, or one file, unread; arguments and errors are those of ``look``."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: cannot be read: {why}; name a folder or a file") from error
    notes: list[str] = []
    if real.is_dir():
        if not os.access(real, os.R_OK | os.X_OK):
            raise SourceError(f"{path}: cannot be read: no permission; name a folder that you may read")
        base = len(os.fsencode(real).rstrip(b"/")) + 1
        found = directory.walk(real, limits, notes)
    elif real.is_file():
        base = len(os.fsencode(real.parent).rstrip(b"/")) + 1
        found = iter([(os.fsencode(real), real.stat())])
    else:
        raise SourceError(f"{path}: is neither a folder nor a file; name one")
    excluded = left_out(exclude)
    raw = [
        (location, status)
        for location, status in _bounded(found, real, limits)
        if not excluded(os.fsdecode(location[base:]))
    ]
    raw.sort(key=lambda one: one[0][base:])
    return Found(real, base, raw, notes)


def read(seen: Seen, most: int) -> bytes:
    """The bytes of a file that was seen. Raises OSError if it cannot be read now, or is another one."""
    with os.fdopen(directory.open_regular(seen.location), "rb") as file:
        data = file.read(most + 1)
    if swhid.content_id(data) != seen.content_id:
        raise OSError(CHANGED)
    return data


def left_out(globs: Sequence[str]) -> Callable[[str], bool]:
    """Whether a path, or a folder above it, matches one of the globs."""
    patterns = [re.compile(glob_pattern(glob.rstrip("/")), re.DOTALL) for glob in globs]

    @lru_cache(maxsize=4096)
    def matches(path: str) -> bool:
        above = path.rpartition("/")[0]
        return any(one.fullmatch(path) for one in patterns) or (above != "" and matches(above))

    return matches


def _bounded(
    found: Iterator[tuple[bytes, os.stat_result]], root: Path, limits: Limits
) -> Iterator[tuple[bytes, os.stat_result]]:
    total = 0
    for number, (location, status) in enumerate(found):
        total += status.st_size
        if number >= limits.max_entries or total > limits.max_origin_bytes:
            raise HostileInputError(
                f"{root}: more than {limits.max_entries:,} files or {limits.max_origin_bytes:,} bytes; scan a part of it"
            )
        yield location, status


def _hashed(path: str, location: bytes, status: os.stat_result) -> Seen | Unread:
    mode = directory.mode_of(status)
    try:
        if mode == swhid.SYMLINK_MODE:
            target = os.readlink(location)  # noqa: PTH115 - raw bytes
            return Seen(path, location, mode, len(target), swhid.content_id(target))
        git, sha1, sha256 = _digests(location)
    except OSError as error:
        return Unread(path, error.strerror or str(error))
    return Seen(path, location, mode, status.st_size, git, sha1, sha256)


def _digests(location: bytes) -> tuple[str, str, str]:
    """sha1_git, SHA-1 and SHA-256 of a file, read in pieces. Raises OSError, also if its size changes."""
    with os.fdopen(directory.open_regular(location), "rb") as file:
        left = os.fstat(file.fileno()).st_size
        git = hashlib.sha1(b"blob %d\0" % left, usedforsecurity=False)
        sha1, sha256 = hashlib.sha1(usedforsecurity=False), hashlib.sha256()
        while chunk := file.read(directory.CHUNK):
            left -= len(chunk)
            if left < 0:
                break
            for digest in (git, sha1, sha256):
                digest.update(chunk)
    if left:
        raise OSError(CHANGED)
    return git.hexdigest(), sha1.hexdigest(), sha256.hexdigest()
