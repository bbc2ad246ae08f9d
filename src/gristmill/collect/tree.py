"""Directories (git trees) from a flat list of paths, as ``git write-tree`` builds them from an index.

Folders exist only because something stands in them: an empty folder leaves no trace, as in git.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from gristmill.collect import swhid
from gristmill.errors import OriginError


@dataclass(frozen=True)
class Tree:
    """A root directory and every directory below it, each once: id to entries in git's order."""

    root: str
    directories: Mapping[str, tuple[swhid.TreeEntry, ...]]

    def rows(self) -> Iterator[tuple[str, bytes, str, str, int]]:
        """Rows of table ``directories``: directory_id, name, type, target, perms."""
        for directory, entries in self.directories.items():
            for entry in entries:
                yield directory, entry.name, entry_type(entry.mode), entry.target, entry.mode


def build_tree(leaves: Iterable[swhid.TreeEntry]) -> Tree:
    """The directories that hold these leaves.

    The ``name`` of each leaf is its whole raw path, segments parted by '/'; ``mode`` is that of a file,
    symbolic link or submodule. Leaves may come in any order. The same entries always give the same ids:
    those of git and of Software Heritage (ISO/IEC 18670, section on directories).
    Raises OriginError if a path is not a relative path of plain segments, or if a name stands twice.
    """
    folders: dict[bytes, list[swhid.TreeEntry]] = {b"": []}
    for leaf in leaves:
        parent, _, name = leaf.name.rpartition(b"/")
        _check_name(b"" if leaf.name.startswith(b"/") else name, leaf.name)
        _open_folder(folders, parent)
        folders[parent].append(swhid.TreeEntry(name, leaf.mode, leaf.target))
    directories: dict[str, tuple[swhid.TreeEntry, ...]] = {}
    identifier = swhid.EMPTY_DIRECTORY_ID
    for path in sorted(folders, key=_deepest_first):
        entries = folders.pop(path)
        if len({entry.name for entry in entries}) < len(entries):
            raise OriginError(f"folder {path!r}: a name stands in it twice, so it cannot be a directory")
        identifier = swhid.directory_id(entries)
        if entries:
            directories[identifier] = tuple(sorted(entries, key=_git_order))
        if path:
            parent, _, name = path.rpartition(b"/")
            folders[parent].append(swhid.TreeEntry(name, swhid.DIRECTORY_MODE, identifier))
    return Tree(identifier, directories)


def entry_type(mode: int) -> str:
    """What a mode says of an entry of a directory: dir, rev (submodule), or file (links included)."""
    return {swhid.DIRECTORY_MODE: "dir", swhid.SUBMODULE_MODE: "rev"}.get(mode, "file")


def _open_folder(folders: dict[bytes, list[swhid.TreeEntry]], path: bytes) -> None:
    """Make a folder and those above it known, from the bottom up to the first known one."""
    while path not in folders:
        folders[path] = []
        whole = path
        path, _, name = whole.rpartition(b"/")
        _check_name(name, whole)


def _check_name(name: bytes, path: bytes) -> None:
    if name in (b"", b".", b"..") or b"\0" in name:
        raise OriginError(f"path {path!r}: {name!r} cannot be the name of an entry of a directory")


def _deepest_first(path: bytes) -> tuple[int, bytes]:
    return (-(path.count(b"/") + 1) if path else 0), path


def _git_order(entry: swhid.TreeEntry) -> bytes:
    return entry.name + b"/" if entry.mode == swhid.DIRECTORY_MODE else entry.name
