"""Write the shards of a release: find what was made before, make the rest, put it together.

A task writes one range of places, a shard a language. What is in a page of the column ``content``, and in a
shard, is named by a digest of all that it is made from. A shard or page of that name in an earlier task is
taken as it is; of a page that is not there, texts that stand in an earlier page are taken from that, and only
the others are read from segments. All of this gives the bytes that a task without earlier ones would give.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.engine.shards import SegmentReader
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.release.bodies import read_bodies, read_spans, recipes
from gristmill.release.count import COUNTS, count_rows
from gristmill.release.earlier import (
    BODIES,
    PAGES,
    WRITTEN,
    Earlier,
    KnownPage,
    is_sound,
    read_earlier,
)
from gristmill.release.fingerprint import fingerprint, streams
from gristmill.release.manifest import file_digest
from gristmill.release.order import page_starts
from gristmill.release.paged import DamagedPageError, StoredPage, write_paged_shard
from gristmill.release.pages import COMPRESSION_LEVEL, encode_page
from gristmill.release.plan import CROWDS, ROWS
from gristmill.release.redact import Span
from gristmill.release.schema import FILES, logical_schema, rows_digest

VERSION = 2
PIECE_BYTES = 32 << 20
"""text that is read from segments at a time"""
SPOOL = "new-pages"
UNKNOWN = StoredPage(Path(), 0, 0, 0, 0, 0, 0)
WITHOUT_CONTENT = logical_schema(FILES)


@dataclass(frozen=True)
class Range:
    """The ``number``-th of ``ranges`` equal ranges of places."""

    number: int
    ranges: int

    @property
    def name(self) -> str:
        """As it stands in the names of a task's tables."""
        return f"{self.number:02d}-of-{self.ranges:02d}"


@dataclass
class _Part:
    """The rows of one language, ``start`` to ``end`` of the task's, and the first row of each page."""

    slug: str
    start: int
    end: int
    firsts: np.ndarray
    made_from: list[bytes]
    pages: list[StoredPage]


@dataclass(frozen=True)
class _Missing:
    """A page to make: the ``number``-th of a part, of the rows from ``first`` to before ``end``."""

    first: int
    end: int
    part: _Part
    number: int


def write_stage(
    which: Range,
    bits: Mapping[str, int],
    final: Sequence[str],
    redact_from: float | None,
    seed: int,
    earlier: Sequence[Path],
) -> Stage:
    """The stage that writes one range, a file ``<slug>.parquet`` a language in the task's folder.

    Inputs ``rows`` and ``crowds`` of the plan, ``contents`` (segments) and ``findings``. Outputs ``pages``,
    ``bodies``, ``written`` and ``counts``, with the range in their names. ``bits``: leading bits of the place
    that name a page, by slug. ``final``: slugs whose file is a shard of the release as it is. ``redact_from``
    is the least score of a finding that is redacted; None leaves every text as it is. ``earlier``: tables of
    pages of tasks to look into.
    """
    return Stage(
        "write",
        VERSION,
        _write,
        {
            f"pages-{which.name}": PAGES,
            f"bodies-{which.name}": BODIES,
            f"written-{which.name}": WRITTEN,
            f"counts-{which.name}": COUNTS,
        },
        params={
            "range": [which.number, which.ranges],
            "bits": dict(bits),
            "final": sorted(final),
            "redact_from": redact_from,
            "seed": seed,
            **_settings(),
        },
        private={"earlier": list(earlier)},
        plain=("recipe", "released_sha256", "made_from"),
        own_files=True,
    )


def _settings() -> dict[str, Any]:
    """What the bytes of a page or shard depend on beside its rows."""
    return {"version": VERSION, "pyarrow": pa.__version__, "level": COMPRESSION_LEVEL}


