"""The rows of a flat listing: what directories, archives and packages say of themselves, table by table."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa

from gristmill import tables
from gristmill.collect import swhid
from gristmill.collect.reader import Listing, Source, State
from gristmill.collect.tree import build_tree
from gristmill.errors import SourceError

BATCH_ROWS = 10_000
NULL_ID = "0" * 40
SHOWN_NOTES = 5


class Item(NamedTuple):
    """One path of a listing: raw path, mode, id of the content (NULL_ID if unknown), size in bytes.

    ``skipped`` says why its bytes cannot be had: too_large, missing, corrupt, or hostile_path.
    """

    path: bytes
    mode: int
    content_id: str
    length: int
    skipped: str | None = None


@dataclass(frozen=True)
class SyntheticRelease:
    """The release object that stands for a version of a package, since package indexes have none."""

    kind: str
    package: str
    version: str
    date: dt.datetime | None

    def identify(self, directory: str) -> str:
        """Id of the release of this root directory."""
        message = f"Synthetic release for {self.kind} package {self.package} version {self.version}\n"
        return swhid.release_id(directory, "directory", self.version.encode(), message.encode())


def list_items(
    state: State,
    items: Iterable[Item],
    notes: Sequence[str],
    release: SyntheticRelease | None = None,
    declared_licence: str | None = None,
) -> Listing:
    """The listing of one state: origins, directories, releases, snapshots, entries, and last the visit.

    Items whose content is unknown (NULL_ID) are entries but no part of the directories; ``notes`` tell
    why, and make the visit partial. Paths of items must differ.
    """
    ordered = sorted(items, key=lambda item: item.path)
    leaves = (swhid.TreeEntry(i.path, i.mode, i.content_id) for i in ordered if i.content_id != NULL_ID)
    tree = build_tree(leaves)
    origin = state.origin["origin_id"]
    branches = [swhid.Branch(b"HEAD", "directory", tree.root)]
    anchor = swhid.swhid("dir", tree.root)
    if release is not None:
        identifier = release.identify(tree.root)
        anchor = swhid.swhid("rel", identifier)
        name = f"releases/{release.version}".encode()
        branches = [swhid.Branch(b"HEAD", "alias", name.hex()), swhid.Branch(name, "release", identifier)]
    snapshot = swhid.snapshot_id(branches)
    yield from batches(tables.ORIGINS, [_origin_row(state, declared_licence)])
    yield from batches(tables.DIRECTORIES, tree.rows())
    if release is not None:
        row = (identifier, release.version.encode(), "directory", tree.root, release.date, True)
        yield from batches(tables.RELEASES, [row])
    yield from batches(tables.SNAPSHOTS, [(snapshot, b.name, b.target_type, b.target) for b in branches])
    yield from batches(tables.ENTRIES, _entry_rows(ordered, (origin, anchor, tree.root)))
    visit = (
        origin,
        state.state,
        visit_date(),
        "partial" if notes else "full",
        snapshot,
        anchor,
        state.branch,
        _join_notes(notes),
    )
    yield from batches(tables.VISITS, [visit])


def batches(table: tables.Table, rows: Iterable[tuple[Any, ...]]) -> Listing:
    """Rows, as tuples in the order of the table's columns, in record batches of at most BATCH_ROWS rows."""
    schema = table.schema
    iterator = iter(rows)
    while part := list(islice(iterator, BATCH_ROWS)):
        columns = zip(*part, strict=True)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
        yield table.name, pa.RecordBatch.from_arrays(arrays, schema=schema)


def path_text(path: bytes) -> tuple[str, bytes | None]:
    """A path as text, and its raw bytes where they are not UTF-8 (those bytes are then written \\xNN)."""
    try:
        return path.decode(), None
    except UnicodeDecodeError:
        return path.decode(errors="backslashreplace"), path


def path_texts(paths: Sequence[bytes]) -> list[tuple[str, bytes | None]]:
    """``path_text`` of paths that differ; two may read alike once escaped: the later is marked with '~'."""
    texts = [path_text(path) for path in paths]
    if all(raw is None for _, raw in texts):
        return texts
    taken = {text for text, raw in texts if raw is None}
    for number, (text, raw) in enumerate(texts):
        if raw is not None:
            while text in taken:
                text += "~"
            taken.add(text)
            texts[number] = (text, raw)
    return texts


def visit_date() -> dt.datetime:
    """Now, or what SOURCE_DATE_EPOCH says (reproducible-builds.org) so that a build can be repeated."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    return dt.datetime.fromtimestamp(int(epoch), dt.UTC) if epoch.isdigit() else dt.datetime.now(dt.UTC)


def check_options(source: Source, allowed: Collection[str]) -> None:
    """Raise SourceError if the source carries an option that its reader does not know."""
    for key in sorted(source.options):
        if key not in allowed:
            known = f"known: {', '.join(sorted(allowed))}" if allowed else "this kind of source has none"
            raise SourceError(f"source {source.scheme}:... has an unknown option {key!r}; {known}")


def choose(source: Source, key: str, values: Sequence[str]) -> str:
    """The value of an option that takes one of some values; the first is the default. Raises SourceError."""
    value = source.options.get(key, values[0])
    if value not in values:
        raise SourceError(f"source {source.scheme}:... has {key}={value}; write one of {', '.join(values)}")
    return value


def _origin_row(state: State, declared_licence: str | None) -> tuple[Any, ...]:
    values = dict(state.origin)
    if declared_licence is not None:
        values["declared_licence"] = declared_licence
    return tuple(values.get(column.name) for column in tables.ORIGINS.columns)


def _entry_rows(items: Sequence[Item], hung_on: tuple[object, str, str]) -> Iterator[tuple[Any, ...]]:
    """Rows of table ``entries``."""
    for item, (shown, raw) in zip(items, path_texts([item.path for item in items]), strict=True):
        kind = {swhid.SYMLINK_MODE: "symlink", swhid.SUBMODULE_MODE: "submodule"}.get(item.mode, "file")
        yield (
            *hung_on,
            shown,
            raw,
            shown.rpartition("/")[2],
            kind,
            item.mode,
            item.content_id,
            item.length,
            item.skipped,
            True,
        )


def _join_notes(notes: Sequence[str]) -> str | None:
    if not notes:
        return None
    more = f"; and {len(notes) - SHOWN_NOTES} more" if len(notes) > SHOWN_NOTES else ""
    return "; ".join(notes[:SHOWN_NOTES]) + more
