"""Write the shards of a release: find what was made before, make the rest, put it together.

A task writes one range of places, a shard a language or a piece of one. What is in a page of the column ``content``, and in a
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
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.engine.shards import SegmentReader
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.release.bodies import read_spans, recipes
from gristmill.release.count import COUNTS, count_rows
from gristmill.release.earlier import BODIES, PAGES, WRITTEN, is_sound, read_earlier
from gristmill.release.fingerprint import fingerprint, streams
from gristmill.release.gather import Bodies, Part
from gristmill.release.manifest import file_digest
from gristmill.release.order import page_starts
from gristmill.release.paged import DamagedPageError, StoredPage, write_paged_shard
from gristmill.release.pages import COMPRESSION_LEVEL
from gristmill.release.pieces import SUFFIX, write_piece
from gristmill.release.plan import CROWDS, ROWS
from gristmill.release.redact import Span
from gristmill.release.runs import read_range
from gristmill.release.schema import FILES, logical_schema, rows_digest

VERSION = 3
SPOOL = "new-pages"
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


def write_stage(
    which: Range,
    bits: Mapping[str, int],
    final: Sequence[str],
    redact_from: float | None,
    seed: int,
    earlier: Sequence[Path],
) -> Stage:
    """The stage that writes one range, a file a language in the task's folder: its shard or a piece of one.

    Inputs ``runs``, ``crowds`` and ``found`` of the plan, and ``contents`` (segments). Outputs ``pages``,
    ``bodies``, ``written`` and ``counts``, with the range in their names. ``bits``: leading bits of the place
    that name a page, by slug. ``final``: slugs of which the range holds a whole shard. ``redact_from``
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
    bodies = Bodies(names, earlier, inputs.files["contents"], rows, spans, params["seed"], folder / SPOOL)
    columns = streams(rows)
    written: list[dict[str, Any]] = []
    parts: list[Part] = []
    waiting: list[tuple[Part, bytes]] = []
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
            _link(known.path, folder / known.path.name)
            bodies.take(part, known.pages)
            written.append(dict(known.written))
        else:
            waiting.append((part, name))
    bodies.make([part for part, _ in waiting])
    for part, name in waiting:
        table = _with_bodies(rows.slice(part.start, part.end - part.start), bodies.of(part.start, part.end))
        final = part.slug in params["final"]
        path = folder / f"{part.slug}{'.parquet' if final else SUFFIX}"
        write = write_paged_shard if final else write_piece
        try:
            offsets = write(path, table, part.pages)
        except DamagedPageError:
            bodies.remake(part)
            offsets = write(path, table, part.pages)
        part.pages = [
            StoredPage(path, offset, page.size, page.header_bytes, page.raw_bytes, page.rows, page.crc)
            for page, offset in zip(part.pages, offsets.tolist(), strict=True)
        ]
        written.append(describe(part.slug, name, path, table, logical=final))
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


def _read_rows(inputs: Inputs, which: Range) -> pa.Table:
    """The rows of a range with their crowds, by slug and place; rows of one place stay in key order."""
    each = 1 << 64 - (which.ranges.bit_length() - 1)
    found = read_range(inputs.files["runs"], which.number * each, (which.number + 1) * each)
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
    with SegmentReader(inputs.files["found"], "content_id") as findings:
        return read_spans(findings, np.unique(rows["content_id"].to_numpy()), least)


def _parts(rows: pa.Table, names: pa.Array, bits: Mapping[str, int]) -> Iterator[Part]:
    """The languages of a task's rows, in order, and what their pages are made from."""
    settings = repr(_settings()).encode()
    slugs = rows["slug"].to_numpy()
    place, lengths = rows["place"].to_numpy(), rows["length_bytes"].to_numpy()
    texts = names.to_pylist()
    starts = np.flatnonzero(slugs[1:] != slugs[:-1]) + 1 if len(slugs) else np.zeros(0, np.int64)
    bounds = [0, *starts.tolist(), len(slugs)] if len(slugs) else [0]
    for start, end in pairwise(bounds):
        firsts = start + page_starts(place[start:end], lengths[start:end], bits[slugs[start]])
        ends = [*firsts.tolist()[1:], end]
        made_from = [
            _digest(settings, "\n".join(texts[first:last]).encode())
            for first, last in zip(firsts.tolist(), ends, strict=True)
        ]
        yield Part(slugs[start], start, end, firsts, made_from, [])


def _with_bodies(rows: pa.Table, bodies: pa.Table) -> pa.Table:
    """Rows with what is said of their texts, in the columns of FILES but for the content."""
    columns = [
        bodies[name] if name in BODIES.names else rows[name].combine_chunks()
        for name in WITHOUT_CONTENT.names
    ]
    return pa.Table.from_arrays(columns, schema=WITHOUT_CONTENT)


def _tables(
    which: Range, parts: Sequence[Part], bodies: Bodies, written: list[dict[str, Any]], rows: pa.Table
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
