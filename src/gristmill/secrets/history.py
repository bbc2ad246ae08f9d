"""All that was ever committed to a repository: each content once, with the first commit that has it.

Commits, trees and contents are read by ``collect.git``, so every object was hashed, git runs supervised in an
environment where the repository can start nothing, and what is missing or damaged is told and stops nothing.
"""

from __future__ import annotations

import datetime as dt
import heapq
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path

from gristmill.collect.git.batch import ObjectReader
from gristmill.collect.git.objects import Commit as RawCommit
from gristmill.collect.git.objects import Signature, entry_type, parse_tag
from gristmill.collect.git.plumbing import open_repository
from gristmill.collect.git.refs import read_refs
from gristmill.collect.git.source import OBJECT_BYTES, shallow_commits
from gristmill.collect.git.walk import Tally, TreeCache, history, introduced
from gristmill.collect.listing import path_text
from gristmill.collect.reader import Limits
from gristmill.secrets.detect import Commit, Document

MAX_BYTES = 64 << 20
"""of a content: larger ones are told and not read, for git gives them out whole"""

_ZONE = re.compile(r"[+-](?:[01]\d|2[0-3])[0-5]\d")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def documents(
    path: Path, cache: Path, unread: list[tuple[str, str]], limits: Limits | None = None
) -> Iterator[Document]:
    """The contents of every commit that a ref leads to, each once, in the order of their first commits.

    Commits come after their parents, and else in the order of the committers' dates, as these state them. A content
    that a commit has at several paths is told at the first. Problems are added to ``unread``, and that a clone is
    shallow: what was removed before its oldest commits cannot be found in it.

    Args:
        path: top folder of a work tree, or a bare repository.
        cache: folder for an empty repository of ours.
        limits: bounds for outsized repositories.

    Raises:
        OriginError: ``path`` is no repository, or git cannot read it.
        HostileInputError: it passes a limit.
    """
    bounds = limits or Limits()
    repository = open_repository(path.resolve(), cache, bounds.origin_timeout)
    tally = Tally(str(path), bounds)
    with ObjectReader(repository, bounds) as reader:
        refs = read_refs(repository, bounds)
        tips = _commits(reader, refs.targets.values(), tally)
        shallow = shallow_commits(repository)
        if shallow:
            unread.append(
                (str(path), "a shallow clone: history before it is not there; run git fetch --unshallow")
            )
        walked = history(reader, tips, shallow, tally)
        commits = {commit_id: commit for commit_id, commit, verified in walked if verified}
        firsts = _firsts(commits, TreeCache(reader, tally), tally)
        for raw in reader.read(list(firsts), MAX_BYTES):
            where, commit_id = firsts[raw.object_id]
            told = path_text(where)[0]
            if raw.data is None:
                unread.append(
                    (told, f"content {raw.object_id}: {(raw.problem or 'missing').replace('_', ' ')}")
                )
                continue
            commit = Commit(commit_id, _date(commits[commit_id].author))
            yield Document(told, partial(BytesIO, raw.data), commit)
    message = tally.message()
    if message is not None:
        unread.append((str(path), f"not read: {message}"))


def _commits(reader: ObjectReader, targets: Iterable[str], tally: Tally) -> list[str]:
    """The commits that refs lead to, through annotated tags; refs to other objects are left out."""
    found: list[str] = []
    level, seen = sorted(set(targets)), set(targets)
    while level:
        tags = []
        for one in reader.sizes(level):
            if one.problem is not None:
                tally.lost("targets of refs", one.problem)
            elif one.kind == "commit":
                found.append(one.object_id)
            elif one.kind == "tag":
                tags.append(one.object_id)
        following = set()
        for raw in reader.read(tags, OBJECT_BYTES):
            try:
                following.add(parse_tag(raw.data or b"").target)
            except ValueError:
                tally.lost("tags", raw.problem)
        level = sorted(following - seen)
        seen |= following
    return found


def _firsts(commits: dict[str, RawCommit], cache: TreeCache, tally: Tally) -> dict[str, tuple[bytes, str]]:
    """Path and commit of each content, as it came up first."""
    firsts: dict[str, tuple[bytes, str]] = {}
    for commit_id in _ordered(commits):
        commit = commits[commit_id]
        # What a parent has that cannot be read counts as introduced here: better twice than not at all.
        parents = [commits[parent].tree for parent in commit.parents if parent in commits]
        for path, mode, target in introduced(commit.tree, parents, cache, tally):
            if entry_type(mode) == "file":
                firsts.setdefault(target.hex(), (path, commit_id))
    return firsts


def _ordered(commits: dict[str, RawCommit]) -> Iterator[str]:
    """Commits, parents first, by date among those whose parents have come (Kahn 1962).

    A rebase gives many commits the same second, and clocks differ: by date alone a file that was renamed could seem
    to be new under its later name.
    """
    children: dict[str, list[str]] = defaultdict(list)
    waits: dict[str, int] = {}
    for commit_id, commit in commits.items():
        parents = {parent for parent in commit.parents if parent in commits}
        waits[commit_id] = len(parents)
        for parent in parents:
            children[parent].append(commit_id)
    ready = [(_moment(commits[one].committer), one) for one, left in waits.items() if not left]
    heapq.heapify(ready)
    while ready:
        _, commit_id = heapq.heappop(ready)
        yield commit_id
        for child in children[commit_id]:
            waits[child] -= 1
            if not waits[child]:
                heapq.heappush(ready, (_moment(commits[child].committer), child))


def _moment(signature: Signature | None) -> int:
    return signature.microseconds or 0 if signature is not None else 0


def _date(signature: Signature | None) -> str | None:
    """ISO 8601 in the zone that the signature states; UTC if that is none."""
    if signature is None or signature.microseconds is None:
        return None
    moment = _EPOCH + dt.timedelta(microseconds=signature.microseconds)
    zone = signature.offset or ""
    if _ZONE.fullmatch(zone):
        minutes = int(zone[1:3]) * 60 + int(zone[3:])
        shift = dt.timedelta(minutes=-minutes if zone[0] == "-" else minutes)
        try:
            return moment.astimezone(dt.timezone(shift)).isoformat(timespec="seconds")
        except OverflowError:
            pass
    return moment.isoformat(timespec="seconds")
