"""Write the shards of a release: find what was made before, make the rest, put it together.

A task writes one range of places, of each language a shard or a piece of one. What is in a page of the column ``content``, and in a
shard, is named by a digest of all that it is made from. A shard or page of that name in an earlier task is
taken as it is; of a page that is not there, texts that stand in an earlier page are taken from that, and only
the others are read from segments. All of this gives the bytes that a task without earlier ones would give.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill import tables
from gristmill.engine.stages import Inputs, Output, Stage
from gristmill.release.bodies import Segments, recipes
from gristmill.release.count import COUNTS, count_rows
from gristmill.release.cut import Cut, Part, cut_rows
from gristmill.release.earlier import (
    BODIES,
    PAGES,
    WRITTEN,
    KnownShard,
    is_sound,
    read_earlier,
)
from gristmill.release.fingerprint import fingerprint, streams
from gristmill.release.gather import Bodies
from gristmill.release.manifest import file_digest
from gristmill.release.marks import MARKS
from gristmill.release.paged import write_paged_shard
from gristmill.release.pages import COMPRESSION_LEVEL
from gristmill.release.pieces import PAGES_OF_PIECES, WITHOUT_CONTENT, PieceWriter
from gristmill.release.plan import CROWDS, ROWS
from gristmill.release.runs import read_range
from gristmill.release.schema import FILES, rows_digest
from gristmill.release.stored import PAGE, DamagedPageError, StoredPages

VERSION = 4
SPOOL = "new-pages"


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
    levels: Mapping[str, float] | None,
    seed: int,
    earlier: Sequence[Path],
) -> Stage:
    """The stage that writes one range: a shard ``<slug>.parquet`` or a piece of one a language, in the task's folder.

    Inputs ``runs`` and, of the plan, ``crowds`` and ``marks``, ``contents`` (segments) and ``findings``. Outputs ``pages``,
    ``bodies``, ``written`` (by slug; of pieces the numbers of a shard are 0) and ``counts``, with the range in their names. ``bits``: leading bits of the place
    that name a page, by slug. ``final``: slugs that have a shard of this range; of the others it is a piece. ``levels``
    has the least score of a finding that is redacted, by type; None leaves every text as it is. ``earlier``: tables of
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
            "levels": None if levels is None else dict(sorted(levels.items())),
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
    names = recipes(rows, params["seed"])
    cut = cut_rows(rows, names, params["bits"], repr(_settings()).encode())
    contents, findings = inputs.files["contents"], inputs.files[tables.FINDINGS.name]
    with Segments(contents, findings, params["levels"] or {}) as segments:
        earlier = read_earlier(params["earlier"])
        bodies = Bodies(cut, names, rows, earlier, segments, params["seed"], folder / SPOOL)
        offsets, written = _write_parts(cut, rows, bodies, earlier.shards, frozenset(params["final"]), folder)
        bodies.close()
    pages = _page_table(cut, bodies, offsets, params["final"])
    for name, table in (
        ("pages", pages),
        ("bodies", bodies.all()),
        ("written", pa.Table.from_pylist(written, schema=WRITTEN)),
        ("counts", count_rows(rows)),
    ):
        yield from ((f"{name}-{which.name}", batch) for batch in table.combine_chunks().to_batches())


def _write_parts(
    cut: Cut,
    rows: pa.Table,
    bodies: Bodies,
    shards: Mapping[bytes, KnownShard],
    final: frozenset[str],
    folder: Path,
) -> tuple[list[np.ndarray], list[dict[str, Any]]]:
    """Write every part; returns the offsets of the pages of each in its file, and the rows of WRITTEN."""
    columns = streams(rows)
    made_from = [
        fingerprint(columns, part.start, part.end, *cut.made_from[part.first : part.last].to_pylist())
        for part in cut.parts
    ]
    taken: dict[str, KnownShard] = {}
    for part, name in zip(cut.parts, made_from, strict=True):
        known = shards.get(name) if part.slug in final else None
        if known is not None and known.last - known.first == part.last - part.first and is_sound(known):
            taken[part.slug] = known
            bodies.take(part, known)
    bodies.make([part for part in cut.parts if part.slug not in taken])
    whole = _with_bodies(rows, bodies.all())
    offsets, written = [], []
    with ExitStack() as stack:
        pieces = None
        for part, name in zip(cut.parts, made_from, strict=True):
            path = folder / f"{part.slug}.parquet"
            if part.slug in taken:
                _link(taken[part.slug].path, path)
                offsets.append(bodies.pages(part).at["offset"])
                written.append(dict(taken[part.slug].written))
                continue
            table = whole.slice(part.start, part.end - part.start)
            if part.slug in final:
                offsets.append(_or_anew(bodies, part, partial(write_paged_shard, path), table))
                written.append(describe(part.slug, name, path, table))
            else:
                pieces = pieces or stack.enter_context(PieceWriter(folder))
                offsets.append(_or_anew(bodies, part, pieces.add, table))
                written.append(_piece(part, name))
    return offsets, written


