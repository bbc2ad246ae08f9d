"""Gather the texts of a range of rows into pages: from earlier pages where they stand there, else from segments."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill.engine.shards import SegmentReader
from gristmill.release.bodies import read_bodies
from gristmill.release.earlier import BODIES, Earlier, KnownPage
from gristmill.release.paged import StoredPage
from gristmill.release.pages import encode_page
from gristmill.release.redact import Span

PIECE_BYTES = 16 << 20
"""text that is read from segments at a time"""
UNKNOWN = StoredPage(Path(), 0, 0, 0, 0, 0, 0)


@dataclass
class Part:
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
    part: Part
    number: int


class Bodies:
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

    def take(self, part: Part, pages: Sequence[KnownPage]) -> None:
        """All texts of a part as they stand in earlier pages that hold them in the same order."""
        part.pages = [page.stored for page in pages]
        at = part.start
        for page in pages:
            self._at[at : at + page.stored.rows] = page.first + np.arange(page.stored.rows)
            at += page.stored.rows

    def make(self, parts: Sequence[Part]) -> None:
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

    def remake(self, part: Part) -> None:
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
