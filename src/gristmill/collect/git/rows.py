"""From what was read to rows of the tables, in record batches of bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

import pyarrow as pa

from gristmill.collect.git.batch import MISSING, TOO_LARGE, ObjectReader
from gristmill.collect.git.objects import KINDS, Commit, Signature, Tag, entry_type
from gristmill.collect.git.walk import PathEntry, Tally, TreeEntry
from gristmill.collect.listing import path_text, visit_date
from gristmill.collect.people import Pseudonymiser
from gristmill.collect.reader import State
from gristmill.tables import ENTRIES, ORIGINS, VISITS, Table

BATCH_ROWS = 10_000

Row = tuple[object, ...]
Batch = tuple[str, pa.RecordBatch]
Occurrence = tuple[str, str, bool, PathEntry]  # anchor, its root directory, head, what stands where
Known = tuple[str, int, str | None]  # content id, length, why its bytes are skipped


def record_batches(table: Table, rows: Iterable[Row]) -> Iterator[Batch]:
    """``rows``, tuples in the order of the table's columns, as batches of at most BATCH_ROWS rows."""
    source = iter(rows)
    while chunk := list(islice(source, BATCH_ROWS)):
        arrays = [
            pa.array(c, field.type) for c, field in zip(zip(*chunk, strict=True), table.schema, strict=True)
        ]
        yield table.name, pa.RecordBatch.from_arrays(arrays, schema=table.schema)


def origin_batches(state: State) -> Iterator[Batch]:
    """The one row of table origins."""
    return record_batches(ORIGINS, [tuple(state.origin.get(c.name) for c in ORIGINS.columns)])


def visit_batches(state: State, snapshot_id: str | None, anchor: str, message: str | None) -> Iterator[Batch]:
    """The one row of table visits: full, or partial with the message that says what is not there."""
    status = "full" if message is None else "partial"
    now = visit_date()
    row = (state.origin["origin_id"], state.state, now, status, snapshot_id, anchor, state.branch, message)
    return record_batches(VISITS, [row])


def revision_row(revision_id: str, commit: Commit, verified: bool, people: Pseudonymiser) -> Row:
    """A row of table revisions."""
    return (
        revision_id,
        commit.tree,
        list(commit.parents),
        *_person(commit.author, people),
        *_person(commit.committer, people),
        people.scrub_message(commit.message),
        verified,
    )


def release_row(release_id: str, tag: Tag) -> Row:
    """A row of table releases."""
    date = tag.tagger.microseconds if tag.tagger else None
    return release_id, tag.name, KINDS[tag.kind], tag.target, date, False


def directory_rows(directory_id: str, entries: Iterable[TreeEntry]) -> Iterator[Row]:
    """The rows of table directories for one tree."""
    types = {"dir": "dir", "submodule": "rev"}
    for name, mode, target in entries:
        yield directory_id, name, types.get(entry_type(mode), "file"), target.hex(), mode


def entry_batches(
    state: State, occurrences: Iterable[Occurrence], reader: ObjectReader, tally: Tally
) -> Iterator[Batch]:
    """Rows of table entries; sizes are looked up a batch at a time, bodies are not read."""
    seen: set[tuple[str, str]] = set()
    source = iter(occurrences)
    while chunk := list(islice(source, BATCH_ROWS)):
        wanted = {e[2].hex(): None for *_, e in chunk if entry_type(e[1]) != "submodule"}
        known = {
            o.object_id: _known(o.object_id, o.kind, o.size, o.problem, tally) for o in reader.sizes(wanted)
        }
        yield from record_batches(ENTRIES, entry_rows(state, chunk, known, seen, tally))


def entry_rows(
    state: State,
    occurrences: Iterable[Occurrence],
    known: Mapping[str, Known],
    seen: set[tuple[str, str]],
    tally: Tally,
) -> Iterator[Row]:
    """Rows of table entries; ``known`` maps git's blob ids to what is known of the content.

    ``seen`` collects the paths that hold a written escape: two different paths could be written alike, and
    only the first is listed.
    """
    origin_id = state.origin["origin_id"]
    for anchor, directory_id, head, (raw, mode, target) in occurrences:
        path, path_raw = path_text(raw)
        if "\\x" in path:
            if (anchor, path) in seen:
                tally.problems["paths written like another"] += 1
                continue
            seen.add((anchor, path))
        kind = entry_type(mode)
        content_id, length, skipped = (target.hex(), -1, None) if kind == "submodule" else known[target.hex()]
        if skipped in ("missing", "corrupt"):
            tally.lost("files", skipped)
        name = path.rpartition("/")[2]
        yield (
            *(origin_id, anchor, directory_id, path, path_raw, name, kind, mode),
            *(content_id, length, skipped, head),
        )


def _known(object_id: str, kind: str, size: int, problem: str | None, tally: Tally) -> Known:
    if problem is not None:
        return object_id, size, problem if problem == MISSING else "corrupt"
    if kind != "blob":  # a file entry that points to a tree or commit
        return object_id, -1, "corrupt"
    return object_id, size, TOO_LARGE if size > tally.limits.max_content_bytes else None


def _person(signature: Signature | None, people: Pseudonymiser) -> Row:
    if signature is None:
        return None, None, None
    return people.pseudonym(signature.identity), signature.microseconds, signature.offset
