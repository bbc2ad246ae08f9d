"""What earlier tasks wrote: shards, pages and texts that a new release need not make again.

A write task leaves tables beside its shards that say what each page and each shard was made from. They are a
cache: what is found there is what would be made anew, byte for byte, and nothing is taken that does not have
the digest or checksum stated for it. A task that is gone or cannot be read is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.engine.shards import read_table
from gristmill.errors import ReleaseError, StageError
from gristmill.release.manifest import file_digest
from gristmill.release.paged import StoredPage, read_page
from gristmill.release.pages import decode_page
from gristmill.release.pieces import SUFFIX

PAGES = pa.schema([
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
class KnownPage:
    """A page of an earlier task, and the number of its first row in ``Earlier.bodies``."""

    stored: StoredPage
    made_from: bytes
    first: int


@dataclass(frozen=True)
class KnownShard:
    """A shard of an earlier task, or a piece of one: its file, its row of WRITTEN, and its pages in order."""

    path: Path
    written: dict[str, object]
    pages: list[KnownPage]


@dataclass
class Earlier:
    """Everything that some earlier tasks wrote; ``bodies`` has the schema BODIES, in the order of the pages."""

    bodies: pa.Table = field(default_factory=BODIES.empty_table)
    pages: dict[bytes, KnownPage] = field(default_factory=dict)
    shards: dict[bytes, KnownShard] = field(default_factory=dict)
    _starts: list[int] = field(default_factory=list)
    _in_order: list[KnownPage] = field(default_factory=list)

    def forget(self) -> None:
        """Trust nothing any more but what ``bodies`` says: a file turned out to be damaged."""
        self.pages.clear()
        self.shards.clear()

    def find(self, recipes: pa.Array) -> np.ndarray:
        """The number in ``bodies`` of a text made by each recipe, -1 where there is none."""
        if not self.bodies.num_rows:
            return np.full(len(recipes), -1, np.int64)
        at = pc.fill_null(pc.index_in(recipes, value_set=self.bodies["recipe"]), -1)
        return np.asarray(at.to_numpy(zero_copy_only=False), np.int64)

    def read(self, numbers: np.ndarray) -> dict[int, memoryview]:
        """Texts by their number in ``bodies``; those whose page is not whole any more are missing."""
        wanted = np.unique(numbers[numbers >= 0])
        owners = np.searchsorted(np.array(self._starts, np.int64), wanted, side="right") - 1
        texts: dict[int, memoryview] = {}
        for owner in np.unique(owners).tolist():
            page = self._in_order[owner]
            with suppress(OSError, ReleaseError), page.stored.file.open("rb") as file:
                stored = page.stored
                data = read_page(stored, file)
                if data is not None:
                    frame = memoryview(data)[stored.header_bytes :]
                    found = decode_page(frame, stored.raw_bytes, stored.rows)
                    for number in wanted[owners == owner].tolist():
                        texts[number] = found[number - page.first]
        return texts


def read_earlier(pages_files: Iterable[Path]) -> Earlier:
    """Read what some tasks wrote; ``pages_files`` are their tables of pages, the most trusted first."""
    earlier = Earlier()
    parts = [earlier.bodies]
    first = 0
    for path in pages_files:
        kind = path.name.removeprefix("pages")
        try:
            pages = read_table([path], PAGES).cast(PAGES)
            bodies = read_table([path.with_name(f"bodies{kind}")], BODIES).cast(BODIES)
            written = read_table([path.with_name(f"written{kind}")], WRITTEN).cast(WRITTEN)
        except (StageError, pa.ArrowException, OSError, ValueError):
            continue
        if bodies.num_rows != pc.sum(pages["rows"], min_count=0).as_py():
            continue
        parts.append(bodies)
        _add_task(earlier, path.parent, pages, written, first)
        first += bodies.num_rows
    earlier.bodies = pa.concat_tables(parts).combine_chunks()
    return earlier


def written_file(folder: Path, row: Mapping[str, Any]) -> Path:
    """The file in a task's folder that a row of WRITTEN speaks of: a shard has a logical hash, a piece none."""
    return folder / f"{row['slug']}{'.parquet' if row['logical_sha256'] else SUFFIX}"


def is_sound(shard: KnownShard) -> bool:
    """True if the file of a shard has the size and SHA-256 stated for it."""
    try:
        size = shard.path.stat().st_size
        return size == shard.written["bytes"] and file_digest(shard.path) == shard.written["sha256"]
    except OSError:
        return False


def _add_task(earlier: Earlier, folder: Path, pages: pa.Table, written: pa.Table, first: int) -> None:
    of_slug: dict[str, list[KnownPage]] = {}
    listed = written.to_pylist()
    files = {row["slug"]: written_file(folder, row) for row in listed}
    columns = (pages[name].to_pylist() for name in PAGES.names)
    for slug, made_from, offset, size, header, raw, rows, crc in zip(*columns, strict=True):
        stored = StoredPage(files.get(slug, folder), offset, size, header, raw, rows, crc)
        page = KnownPage(stored, made_from, first)
        earlier.pages.setdefault(made_from, page)
        of_slug.setdefault(slug, []).append(page)
        earlier._starts.append(first)
        earlier._in_order.append(page)
        first += rows
    for row in listed:
        known = KnownShard(files[row["slug"]], row, of_slug.get(row["slug"], []))
        earlier.shards.setdefault(row["made_from"], known)
