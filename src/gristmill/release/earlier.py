"""What earlier tasks wrote: shards, pages and texts that a new release need not make again.

A write task leaves tables beside its shards that say what each page and each shard was made from. They are a
cache: what is found there is what would be made anew, byte for byte, and nothing is taken that does not have
the digest or checksum stated for it. A task that is gone or cannot be read is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.engine.shards import read_table
from gristmill.errors import ReleaseError, StageError
from gristmill.release.manifest import file_digest
from gristmill.release.pages import decode_page
from gristmill.release.stored import PAGE, PageReader, StoredPages

PAGES = pa.schema([
    pa.field("file", pa.string(), nullable=False),
    pa.field("slug", pa.string(), nullable=False),
    pa.field("made_from", pa.binary(), nullable=False),
    pa.field("offset", pa.int64(), nullable=False),
    pa.field("size", pa.int64(), nullable=False),
    pa.field("header_bytes", pa.int64(), nullable=False),
    pa.field("raw_bytes", pa.int64(), nullable=False),
    pa.field("rows", pa.int64(), nullable=False),
    pa.field("crc", pa.int64(), nullable=False),
])  # fmt: skip
BODIES = pa.schema([
    pa.field("recipe", pa.string(), nullable=False),
    pa.field("redactions", pa.int32(), nullable=False),
    pa.field("released_sha256", pa.string(), nullable=False),
    pa.field("released_bytes", pa.int64(), nullable=False),
])  # fmt: skip
WRITTEN = pa.schema([
    pa.field("slug", pa.string(), nullable=False),
    pa.field("made_from", pa.binary(), nullable=False),
    pa.field("rows", pa.int64(), nullable=False),
    pa.field("bytes", pa.int64(), nullable=False),
    pa.field("sha256", pa.string(), nullable=False),
    pa.field("logical_sha256", pa.string(), nullable=False),
    pa.field("released_bytes", pa.int64(), nullable=False),
    pa.field("redactions", pa.int64(), nullable=False),
    pa.field("redacted_files", pa.int64(), nullable=False),
])  # fmt: skip


@dataclass(frozen=True)
class KnownShard:
    """A shard of an earlier task: its file, its row of WRITTEN, and its pages by number, ``first`` to before ``last``."""

    path: Path
    written: dict[str, object]
    first: int
    last: int


class Earlier:
    """Everything that some earlier tasks wrote.

    ``bodies`` has the schema BODIES, in the order of ``pages``; ``first_rows`` are the numbers in it of the first
    row of each page, ``made_from`` what each page was made from. ``shards`` are whole shards by what they were
    made from: no pieces.
    """

    def __init__(
        self, pages: StoredPages, made_from: pa.Array, bodies: pa.Table, shards: dict[bytes, KnownShard]
    ) -> None:
        self.pages, self.bodies, self.shards = pages, bodies, shards
        self.first_rows = np.cumsum(pages.at["rows"]) - pages.at["rows"]
        self._made_from = made_from

    def forget(self) -> None:
        """Trust nothing any more but what ``bodies`` says: a file turned out to be damaged."""
        self._made_from = self._made_from.slice(0, 0)
        self.shards.clear()

    def find_pages(self, made_from: pa.Array) -> np.ndarray:
        """The number of a page made from each of these, -1 where there is none."""
        return _index_in(made_from, self._made_from)

    def find(self, recipes: pa.Array) -> np.ndarray:
        """The number in ``bodies`` of a text made by each recipe, -1 where there is none."""
        return _index_in(recipes, self.bodies["recipe"])

    def read(self, numbers: np.ndarray) -> dict[int, memoryview]:
        """Texts by their number in ``bodies``; those whose page is not whole any more are missing."""
        wanted = np.unique(numbers[numbers >= 0])
        owners = np.searchsorted(self.first_rows, wanted, side="right") - 1
        bounds = np.searchsorted(owners, [*np.unique(owners), len(self.first_rows)])
        texts: dict[int, memoryview] = {}
        with PageReader(self.pages.files) as reader:
            for owner, start, end in zip(np.unique(owners), bounds, bounds[1:], strict=False):
                page = self.pages.at[owner : owner + 1]
                (header, raw, rows) = page[["header_bytes", "raw_bytes", "rows"]].tolist()[0]
                with suppress(ReleaseError):
                    found = decode_page(memoryview(reader.read(page))[header:], raw, rows)
                    first = int(self.first_rows[owner])
                    for number in wanted[start:end].tolist():
                        texts[number] = found[number - first]
        return texts


def read_earlier(pages_files: Iterable[Path]) -> Earlier:
    """Read what some tasks wrote; ``pages_files`` are their tables of pages, the most trusted first."""
    files: list[Path] = []
    at = [np.zeros(0, PAGE)]
    made_from, bodies = [PAGES.empty_table()["made_from"]], [BODIES.empty_table()]
    shards: dict[bytes, KnownShard] = {}
    count = 0
    for path in pages_files:
        kind = path.name.removeprefix("pages")
        try:
            pages = read_table([path], PAGES).cast(PAGES)
            own = read_table([path.with_name(f"bodies{kind}")], BODIES).cast(BODIES)
            written = read_table([path.with_name(f"written{kind}")], WRITTEN).cast(WRITTEN)
        except (StageError, pa.ArrowException, OSError, ValueError):
            continue
        if own.num_rows != pc.sum(pages["rows"], min_count=0).as_py():
            continue
        for known in _shards(path.parent, pages, written, count):
            shards.setdefault(bytes(known.written["made_from"]), known)  # type: ignore[call-overload]
        at.append(_places(pages, len(files)))
        files += [path.parent / name for name in _files(pages).dictionary.to_pylist()]
        made_from.append(pages["made_from"])
        bodies.append(own)
        count += pages.num_rows
    chunks = [chunk for column in made_from for chunk in column.chunks]
    return Earlier(
        StoredPages(files, np.concatenate(at)),
        pa.chunked_array(chunks, pa.binary()).combine_chunks(),
        pa.concat_tables(bodies).combine_chunks(),
        shards,
    )


def is_sound(shard: KnownShard) -> bool:
    """True if the file of a shard has the size and SHA-256 stated for it."""
    try:
        size = shard.path.stat().st_size
        return size == shard.written["bytes"] and file_digest(shard.path) == shard.written["sha256"]
    except OSError:
        return False


def _files(pages: pa.Table) -> pa.DictionaryArray:
    return pages["file"].combine_chunks().dictionary_encode()


def _places(pages: pa.Table, first_file: int) -> np.ndarray:
    """Where the pages of a task are, their files numbered from ``first_file``."""
    at = np.zeros(pages.num_rows, PAGE)
    at["file"] = first_file + _files(pages).indices.to_numpy()
    for name in ("offset", "size", "header_bytes", "raw_bytes", "rows", "crc"):
        at[name] = pages[name].to_numpy()
    return at


def _shards(folder: Path, pages: pa.Table, written: pa.Table, count: int) -> Iterable[KnownShard]:
    """The whole shards of a task whose pages are numbered from ``count``."""
    encoded = pages["slug"].combine_chunks().dictionary_encode()
    slugs = {slug: number for number, slug in enumerate(encoded.dictionary.to_pylist())}
    numbers = encoded.indices.to_numpy()
    for row in written.to_pylist():
        if row["logical_sha256"]:
            own = np.flatnonzero(numbers == slugs.get(row["slug"], -1))
            if len(own) and int(own[-1] - own[0]) == len(own) - 1:
                first = count + int(own[0])
                yield KnownShard(folder / f"{row['slug']}.parquet", row, first, first + len(own))


def _index_in(values: pa.Array, known: pa.Array | pa.ChunkedArray) -> np.ndarray:
    if not len(known) or not len(values):
        return np.full(len(values), -1, np.int64)
    at = pc.fill_null(pc.index_in(values, value_set=known), -1)
    return np.asarray(at.to_numpy(zero_copy_only=False), np.int64)