def _write(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    which = Range(*params["range"])
    folder = Path(params["folder"])
    rows = _read_rows(inputs, which)
    earlier = read_earlier(params["earlier"])
    spans = _spans(inputs, rows, params["redact_from"])
    names = recipes(rows, spans, params["seed"])
    bodies = _Bodies(names, earlier, inputs.files["contents"], rows, spans, params["seed"], folder / SPOOL)
    columns = streams(rows)
    written: list[dict[str, Any]] = []
    parts: list[_Part] = []
    waiting: list[tuple[_Part, bytes]] = []
    for part in _parts(rows, names, params["bits"]):
        name = fingerprint(columns, part.start, part.end, *part.made_from)
        parts.append(part)
        known = earlier.shards.get(name)
        final = part.slug in params["final"]
        if (
            known is not None
            and (known.written["logical_sha256"] != "") == final
            and sum(page.stored.rows for page in known.pages) == part.end - part.start
            and is_sound(known)
        ):
            _link(known.path, folder / f"{part.slug}.parquet")
            bodies.take(part, known.pages)
            written.append(dict(known.written))
        else:
            waiting.append((part, name))
    bodies.make([part for part, _ in waiting])
    for part, name in waiting:
        table = _with_bodies(rows.slice(part.start, part.end - part.start), bodies.of(part.start, part.end))
        path = folder / f"{part.slug}.parquet"
        try:
            offsets = write_paged_shard(path, table, part.pages)
        except DamagedPageError:
            bodies.remake(part)
            offsets = write_paged_shard(path, table, part.pages)
        part.pages = [
            StoredPage(path, offset, page.size, page.header_bytes, page.raw_bytes, page.rows, page.crc)
            for page, offset in zip(part.pages, offsets.tolist(), strict=True)
        ]
        written.append(describe(part.slug, name, path, table, logical=part.slug in params["final"]))
    bodies.close()
    written.sort(key=lambda row: str(row["slug"]))
    yield from _tables(which, parts, bodies, written, rows)


def describe(
    slug: str, made_from: bytes, path: Path, rows: pa.Table, *, logical: bool = True
) -> dict[str, Any]:
    """The row of WRITTEN of a shard that was just written from ``rows`` (all columns but the content)."""
    return {
        "slug": slug,
        "made_from": made_from,
        "rows": rows.num_rows,
        "bytes": path.stat().st_size,
        "sha256": file_digest(path),
        "logical_sha256": rows_digest(WITHOUT_CONTENT, rows.to_batches()) if logical else "",
        "released_bytes": pc.sum(rows["released_bytes"], min_count=0).as_py(),
        "redactions": pc.sum(rows["redactions"], min_count=0).as_py(),
        "redacted_files": pc.sum(pc.greater(rows["redactions"], 0), min_count=0).as_py(),
    }


class _Bodies:
    """The texts of a task's rows: which were made before, which were made now, and where their pages are."""

    def __init__(
        self,
        names: pa.Array,
        earlier: Earlier,
        contents: Sequence[Path],
        rows: pa.Table,
        spans: Mapping[str, Sequence[Span]],
        seed: int,
        spool: Path,
    ) -> None:
        self._names, self._earlier, self._rows = names, earlier, rows
        self._contents, self._spans, self._seed, self._spool = contents, spans, seed, spool
        self._at = np.full(len(names), -1, np.int64)  # number of each row's text, known ones first
        self._new: dict[str, list[Any]] = {name: [] for name in BODIES.names}
        self._all: pa.Table | None = None

    def take(self, part: _Part, pages: Sequence[KnownPage]) -> None:
        """All texts of a part as they stand in earlier pages that hold them in the same order."""
        part.pages = [page.stored for page in pages]
        at = part.start
        for page in pages:
            self._at[at : at + page.stored.rows] = page.first + np.arange(page.stored.rows)
            at += page.stored.rows

    def make(self, parts: Sequence[_Part]) -> None:
        """Find the pages of some parts in earlier tasks, and make those that are not there."""
        missing: list[_Missing] = []
        for part in parts:
            part.pages = [UNKNOWN] * len(part.firsts)
            ends = [*part.firsts.tolist()[1:], part.end]
            for number, (first, end) in enumerate(zip(part.firsts.tolist(), ends, strict=True)):
                known = self._earlier.pages.get(part.made_from[number])
                if known is not None and known.stored.rows == end - first:
                    part.pages[number] = known.stored
                    self._at[first:end] = np.arange(known.first, known.first + end - first)
                else:
                    missing.append(_Missing(first, end, part, number))
        place = self._rows["place"].to_numpy()
        missing.sort(key=lambda page: (int(place[page.first]), page.first))
        lengths = self._rows["length_bytes"].to_numpy()
        with self._spool.open("ab") as spool, SegmentReader(self._contents, "content_id") as segments:
            for piece in _pieces(missing, lengths):
                texts = self._texts(piece, segments)
                for wanted in piece:
                    page = encode_page([texts[row] for row in range(wanted.first, wanted.end)])
                    wanted.part.pages[wanted.number] = StoredPage(
                        self._spool,
                        spool.tell(),
                        page.size,
                        len(page.header),
                        page.raw_bytes,
                        wanted.end - wanted.first,
                        page.crc,
                    )
                    spool.write(page.header)
                    spool.write(page.frame)

    def of(self, start: int, end: int) -> pa.Table:
        """Rows of BODIES for some rows of the task, once all have a text."""
        if self._all is None:
            new = pa.table(self._new, schema=BODIES)
            self._all = pa.concat_tables([self._earlier.bodies, new]).combine_chunks()
        return self._all.take(pa.array(self._at[start:end]))

    def close(self) -> None:
        """Remove the pages made now: they stand in shards."""
        self._spool.unlink(missing_ok=True)

    def remake(self, part: _Part) -> None:
        """Make all pages of a part anew: a file of earlier pages is damaged, and no more is taken from any."""
        self._earlier.forget()
        self._all = None
        self.make([part])

    def _texts(self, piece: Sequence[_Missing], segments: SegmentReader) -> dict[int, memoryview]:
        """The text of each row of some pages, from earlier pages or else from segments."""
        numbers = np.concatenate([np.arange(page.first, page.end) for page in piece])
        known = self._earlier.find(self._names.take(pa.array(numbers)))
        found = self._earlier.read(known)
        texts: dict[int, memoryview] = {}
        left = []
        for row, number in zip(numbers.tolist(), known.tolist(), strict=True):
            if number in found:
                texts[row] = found[number]
                self._at[row] = number
            else:
                left.append(row)
        if left:
            rows = self._rows.select(["content_id", "length_bytes", "src_encoding"]).take(pa.array(left))
            bodies = read_bodies(rows, segments, self._spans, self._seed)
            names = self._names.take(pa.array(left)).to_pylist()
            ids = rows["content_id"].to_pylist()
            first_new = self._earlier.bodies.num_rows
            for row, name, content_id in zip(left, names, ids, strict=True):
                body = bodies[content_id]
                texts[row] = body.text
                self._at[row] = first_new + len(self._new["recipe"])
                self._new["recipe"].append(name)
                self._new["redactions"].append(body.redactions)
                self._new["released_sha256"].append(body.sha256)
                self._new["released_bytes"].append(len(body.text))
        return texts


def _pieces(pages: Sequence[_Missing], lengths: np.ndarray) -> Iterator[list[_Missing]]:
    """Pages in order, as many at a time as hold about PIECE_BYTES of text."""
    piece: list[_Missing] = []
    size = 0
    for page in pages:
        own = int(lengths[page.first : page.end].sum())
        if piece and size + own > PIECE_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(page)
        size += own
    if piece:
        yield piece


def _read_rows(inputs: Inputs, which: Range) -> pa.Table:
    """The rows of a range with their crowds, by slug and place; rows of one place stay in key order."""
    found = []
    with SegmentReader(inputs.files["rows"], "place") as reader:
        each = 1 << 64 - (which.ranges.bit_length() - 1)
        found = list(reader.read_between(which.number * each, (which.number + 1) * each))
    rows = pa.Table.from_batches(found, schema=ROWS).combine_chunks()
    slugs = rows["slug"].combine_chunks().dictionary_encode() if rows.num_rows else None
    if slugs is not None:
        ranks = np.argsort(np.argsort(np.array(slugs.dictionary.to_pylist(), object)))
        order = np.lexsort((rows["place"].to_numpy(), ranks[slugs.indices.to_numpy()]))
        rows = rows.take(pa.array(order)).combine_chunks()
    crowds = inputs.table("crowds", CROWDS)
    at = pc.index_in(rows["content_id"], value_set=crowds["content_id"])
    for name in ("occurrences", "cluster_size"):
        rows = rows.append_column(FILES.schema.field(name), pc.fill_null(crowds[name].take(at), 1))
    return rows


def _spans(inputs: Inputs, rows: pa.Table, least: float | None) -> dict[str, list[Span]]:
    if least is None:
        return {}
    with SegmentReader(inputs.files[tables.FINDINGS.name], "content_id") as findings:
        return read_spans(findings, np.unique(rows["content_id"].to_numpy()), least)


def _parts(rows: pa.Table, names: pa.Array, bits: Mapping[str, int]) -> Iterator[_Part]:
    """The languages of a task's rows, in order, and what their pages are made from."""
    settings = repr(_settings()).encode()
    slugs = rows["slug"].to_numpy()
    place, lengths = rows["place"].to_numpy(), rows["length_bytes"].to_numpy()
    texts = names.to_pylist()
    starts = np.flatnonzero(slugs[1:] != slugs[:-1]) + 1 if len(slugs) else np.zeros(0, np.int64)
    bounds = [0, *starts.tolist(), len(slugs)] if len(slugs) else [0]
    for start, end in zip(bounds[:-1], bounds[1:], strict=True):
        firsts = start + page_starts(place[start:end], lengths[start:end], bits[slugs[start]])
        ends = [*firsts.tolist()[1:], end]
        made_from = [
            _digest(settings, "\n".join(texts[first:last]).encode())
            for first, last in zip(firsts.tolist(), ends, strict=True)
        ]
        yield _Part(slugs[start], start, end, firsts, made_from, [])


def _with_bodies(rows: pa.Table, bodies: pa.Table) -> pa.Table:
    """Rows with what is said of their texts, in the columns of FILES but for the content."""
    columns = [
        bodies[name] if name in BODIES.names else rows[name].combine_chunks()
        for name in WITHOUT_CONTENT.names
    ]
    return pa.Table.from_arrays(columns, schema=WITHOUT_CONTENT)


def _tables(
    which: Range, parts: Sequence[_Part], bodies: _Bodies, written: list[dict[str, Any]], rows: pa.Table
) -> Iterator[Output]:
    pages = [
        (part.slug, made_from, page.offset, page.size, page.header_bytes, page.raw_bytes, page.rows, page.crc)
        for part in parts
        for page, made_from in zip(part.pages, part.made_from, strict=True)
    ]
    columns = list(zip(*pages, strict=True)) if pages else [()] * len(PAGES)
    arrays = [pa.array(list(column), kind.type) for column, kind in zip(columns, PAGES, strict=True)]
    for name, table in (
        ("pages", pa.Table.from_arrays(arrays, schema=PAGES)),
        ("bodies", bodies.of(0, rows.num_rows)),
        ("written", pa.Table.from_pylist(written, schema=WRITTEN)),
        ("counts", count_rows(rows)),
    ):
        yield from ((f"{name}-{which.name}", batch) for batch in table.combine_chunks().to_batches())


def _digest(*parts: bytes) -> bytes:
    hasher = hashlib.sha256()
    for part in parts:
        hasher.update(len(part).to_bytes(8, "little"))
        hasher.update(part)
    return hasher.digest()


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
