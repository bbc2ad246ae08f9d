"""Gather the texts of a range of rows into pages: from earlier pages where they stand there, else from segments."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from gristmill.release.bodies import Segments, read_bodies
from gristmill.release.cut import Cut, Part
from gristmill.release.earlier import BODIES, Earlier, KnownShard
from gristmill.release.pages import encode_page
from gristmill.release.stored import PAGE, StoredPages

PIECE_BYTES = 16 << 20
"""text that is read from segments at a time"""


class Bodies:
    """The texts of a task's rows: which were made before, which were made now, and where their pages are.

    ``rows`` has the columns that ``read_bodies`` asks for, ``names`` the recipe of each row's text.
    """

    def __init__(
        self,
        cut: Cut,
        names: pa.Array,
        rows: pa.Table,
        earlier: Earlier,
        segments: Segments,
        seed: int,
        spool: Path,
    ) -> None:
        self._cut, self._names, self._rows, self._earlier = cut, names, rows, earlier
        self._segments, self._seed, self._spool = segments, seed, spool
        self._files = [*earlier.pages.files, spool]
        self._pages = np.zeros(len(cut.starts), PAGE)
        self._at = np.full(len(names), -1, np.int64)  # number of each row's text, known ones first
        self._new: dict[str, list[Any]] = {name: [] for name in BODIES.names}

    def take(self, part: Part, known: KnownShard) -> None:
        """All texts of a part as they stand in an earlier shard of it."""
        self._know(np.arange(part.first, part.last), np.arange(known.first, known.last))

    def make(self, parts: Sequence[Part]) -> None:
        """Find the pages of some parts in earlier tasks, and make those that are not there."""
        wanted = np.concatenate(
            [np.zeros(0, np.int64), *(np.arange(part.first, part.last) for part in parts)]
        )
        known = self._earlier.find_pages(self._cut.made_from.take(pa.array(wanted)))
        found = np.flatnonzero(known >= 0)
        found = found[self._earlier.pages.at["rows"][known[found]] == self._cut.rows[wanted[found]]]
        self._know(wanted[found], known[found])
        missing = np.delete(wanted, found)
        place = self._rows["place"].to_numpy()[self._cut.starts[missing]]
        missing = missing[np.lexsort((missing, place))]
        with self._spool.open("ab") as spool:
            for piece in _pieces(missing, self._sizes(missing)):
                texts = self._texts(_spread(self._cut.starts[piece], self._cut.rows[piece]))
                for number in piece.tolist():
                    start, count = int(self._cut.starts[number]), int(self._cut.rows[number])
                    page = encode_page([texts[row] for row in range(start, start + count)])
                    place_of = (len(self._files) - 1, spool.tell(), page.size, len(page.header))
                    self._pages[number] = (*place_of, page.raw_bytes, count, page.crc)
                    spool.write(page.header)
                    spool.write(page.frame)

    def pages(self, part: Part) -> StoredPages:
        """The pages of a part, once it was taken or made."""
        return StoredPages(self._files, self._pages[part.first : part.last])

    def all(self) -> pa.Table:
        """Rows of BODIES for all rows of the task, once all have a text."""
        new = pa.table(self._new, schema=BODIES)
        return pa.concat_tables([self._earlier.bodies, new]).combine_chunks().take(pa.array(self._at))

    def close(self) -> None:
        """Remove the pages made now: they stand in shards."""
        self._spool.unlink(missing_ok=True)

    def remake(self, part: Part) -> None:
        """Make all pages of a part anew: a file of earlier pages is damaged, and no more is taken from any."""
        self._earlier.forget()
        self.make([part])

    def _know(self, own: np.ndarray, known: np.ndarray) -> None:
        """Some pages of the task are earlier ones, given by their numbers."""
        counts = self._cut.rows[own]
        self._pages[own] = self._earlier.pages.at[known]
        self._at[_spread(self._cut.starts[own], counts)] = _spread(self._earlier.first_rows[known], counts)

    def _sizes(self, pages: np.ndarray) -> np.ndarray:
        ends = np.concatenate(([0], np.cumsum(self._rows["length_bytes"].to_numpy())))
        starts = self._cut.starts[pages]
        sizes: np.ndarray = ends[starts + self._cut.rows[pages]] - ends[starts]
        return sizes

    def _texts(self, numbers: np.ndarray) -> dict[int, memoryview]:
        """The texts of some rows, from earlier pages or else from segments."""
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
            columns = ["content_id", "length_bytes", "src_encoding", "mark"]
            rows = self._rows.select(columns).take(pa.array(left))
            bodies = read_bodies(rows, self._segments, self._seed)
            names = self._names.take(pa.array(left)).to_pylist()
            first_new = self._earlier.bodies.num_rows
            for row, name, content_id in zip(left, names, rows["content_id"].to_pylist(), strict=True):
                body = bodies[content_id]
                texts[row] = body.text
                self._at[row] = first_new + len(self._new["recipe"])
                self._new["recipe"].append(name)
                self._new["redactions"].append(body.redactions)
                self._new["released_sha256"].append(body.sha256)
                self._new["released_bytes"].append(len(body.text))
        return texts


def _spread(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The numbers of some runs, one after the other: ``counts`` of each from its start."""
    before = np.cumsum(counts) - counts
    spread: np.ndarray = np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
    return spread


def _pieces(pages: np.ndarray, sizes: np.ndarray) -> Iterator[np.ndarray]:
    """Pages in order, as many at a time as hold about PIECE_BYTES of text."""
    first = size = 0
    for number, own in enumerate(sizes.tolist()):
        if number > first and size + own > PIECE_BYTES:
            yield pages[first:number]
            first, size = number, 0
        size += own
    if first < len(pages):
        yield pages[first:]
