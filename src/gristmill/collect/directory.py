"""Read a plain folder: ``dir:PATH``.

The state is the id of the root directory, so two folders that hold the same files are in the same state.
Symbolic links are contents (their text) and are never followed; the folders of version control systems
and empty folders are left out; devices, sockets and pipes are not contents.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterator, Sequence
from operator import attrgetter
from pathlib import Path

from gristmill.collect import swhid
from gristmill.collect.fingerprint import fingerprint, recall, remember
from gristmill.collect.listing import NULL_ID, Item, check_options, list_items
from gristmill.collect.reader import Context, Limits, Listing, ReadContent, Source, State
from gristmill.collect.tree import build_tree
from gristmill.errors import HostileInputError, OriginError

VERSION_CONTROL = frozenset({b".git", b".hg", b".svn"})
CHUNK = 1 << 20
_NAME = attrgetter("name")
_WALKING = threading.Lock()
"""looking at files is all Python: threads that do it at once only wait for each other, and pay for it"""
OPEN_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def resolve(source: Source, context: Context) -> State:
    """Hash every file below the folder: the root directory's id is the state.

    A folder that looks as it did when it was last hashed (``fingerprint``) is not read. Raises OriginError if there is no such folder, HostileInputError if it passes a limit.
    """
    check_options(source, ())
    root = Path(source.target).resolve()
    if not root.is_dir():
        raise OriginError(f"dir:{source.target}: there is no such folder")
    url = root.as_uri()
    origin = {"origin_id": swhid.origin_id(url), "url": url, "kind": "dir", "name": root.name or "/"}
    return State(source, _state(root, context), root, origin)


def list_objects(state: State, context: Context) -> Listing:
    """The folder's tables. Raises OriginError if it changed since ``resolve``."""
    notes: list[str] = []
    items = _scan(state.local, context.limits, notes)
    if _root_id(items) != state.state:
        raise OriginError(
            f"folder {state.local} changed while it was being read; stop what writes to it, or collect a copy"
        )
    yield from list_items(state, items, notes)


def read_contents(state: State, wanted: Sequence[str], context: Context) -> Iterator[ReadContent]:
    """The wanted contents, each once, found again by their hash.

    A content that no file holds any more, since it was changed or removed after the listing, is corrupt.
    """
    missing = dict.fromkeys(wanted)
    for path, status in walk(state.local, context.limits, []):
        if not missing:
            return
        if status.st_size > context.limits.max_content_bytes:
            continue
        try:
            data = read_file(path, status, context.limits.max_content_bytes)
        except OSError:
            continue
        identifier = swhid.content_id(data)
        if identifier in missing:
            del missing[identifier]
            yield ReadContent(identifier, len(data), data)
    for identifier in missing:
        yield ReadContent(identifier, -1, None, "corrupt")


def _state(root: Path, context: Context) -> str:
    notes: list[str] = []
    with _WALKING:
        seen = fingerprint(walk(root, context.limits, notes), context.limits)
    known = recall(context.cache, root, seen)
    if known is not None:
        return known
    state = _root_id(_scan(root, context.limits, notes))
    if not notes:  # what could not be read may be readable next time
        remember(context.cache, root, seen, state)
    return state


def _root_id(items: Sequence[Item]) -> str:
    return build_tree(
        swhid.TreeEntry(i.path, i.mode, i.content_id) for i in items if i.content_id != NULL_ID
    ).root


def _scan(root: Path, limits: Limits, notes: list[str]) -> list[Item]:
    """Every file and link below the folder, hashed. What cannot be read is noted."""
    items: list[Item] = []
    base = len(os.fsencode(root).rstrip(b"/")) + 1
    total = 0
    deadline = time.monotonic() + limits.origin_timeout
    for path, status in walk(root, limits, notes):
        total += status.st_size
        if total > limits.max_origin_bytes:
            raise HostileInputError(
                f"folder {root}: more than {limits.max_origin_bytes} bytes (limit max_origin_bytes)"
            )
        if len(items) >= limits.max_entries:
            raise HostileInputError(
                f"folder {root}: more than {limits.max_entries} files (limit max_entries)"
            )
        if time.monotonic() > deadline:
            raise HostileInputError(
                f"folder {root}: not read in {limits.origin_timeout:g} s (limit origin_timeout)"
            )
        items.append(_item(path, path[base:], status, limits, notes))
    return items