def _or_anew(
    bodies: Bodies, part: Part, write: Callable[[pa.Table, StoredPages], np.ndarray], rows: pa.Table
) -> np.ndarray:
    """Write a part; if one of its pages is damaged, make them anew and write it then."""
    try:
        return write(rows, bodies.pages(part))
    except DamagedPageError:
        bodies.remake(part)
        return write(rows, bodies.pages(part))


def describe(slug: str, made_from: bytes, path: Path, rows: pa.Table) -> dict[str, Any]:
    """The row of WRITTEN of a shard that was just written from ``rows`` (all columns but the content)."""
    return {
        "slug": slug,
        "made_from": made_from,
        "rows": rows.num_rows,
        "bytes": path.stat().st_size,
        "sha256": file_digest(path),
        "logical_sha256": rows_digest(WITHOUT_CONTENT, rows.to_batches()),
        "released_bytes": pc.sum(rows["released_bytes"], min_count=0).as_py(),
        "redactions": pc.sum(rows["redactions"], min_count=0).as_py(),
        "redacted_files": pc.sum(pc.greater(rows["redactions"], 0), min_count=0).as_py(),
    }


def _piece(part: Part, made_from: bytes) -> dict[str, Any]:
    """The row of WRITTEN of a piece."""
    none = dict.fromkeys(("bytes", "released_bytes", "redactions", "redacted_files"), 0)
    texts = {"sha256": "", "logical_sha256": ""}
    return {"slug": part.slug, "made_from": made_from, "rows": part.end - part.start, **none, **texts}


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
    crowds, marks = inputs.table("crowds", CROWDS), inputs.table("marks", MARKS)
    at = pc.index_in(rows["content_id"], value_set=crowds["content_id"])
    for name in ("occurrences", "cluster_size"):
        rows = rows.append_column(FILES.schema.field(name), pc.fill_null(crowds[name].take(at), 1))
    at = pc.index_in(rows["content_id"], value_set=marks["content_id"])
    return rows.append_column("mark", marks["mark"].take(at)).combine_chunks()


def _with_bodies(rows: pa.Table, bodies: pa.Table) -> pa.Table:
    """Rows with what is said of their texts, in the columns of FILES but for the content."""
    columns = [
        bodies[name] if name in BODIES.names else rows[name].combine_chunks()
        for name in WITHOUT_CONTENT.names
    ]
    return pa.Table.from_arrays(columns, schema=WITHOUT_CONTENT)


def _page_table(cut: Cut, bodies: Bodies, offsets: Sequence[np.ndarray], final: Sequence[str]) -> pa.Table:
    """The table PAGES of a task: where its pages are now, and what they were made from."""
    counts = [part.last - part.first for part in cut.parts]
    files = [f"{part.slug}.parquet" if part.slug in final else PAGES_OF_PIECES for part in cut.parts]
    at = np.concatenate([np.zeros(0, PAGE), *(bodies.pages(part).at for part in cut.parts)])
    at["offset"] = np.concatenate([np.zeros(0, np.int64), *offsets])
    columns = {
        "file": np.repeat(np.array(files, object), counts),
        "slug": np.repeat(np.array([part.slug for part in cut.parts], object), counts),
        "made_from": cut.made_from,
        **{name: at[name] for name in PAGE.names or () if name in PAGES.names and name != "file"},
    }
    return pa.Table.from_arrays([pa.array(columns[one.name], one.type) for one in PAGES], schema=PAGES)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
