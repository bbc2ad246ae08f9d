"""Licence statements in the files of a tree, a batch of contents at a time, and the words behind unlisted ids."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from gristmill import tables
from gristmill.annotate import licences, text
from gristmill.collect.listing import NULL_ID
from gristmill.scan.walk import Seen, Unread, read

MAX_BYTES = 10_000_000
"""larger files are not looked into, as in a build"""
BATCH_BYTES = 32_000_000
BATCH_FILES = 4_096
EXCERPT_BYTES = 20_000
"""most of a text that is quoted in a document"""

REFERENCE = re.compile(r"(?:LicenseRef|AdditionRef)-[A-Za-z0-9.-]+")


@dataclass(frozen=True, slots=True)
class Detected:
    """Rows of ``tables.LICENCE_MATCHES``, the text first found for each unlisted id, and what could not be read."""

    matches: pa.Table
    texts: dict[str, str]
    unread: tuple[Unread, ...]


def detect(files: Sequence[Seen]) -> Detected:
    """The licence statements in files; links, and files that were not read before, are left out."""
    names: dict[str, set[str]] = {}
    firsts: dict[str, Seen] = {}
    unread = []
    for one in files:
        if one.is_link or one.content_id == NULL_ID:
            continue
        if one.length > MAX_BYTES:
            unread.append(Unread(one.path, f"not looked into: larger than {MAX_BYTES:,} bytes"))
            continue
        names.setdefault(one.content_id, set()).add(one.path.rpartition("/")[2])
        firsts.setdefault(one.content_id, one)
    exact: dict[str, str] = {}
    among: dict[str, str] = {}
    found = []
    for batch in _batches(firsts.values(), names, unread):
        rows = licences.annotate(batch)
        found.append(rows)
        _quote(rows, batch, exact, among)
    matches = pa.Table.from_batches(found, schema=tables.LICENCE_MATCHES.schema)
    return Detected(matches, among | exact, tuple(unread))


def _batches(
    files: Iterable[Seen], names: dict[str, set[str]], unread: list[Unread]
) -> Iterator[pa.RecordBatch]:
    part: list[tuple[str, bytes]] = []
    size = 0
    for one in files:
        if part and (size + one.length > BATCH_BYTES or len(part) >= BATCH_FILES):
            yield _batch(part, names)
            part, size = [], 0
        try:
            data = read(one, MAX_BYTES)
        except OSError as error:
            unread.append(Unread(one.path, error.strerror or str(error)))
            continue
        part.append((one.content_id, data))
        size += len(data)
    if part:
        yield _batch(part, names)


def _batch(part: list[tuple[str, bytes]], names: dict[str, set[str]]) -> pa.RecordBatch:
    """What ``licences.annotate`` takes, with the text of each content as UTF-8."""
    batch = pa.record_batch(
        {
            "content_id": pa.array([content_id for content_id, _ in part], pa.string()),
            "length": pa.array([len(data) for _, data in part], pa.int64()),
            "data": pa.array([data for _, data in part], pa.binary()),
            "names": pa.array([sorted(names[content_id]) for content_id, _ in part], tables.STRINGS),
        }
    )
    return text.with_text(batch, text.annotate(batch))


def _quote(rows: pa.RecordBatch, batch: pa.RecordBatch, exact: dict[str, str], among: dict[str, str]) -> None:
    """Note the words of the first match for each unlisted id; one that names nothing else says it best."""
    places: dict[str, int] | None = None
    for row in rows.to_pylist():
        for reference in REFERENCE.findall(row["expression"]):
            chosen = exact if reference == row["expression"] else among
            if reference in chosen:
                continue
            if places is None:
                places = {one: number for number, one in enumerate(batch.column("content_id").to_pylist())}
            whole: pa.Buffer = batch.column("text")[places[row["content_id"]]].as_buffer()
            length = min(row["end"] - row["start"], EXCERPT_BYTES, whole.size - row["start"])
            words = bytes(whole.slice(row["start"], max(length, 0))).decode("utf-8", "replace")
            chosen[reference] = words
