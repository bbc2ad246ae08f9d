"""Repositories whose object ids are SHA-256: their contents and directories get SHA-1 ids computed from the bytes.

Version 1 of the SWHID knows only SHA-1 (ISO/IEC 18670), so a revision of such a repository has no SWHID, nor
has its snapshot. Its files and directories have, since those depend on bytes, names and modes alone. That
takes reading every blob once while listing.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from gristmill.collect import swhid
from gristmill.collect.git import rows
from gristmill.collect.git.batch import CORRUPT, TOO_LARGE, ObjectReader
from gristmill.collect.git.objects import entry_type
from gristmill.collect.git.plumbing import command, end, object_environment, start
from gristmill.collect.git.source import read_commit
from gristmill.collect.git.walk import Tally, TreeEntry, collect_trees, paths
from gristmill.collect.reader import Context, Listing, State
from gristmill.errors import OriginError
from gristmill.tables import DIRECTORIES, ENTRIES

_Trees = dict[bytes, list[TreeEntry]]
_MESSAGE = "SHA-256 repository: version 1 of the SWHID has no id for its revisions, tags and snapshot"


def list_sha256(state: State, context: Context, reader: ObjectReader, tally: Tally) -> Listing:
    """List the commit of ``state``: origin, directories, entries (anchor: the root directory), visit.

    Submodules name SHA-256 commits, which a SHA-1 directory cannot hold: they are listed as entries and left
    out of the directories.

    Raises:
        OriginError: an object is missing or damaged, so that the ids above it cannot be computed.
    """
    root, trees, known = _translate(state, reader, tally)
    _write_map(_map_file(root, context), known)
    directories: dict[bytes, str] = {}
    root_id = _directory_id(bytes.fromhex(root), trees, known, directories)
    yield from rows.origin_batches(state)
    yield from rows.record_batches(DIRECTORIES, _directory_rows(trees, known, directories))
    anchor = swhid.swhid("dir", root_id)
    occurrences = ((anchor, root_id, True, entry) for entry in paths(root, trees, tally))
    yield from rows.record_batches(ENTRIES, rows.entry_rows(state, occurrences, known, set(), tally))
    message = "; ".join(filter(None, [_MESSAGE, tally.message()]))
    yield from rows.visit_batches(state, None, anchor, message)


def blob_ids(state: State, context: Context, reader: ObjectReader) -> dict[str, str]:
    """SHA-256 blob id by ``content_id``, for all contents of the commit; from the cache if it was listed."""
    root = read_commit(reader, state.details["commit"]).tree
    file = _map_file(root, context)
    if not file.exists():
        _, _, known = _translate(state, reader, Tally(str(state.origin["url"]), context.limits))
        _write_map(file, known)
    found: dict[str, str] = json.loads(file.read_bytes())
    return found


def _translate(state: State, reader: ObjectReader, tally: Tally) -> tuple[str, _Trees, dict[str, rows.Known]]:
    """Root tree (SHA-256), all trees by id, and what is known of each blob: its content id and size."""
    root = read_commit(reader, state.details["commit"]).tree
    trees: _Trees = {}
    wanted: dict[str, None] = {}
    for _, entries in collect_trees(reader, root, trees, tally):
        wanted |= {t.hex(): None for _, mode, t in entries if entry_type(mode) in ("file", "symlink")}
    if (problems := tally.message()) is not None:
        raise _incomplete(state, problems)
    known: dict[str, rows.Known] = {}
    for raw in reader.read(wanted, tally.limits.max_content_bytes):
        if raw.data is not None and raw.kind == "blob":
            known[raw.object_id] = swhid.content_id(raw.data), raw.size, None
        elif raw.problem == TOO_LARGE and raw.kind == "blob":
            content_id = _streamed_content_id(reader, raw.object_id, raw.size)
            if content_id is None:
                raise _incomplete(state, f"content {raw.object_id} {CORRUPT}")
            known[raw.object_id] = content_id, raw.size, TOO_LARGE
        else:
            raise _incomplete(state, f"content {raw.object_id} {raw.problem or CORRUPT}")
    return root, trees, known


def _directory_id(
    tree: bytes, trees: _Trees, known: dict[str, rows.Known], directories: dict[bytes, str]
) -> str:
    """SHA-1 id of a tree, computed from the bottom; as deep as limits.max_depth at most."""
    if tree not in directories:
        for _, mode, target in trees.get(tree, ()):
            if entry_type(mode) == "dir":
                _directory_id(target, trees, known, directories)
        directories[tree] = swhid.directory_id(_translated(tree, trees, known, directories))
    return directories[tree]


def _translated(
    tree: bytes, trees: _Trees, known: dict[str, rows.Known], directories: dict[bytes, str]
) -> Iterator[swhid.TreeEntry]:
    for name, mode, target in trees[tree]:
        kind = entry_type(mode)
        if kind == "dir":
            yield swhid.TreeEntry(name, mode, directories[target])
        elif kind != "submodule":
            yield swhid.TreeEntry(name, mode, known[target.hex()][0])


def _directory_rows(
    trees: _Trees, known: dict[str, rows.Known], directories: dict[bytes, str]
) -> Iterator[rows.Row]:
    seen: set[str] = set()
    for tree, directory_id in directories.items():
        if directory_id not in seen:  # trees that differ in submodules alone become one
            seen.add(directory_id)
            entries = _translated(tree, trees, known, directories)
            yield from rows.directory_rows(
                directory_id, ((e.name, e.mode, bytes.fromhex(e.target)) for e in entries)
            )


def _streamed_content_id(reader: ObjectReader, blob: str, size: int) -> str | None:
    """``content_id`` of a blob too large to hold, or None if its bytes do not agree with its SHA-256 id."""
    header = b"blob %d\0" % size
    old = hashlib.sha1(header, usedforsecurity=False)
    new = hashlib.sha256(header)
    child = start(
        command("cat-file", "blob", blob),
        object_environment(reader.repository),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    pipe = cast(IO[bytes], child.stdout)
    alarm = threading.Timer(reader.limits.origin_timeout, end, (child,))
    alarm.start()
    try:
        while block := pipe.read(1 << 20):
            old.update(block)
            new.update(block)
    finally:
        alarm.cancel()
        pipe.close()
        end(child)
    return old.hexdigest() if new.hexdigest() == blob else None


def _map_file(root: str, context: Context) -> Path:
    """Where the ids of the contents below a tree are kept; the tree's id names all of it, so it never ages."""
    return context.cache.absolute() / "git" / f"contents-{root}.json"


def _write_map(file: Path, known: dict[str, rows.Known]) -> None:
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(json.dumps({content_id: blob for blob, (content_id, _, _) in known.items()}))
    aside.replace(file)


def _incomplete(state: State, problems: str) -> OriginError:
    return OriginError(
        f"{state.origin['url']} is a SHA-256 repository with parts that cannot be read ({problems}); its ids "
        "have to be computed from all of its bytes: fetch or mend it"
    )
