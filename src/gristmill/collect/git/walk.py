"""Walking the object graph: trees to paths, commits to histories, and what each commit introduced.

Everything is read through `ObjectReader`, so every tree and commit walked has been hashed and agrees with its
id, and an object that is missing or damaged costs only what hangs below it. Replace objects, grafts and commit
graphs cannot change what is seen, since git walks nothing itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from gristmill.collect.git.batch import CORRUPT, ObjectReader, RawObject
from gristmill.collect.git.objects import Commit, entry_type, parse_commit, parse_tree, usable_name
from gristmill.collect.git.source import OBJECT_BYTES
from gristmill.collect.reader import Limits
from gristmill.errors import HostileInputError

_ALL_TREE_BYTES = 1 << 30  # of one anchor's distinct trees, which are held in memory
_CACHED_ENTRIES = 1_000_000  # of the trees kept while a history is walked

TreeEntry = tuple[bytes, int, bytes]  # name, mode, binary id
PathEntry = tuple[bytes, int, bytes]  # whole path, mode, binary id


@dataclass
class Tally:
    """What a listing has counted so far: rows against ``limits.max_entries``, and problems by description."""

    origin: str
    limits: Limits
    rows: int = 0
    problems: Counter[str] = field(default_factory=Counter)

    def count(self, rows: int = 1) -> None:
        """Count directories visited or rows made.

        Raises:
            HostileInputError: there are more than ``limits.max_entries``.
        """
        self.rows += rows
        if self.rows > self.limits.max_entries:
            raise HostileInputError(
                f"{self.origin} has more than max_entries ({self.limits.max_entries}) files and directories; "
                "raise the limit if this is expected"
            )

    def lost(self, what: str, problem: str | None) -> None:
        """Note an object that could not be read, for example a directory that is missing."""
        self.problems[f"{what} {(problem or CORRUPT).replace('_', ' ')}"] += 1

    def message(self) -> str | None:
        """All problems with their counts, or None if there were none."""
        return "; ".join(f"{n} {what}" for what, n in sorted(self.problems.items())) or None


def tree_entries(raw: RawObject, id_bytes: int, tally: Tally) -> list[TreeEntry] | None:
    """The entries of a tree that was read, in stored order; None (and a note in ``tally``) if it has none.

    A name that stands twice in one tree, which git never writes, counts once: the first.
    """
    if raw.data is None or raw.kind != "tree":
        tally.lost("directories", raw.problem)
        return None
    try:
        parsed = parse_tree(raw.data, id_bytes)
    except ValueError:
        tally.lost("directories", CORRUPT)
        return None
    entries = [(name, int(mode, 8), target) for mode, name, target in parsed]
    unique = {entry[0]: entry for entry in reversed(entries)}
    if len(unique) < len(entries):
        tally.problems["entries with the name of another"] += len(entries) - len(unique)
        entries = list(reversed(unique.values()))
    return entries


def collect_trees(
    reader: ObjectReader, root: str, trees: dict[bytes, list[TreeEntry]], tally: Tally
) -> Iterator[tuple[str, list[TreeEntry]]]:
    """Yield every distinct tree below ``root`` once, with its id, level by level; fill ``trees`` with them.

    Raises:
        HostileInputError: too many entries, or too many bytes of trees to hold.
    """
    width, held, seen = reader.repository.id_bytes, 0, {root}
    level, depth = [root], 0
    while level:
        following: list[str] = []
        for raw in reader.read(level, OBJECT_BYTES):
            entries = tree_entries(raw, width, tally)
            if entries is None:
                continue
            held += raw.size
            if held > _ALL_TREE_BYTES:
                raise HostileInputError(
                    f"{tally.origin}: its directories take more than {_ALL_TREE_BYTES} bytes"
                )
            if len(entries) > tally.limits.max_entries:
                tally.count(len(entries))
            trees[bytes.fromhex(raw.object_id)] = entries
            yield raw.object_id, entries
            for _, mode, target in entries:
                if entry_type(mode) == "dir" and (child := target.hex()) not in seen:
                    seen.add(child)
                    following.append(child)
        depth += 1
        level = following if depth <= tally.limits.max_depth else []


def paths(root: str, trees: Mapping[bytes, list[TreeEntry]], tally: Tally) -> Iterator[PathEntry]:
    """Every path below ``root`` that is not a directory, in git's order, from trees that were collected.

    Left out and noted in ``tally``: names that cannot stand in a path ('..', or with '/'), paths longer than
    ``limits.max_path_bytes`` and directories deeper than ``limits.max_depth``. A tree of trees that names
    the same subtree again and again is cut off by ``limits.max_entries``.
    """
    limits = tally.limits
    stack = [(b"", iter(trees.get(bytes.fromhex(root), ())))]
    while stack:
        prefix, entries = stack[-1]
        for name, mode, target in entries:
            path = prefix + name
            if not _acceptable(path, name, tally):
                continue
            tally.count()
            if entry_type(mode) != "dir":
                yield path, mode, target
            elif len(stack) > limits.max_depth:
                tally.problems["directories too deep"] += 1
            elif target in trees:
                stack.append((path + b"/", iter(trees[target])))
                break
        else:
            stack.pop()


def _acceptable(path: bytes, name: bytes, tally: Tally) -> bool:
    if not usable_name(name):
        tally.problems["entries with a name that no path can hold"] += 1
    elif len(path) > tally.limits.max_path_bytes:
        tally.problems["paths too long"] += 1
    else:
        return True
    return False


def history(
    reader: ObjectReader, tips: Iterable[str], shallow: frozenset[str], tally: Tally
) -> Iterator[tuple[str, Commit, bool]]:
    """Every commit reachable from ``tips`` (first): its id, the commit, and whether its bytes agree with its id.

    A commit whose bytes do not is yielded, but not believed: its parents are not followed. Parents that are
    not there are noted in ``tally``, unless a shallow clone left them out. Do not use ``reader`` for anything
    else while this runs.
    """
    level = list(dict.fromkeys(tips))
    seen = set(level)
    while level:
        following: list[str] = []
        for raw in reader.read(level, OBJECT_BYTES):
            verified = raw.data is not None
            if not verified:
                tally.lost("revisions", raw.problem)
            data = raw.data if verified else raw.unverified
            if data is None or raw.kind != "commit":
                continue
            try:
                commit = parse_commit(data)
            except ValueError:
                tally.lost("revisions", CORRUPT)
                continue
            tally.count()
            yield raw.object_id, commit, verified
            if verified and raw.object_id not in shallow:
                fresh = [p for p in dict.fromkeys(commit.parents) if p not in seen]
                seen.update(fresh)
                following += fresh
        level = following


class TreeCache:
    """Trees by id, read when asked for; the last ones stay, since a parent's tree is mostly its child's."""

    def __init__(self, reader: ObjectReader, tally: Tally) -> None:
        self._reader = reader
        self._tally = tally
        self._trees: dict[bytes, dict[bytes, tuple[int, bytes]]] = {}
        self._held = 0
        self._unreadable: set[bytes] = set()

    def entries(self, tree: bytes) -> dict[bytes, tuple[int, bytes]]:
        """Mode and id by name; empty (and noted once in the tally) if the tree cannot be read."""
        found = self._trees.get(tree)
        if found is not None or tree in self._unreadable:
            return found or {}
        raw = self._reader.read_one(tree.hex(), OBJECT_BYTES)
        entries = tree_entries(raw, len(tree), self._tally)
        if entries is None:
            self._unreadable.add(tree)
            return {}
        if self._held + len(entries) > _CACHED_ENTRIES:
            self._trees.clear()
            self._held = 0
        found = {name: (mode, target) for name, mode, target in entries}
        self._trees[tree] = found
        self._held += len(entries)
        return found


def introduced(root: str, parents: list[str], cache: TreeCache, tally: Tally) -> Iterator[PathEntry]:
    """The paths of the tree ``root`` whose content stands at that path in none of the ``parents``' trees.

    This is what ``git diff-tree -r -c --root`` shows as added or modified, less the changes of mode alone:
    for a merge what differs from every parent, for a root commit everything.
    """
    stack = [(b"", bytes.fromhex(root), [bytes.fromhex(p) for p in parents], 0)]
    while stack:
        prefix, tree, before, depth = stack.pop()
        if tree in before:
            continue
        olds = [cache.entries(old) for old in before]
        changed = set(cache.entries(tree).items()).difference(*(old.items() for old in olds))
        below = []
        for name, (mode, target) in sorted(changed):
            path = prefix + name
            was = [old[name] for old in olds if name in old]
            if not _acceptable(path, name, tally):
                continue
            if entry_type(mode) == "dir":
                tally.count()
                if depth >= tally.limits.max_depth:
                    tally.problems["directories too deep"] += 1
                else:
                    inside = [t for m, t in was if entry_type(m) == "dir"]
                    below.append((path + b"/", target, inside, depth + 1))
            elif all(t != target for _, t in was):
                tally.count()
                yield path, mode, target
        stack += reversed(below)
