"""The graph of a git repository at one commit, as rows; no file's bytes are read here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gristmill.collect import swhid
from gristmill.collect.git import rows
from gristmill.collect.git.batch import CORRUPT, ObjectReader
from gristmill.collect.git.objects import KINDS, Tag, parse_tag
from gristmill.collect.git.plumbing import open_repository
from gristmill.collect.git.refs import Refs, branches, read_refs
from gristmill.collect.git.sha256 import list_sha256
from gristmill.collect.git.source import OBJECT_BYTES, read_commit, shallow_commits
from gristmill.collect.git.walk import Tally, TreeCache, TreeEntry, collect_trees, history, introduced, paths
from gristmill.collect.people import Pseudonymiser
from gristmill.collect.reader import Context, Listing, State
from gristmill.errors import OriginError
from gristmill.tables import DIRECTORIES, RELEASES, REVISIONS, SNAPSHOTS

_Graph = dict[str, tuple[str, tuple[str, ...], bool]]  # revision: root directory, parents, verified


def list_objects(state: State, context: Context) -> Listing:
    """List what the commit of ``state`` holds: (table name, batch of at most 10,000 rows).

    In this order: the origin; all branches of the snapshot; the revision (with history=all every revision
    reachable from it) and the annotated tags that point to one of them; the directories of the commit's
    tree, each once; the entries of the commit, then (history=all) for every other revision the contents that
    it introduced, with head=false; last the visit, which is partial if anything was missing or corrupt.

    Trees and commits are hashed and compared with their ids. What could not be read is left out and counted
    in the visit's message; so are paths that are too long or too deep and names that no path can hold.

    Raises:
        OriginError: the commit or its root tree cannot be read.
        HostileInputError: a limit of ``context.limits`` on entries or time was passed.
    """
    repository = open_repository(state.local, context.cache, context.limits.origin_timeout)
    tally = Tally(str(state.origin["url"]), context.limits)
    with ObjectReader(repository, context.limits) as reader:
        if repository.object_format == "sha256":
            yield from list_sha256(state, context, reader, tally)
            return
        yield from rows.origin_batches(state)
        refs = read_refs(repository, context.limits)
        listed = branches(refs, _kinds(refs, reader, tally))
        snapshot_id = swhid.snapshot_id(listed)
        branch_rows = ((snapshot_id, b.name, b.target_type, b.target) for b in listed)
        yield from rows.record_batches(SNAPSHOTS, branch_rows)

        tip = state.details["commit"]
        graph: _Graph = {}
        people = Pseudonymiser(context.people_key)
        revisions = _revisions(state, reader, graph, people, tally)
        yield from rows.record_batches(REVISIONS, revisions)
        tags = _tags(reader, listed, tally)
        yield from rows.record_batches(RELEASES, _releases(tags, graph))

        root = graph[tip][0]
        trees: dict[bytes, list[TreeEntry]] = {}
        collected = collect_trees(reader, root, trees, tally)
        yield from rows.record_batches(
            DIRECTORIES, (row for tree, entries in collected for row in rows.directory_rows(tree, entries))
        )
        if bytes.fromhex(root) not in trees:
            raise OriginError(f"{tally.origin}: the root directory {root} of revision {tip} cannot be read")
        occurrences = _occurrences(tip, graph, trees, TreeCache(reader, tally), tally)
        yield from rows.entry_batches(state, occurrences, reader, tally)
    yield from rows.visit_batches(state, snapshot_id, swhid.swhid("rev", tip), tally.message())


def _kinds(refs: Refs, reader: ObjectReader, tally: Tally) -> dict[str, str]:
    kinds: dict[str, str] = {}
    for found in reader.sizes(sorted(set(refs.targets.values()))):
        if found.problem is None and found.kind in KINDS:
            kinds[found.object_id] = found.kind
        else:
            tally.lost("targets of refs", found.problem)
    return kinds


def _revisions(
    state: State, reader: ObjectReader, graph: _Graph, people: Pseudonymiser, tally: Tally
) -> Iterator[rows.Row]:
    """Rows of the revisions asked for; fills ``graph`` with them."""
    tip = state.details["commit"]
    if state.details["history"] == "none":
        commit = read_commit(reader, tip)
        graph[tip] = commit.tree, commit.parents, True
        yield rows.revision_row(tip, commit, True, people)
        return
    read_commit(reader, tip)  # raises where the walk would only take note
    for revision_id, commit, verified in history(reader, (tip,), shallow_commits(reader.repository), tally):
        graph[revision_id] = commit.tree, commit.parents, verified
        yield rows.revision_row(revision_id, commit, verified, people)


def _tags(reader: ObjectReader, listed: Iterable[swhid.Branch], tally: Tally) -> dict[str, Tag]:
    """Every annotated tag that a branch of the snapshot names, and those that such a tag points to."""
    tags: dict[str, Tag] = {}
    level = sorted({b.target for b in listed if b.target_type == "release" and b.target is not None})
    while level:
        following: set[str] = set()
        for raw in reader.read(level, OBJECT_BYTES):
            if raw.data is None or raw.kind != "tag":
                tally.lost("releases", raw.problem)
                continue
            try:
                tags[raw.object_id] = tag = parse_tag(raw.data)
            except ValueError:
                tally.lost("releases", CORRUPT)
                continue
            if tag.kind == "tag":
                following.add(tag.target)
        level = sorted(following - tags.keys())
    return tags


def _releases(tags: dict[str, Tag], graph: _Graph) -> Iterator[rows.Row]:
    """Rows of the tags that lead, perhaps through other tags, to a listed revision."""
    for release_id in sorted(tags):
        tag: Tag | None = tags[release_id]
        while tag is not None and tag.kind == "tag":
            tag = tags.get(tag.target)
        if tag is not None and tag.kind == "commit" and tag.target in graph:
            yield rows.release_row(release_id, tags[release_id])


def _occurrences(
    tip: str, graph: _Graph, trees: dict[bytes, list[TreeEntry]], cache: TreeCache, tally: Tally
) -> Iterator[rows.Occurrence]:
    """The paths of the tip, then for every other revision listed those whose content it introduced."""
    root = graph[tip][0]
    anchor = swhid.swhid("rev", tip)
    for entry in paths(root, trees, tally):
        yield anchor, root, True, entry
    for revision_id, (directory_id, parents, verified) in graph.items():
        if revision_id != tip and verified:
            anchor = swhid.swhid("rev", revision_id)
            before = [graph[p][0] for p in parents if p in graph and graph[p][2]]
            for entry in introduced(directory_id, before, cache, tally):
                yield anchor, directory_id, False, entry