def _item(path: bytes, name: bytes, status: os.stat_result, limits: Limits, notes: list[str]) -> Item:
    mode = mode_of(status)
    try:
        if mode != swhid.SYMLINK_MODE and status.st_size > limits.max_content_bytes:
            return Item(name, mode, _hash_large(path, status.st_size), status.st_size, "too_large")
        data = read_file(path, status, limits.max_content_bytes)
    except OSError as error:
        notes.append(f"{name!r} cannot be read: {error.strerror or error}")
        return Item(name, mode, NULL_ID, status.st_size, "missing")
    skipped = "too_large" if len(data) > limits.max_content_bytes else None
    return Item(name, mode, swhid.content_id(data), len(data), skipped)


def walk(root: Path, limits: Limits, notes: list[str]) -> Iterator[tuple[bytes, os.stat_result]]:
    """Raw path and status of every file and link, in order of their names; links are not followed.

    What cannot be looked at is noted. Raises HostileInputError for a path that passes a limit.
    """
    base = len(os.fsencode(root).rstrip(b"/")) + 1
    longest = base + limits.max_path_bytes
    folders = [(os.fsencode(root), 0)]
    while folders:
        folder, depth = folders.pop()
        try:
            with os.scandir(folder) as entries:
                found = sorted(entries, key=_NAME)
        except OSError as error:
            notes.append(f"folder {folder[base:]!r} cannot be read: {error.strerror or error}")
            continue
        below: list[tuple[bytes, int]] = []
        for entry in found:
            path = entry.path
            if entry.name in VERSION_CONTROL:
                continue
            if len(path) > longest or depth >= limits.max_depth:
                raise HostileInputError(
                    f"folder {root}: path {path[base:][:200]!r} is longer than {limits.max_path_bytes} "
                    f"bytes or deeper than {limits.max_depth} folders (limits max_path_bytes, max_depth)"
                )
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError as error:
                notes.append(f"{path[base:]!r} cannot be read: {error.strerror or error}")
                continue
            kind = stat.S_IFMT(status.st_mode)
            if kind == stat.S_IFREG or kind == stat.S_IFLNK:
                yield path, status
            elif kind == stat.S_IFDIR:
                below.append((path, depth + 1))
        folders.extend(reversed(below))


def mode_of(status: os.stat_result) -> int:
    """The mode that git would give it."""
    if stat.S_ISLNK(status.st_mode):
        return swhid.SYMLINK_MODE
    return swhid.EXECUTABLE_MODE if status.st_mode & stat.S_IXUSR else swhid.FILE_MODE


def read_file(path: bytes, status: os.stat_result, most: int) -> bytes:
    """The bytes of a file, or the text of a link. Raises OSError, also if it grew past ``most`` bytes."""
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(path)  # noqa: PTH115 - raw bytes
    with open(open_regular(path), "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError("it grew while it was read")
    return data


def _hash_large(path: bytes, size: int) -> str:
    """The id of a file too large to keep, hashed in pieces. Raises OSError if its size changes."""
    digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with open(open_regular(path), "rb") as file:
        while chunk := file.read(CHUNK):
            size -= len(chunk)
            if size < 0:
                break
            digest.update(chunk)
    if size:
        raise OSError("its size changed while it was read")
    return digest.hexdigest()


def open_regular(path: bytes) -> int:
    """Open without following a link or waiting on a pipe that took the file's place since it was seen."""
    descriptor = os.open(path, OPEN_FLAGS)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError("it is no longer a regular file")
    return descriptor
