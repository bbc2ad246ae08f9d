"""Check a release folder against its manifest, and its rows against the hashes that they carry.

Nothing that a manifest says is trusted before it is checked: a path has the form of a shard's path and no
symbolic link on it, sizes and digests come before decoding, and columns before rows. What nothing else
depends on, such as the names of tools, is believed: compare the digest or signature of manifest.json first.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.collect.swhid import content_id, swhid
from gristmill.errors import ReleaseError
from gristmill.release.manifest import (
    FORMAT_VERSION,
    File,
    Manifest,
    Shard,
    file_digest,
    open_parquet,
    read_manifest,
    read_rows,
    release_digest,
    table_shape,
)
from gristmill.release.problems import BUILD, FETCH, Problem
from gristmill.release.schema import (
    DATA,
    FILES,
    LICENCES,
    MANIFEST,
    NOTICE,
    STATISTICS,
    STUBS,
    STUBS_FOLDER,
    logical_schema,
    rows_digest,
    slug,
    value_bytes,
)
from gristmill.release.statistics import (
    MEMORY_LIMIT,
    Statistics,
    count_tables,
    open_tables,
    read_statistics,
)
from gristmill.release.verify_licences import check_licences, check_notice, named_origins

EXAMPLES = 3

# Encodings in which the bytes of a text are its UTF-8: hashes of the original can be recomputed.
UTF8 = pa.array(["utf-8", "utf8", "utf_8", "ascii", "us-ascii"])


@dataclass(frozen=True)
class Report:
    """The outcome of a verification: problems (none: the release is whole), shards and rows looked at."""

    problems: tuple[Problem, ...]
    shards: int
    rows: int

    @property
    def ok(self) -> bool:
        """True if there are no problems beside warnings."""
        return all(problem.warning for problem in self.problems)


def verify(folder: Path, *, deep: bool = True, memory_limit: str = MEMORY_LIMIT) -> Report:
    """Check a release folder. ``deep`` also recomputes the hashes of every row.

    Checked: the manifest itself, every file it lists (size, SHA-256, and for shards rows, columns and
    logical hash), that data/ and stubs/ hold nothing else, that each content stands once, that kept and
    dropped add up, that statistics.json and licences.json count what the shards hold, and that NOTICE names
    the origins of just these files, the last two if the manifest lists them. Memory is bounded by one batch
    of rows, the lines of NOTICE and ``memory_limit`` (DuckDB's notation). Raises nothing for a bad release:
    the report says it.
    """
    try:
        manifest = read_manifest(folder)
    except ReleaseError as error:
        return Report((Problem(MANIFEST, str(error), BUILD),), 0, 0)
    extra = list(_check_extra(folder, manifest))
    problems = [*_check_manifest(manifest), *extra]
    for listed in manifest.files:
        problems += _check_file(folder, listed)
    broken = bool(extra)
    for shard in manifest.shards:
        found = _check_file(folder, shard) or list(_check_shard(folder, shard, deep=deep))
        broken = broken or bool(found)
        problems += found
    if not broken:
        # Counting reads what lies in the folder, so it says something only if that is what is listed.
        problems += _check_counts(folder, manifest, memory_limit)
    return Report(tuple(problems), len(manifest.shards), sum(shard.rows for shard in manifest.shards))


def _check_manifest(manifest: Manifest) -> Iterator[Problem]:
    """What the manifest says must agree with itself."""
    kept = sum(shard.rows for shard in manifest.shards if shard.table is FILES)
    dropped = sum(shard.rows for shard in manifest.shards if shard.table is STUBS)
    totals = manifest.totals
    if (kept, dropped, kept + dropped) != (totals.kept, totals.dropped, totals.entries):
        yield Problem(
            MANIFEST,
            f"its shards hold {kept} files and {dropped} stubs, but its totals say {totals.kept} kept and "
            f"{totals.dropped} dropped of {totals.entries} entries",
            BUILD,
        )
    if totals.bytes != sum(shard.bytes for shard in manifest.shards):
        yield Problem(MANIFEST, f"its total of {totals.bytes} bytes is not the sum of its shards", BUILD)
    if len({shard.path for shard in manifest.shards}) != len(manifest.shards):
        yield Problem(MANIFEST, "it lists a shard twice", BUILD)
    if manifest.recipe_sha256 != hashlib.sha256(manifest.recipe.encode()).hexdigest():
        yield Problem(MANIFEST, f"recipe_sha256 {manifest.recipe_sha256} is not that of its recipe", BUILD)
    if manifest.logical_sha256 != release_digest(manifest.shards):
        yield Problem(
            MANIFEST, f"logical_sha256 {manifest.logical_sha256} does not follow from its shards", BUILD
        )
    if manifest.schemas != {table.name: table_shape(table.schema) for table in (FILES, STUBS)}:
        yield Problem(
            MANIFEST,
            f"its columns are not those of format version {FORMAT_VERSION}",
            f"verify it with Gristmill {manifest.gristmill_version}, which wrote it",
        )


def _check_extra(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    """Nothing may lie under data/ and stubs/ that the manifest does not list."""
    listed = {shard.path for shard in manifest.shards}
    waiting = [folder / DATA, folder / STUBS_FOLDER]
    while waiting:
        path = waiting.pop()
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
        if path.is_symlink():
            yield Problem(name, "a symbolic link", "put the file or folder itself in its place")
        elif path.is_dir():
            try:
                waiting += sorted(path.iterdir(), reverse=True)
            except OSError as error:
                yield Problem(name, f"cannot be listed ({error.strerror})", "check its permissions")
        elif path.exists() and name not in listed:
            yield Problem(name, "not in the manifest", "remove it: the release does not hold it")


def _check_file(folder: Path, listed: Shard | File) -> list[Problem]:
    """A listed file is there, is a regular file, and has the size and digest stated."""
    path = folder / listed.path
    if any(part.is_symlink() for part in (path, *path.parents[: listed.path.count("/")])):
        return [Problem(listed.path, "behind a symbolic link", "put the file itself in its place")]
    if not path.is_file():
        return [Problem(listed.path, "missing", FETCH)]
    try:
        size = path.stat().st_size
        if size != listed.bytes:
            return [Problem(listed.path, f"holds {size} bytes, the manifest says {listed.bytes}", FETCH)]
        digest = file_digest(path)
    except OSError as error:
        return [Problem(listed.path, f"cannot be read ({error.strerror})", "check its permissions")]
    if digest != listed.sha256:
        return [Problem(listed.path, f"has SHA-256 {digest}, the manifest says {listed.sha256}", FETCH)]
    return []


def _check_shard(folder: Path, shard: Shard, *, deep: bool) -> Iterator[Problem]:
    """Columns, rows and logical hash of one shard; with ``deep`` also what each row says of itself."""
    path = folder / shard.path
    faults: dict[str, list[int]] = {}
    try:
        with open_parquet(path) as file:
            if not file.schema_arrow.equals(shard.table.schema):
                yield Problem(shard.path, f"its columns are not those of table {shard.table.name}", BUILD)
                return
            rows = file.metadata.num_rows
            if rows != shard.rows:
                yield Problem(shard.path, f"holds {rows} rows, the manifest says {shard.rows}", BUILD)
                return
            schema = logical_schema(shard.table)
            batches = read_rows(file, path, None if deep else schema.names)
            watched = _watch(batches, shard, faults) if deep else batches
            digest = rows_digest(schema, (batch.select(schema.names) for batch in watched))
    except (ReleaseError, pa.ArrowException, UnicodeDecodeError) as error:
        yield Problem(shard.path, str(error), FETCH)
        return
    if digest != shard.logical_sha256:
        yield Problem(shard.path, f"has logical hash {digest}, not {shard.logical_sha256}", BUILD)
    for fault, places in sorted(faults.items()):
        examples = ", ".join(map(str, places[:EXAMPLES])) + (", ..." if len(places) > EXAMPLES else "")
        yield Problem(shard.path, f"{fault} in {len(places)} rows ({examples})", BUILD)


def _watch(
    batches: Iterator[pa.RecordBatch], shard: Shard, faults: dict[str, list[int]]
) -> Iterator[pa.RecordBatch]:
    """Pass batches on; note in ``faults`` what is wrong and the numbers of the rows, from 0."""
    first = 0
    for batch in batches:
        for fault, wrong in _faults(batch, shard):
            places = np.flatnonzero(wrong.fill_null(True).to_numpy(zero_copy_only=False))
            if len(places):
                faults.setdefault(fault, []).extend((places + first).tolist())
        first += batch.num_rows
        yield batch


def _faults(batch: pa.RecordBatch, shard: Shard) -> Iterator[tuple[str, pa.Array]]:
    """Pairs of a fault and a mask of the rows that have it."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        yield "text that is not UTF-8", pa.array(np.ones(batch.num_rows, dtype=bool))
        return
    missing = [f.name for f in shard.table.schema if not f.nullable and batch.column(f.name).null_count]
    if missing:
        yield from ((f"null in {name}", batch.column(name).is_null()) for name in missing)
        return
    if shard.table is not FILES:
        return
    column = batch.column
    lengths = pc.binary_length(column("content"))
    yield "released_bytes is not the size of the content", pc.not_equal(lengths, column("released_bytes"))
    bodies = _bodies(column("content"))
    released = pa.array([hashlib.sha256(body).hexdigest() for body in bodies], pa.string())
    yield "released_sha256 is not that of the content", pc.not_equal(released, column("released_sha256"))
    swhids = pc.binary_join_element_wise("swh:1:cnt", column("content_id"), ":")
    yield "swhid is not that of content_id", pc.not_equal(swhids, column("swhid"))
    home = shard.path.split("/")[1]
    strangers = [name for name in column("language").unique().to_pylist() if slug(name) != home]
    if strangers:
        away = pc.is_in(column("language"), value_set=pa.array(strangers, pa.string()))
        yield f"language does not belong in {DATA}/{home}", away
    # The original bytes are at hand only where nothing was replaced and nothing was transcoded.
    is_utf8 = pc.is_in(pc.utf8_lower(column("src_encoding")), value_set=UTF8)
    untouched = pc.and_(pc.equal(column("redactions"), 0), is_utf8)
    rows = np.flatnonzero(untouched.to_numpy(zero_copy_only=False))
    originals = [bytes(bodies[row]) for row in rows]
    expected = {
        "content_id": [content_id(body) for body in originals],
        "blob_id": [hashlib.sha1(body, usedforsecurity=False).hexdigest() for body in originals],
        "original_sha256": released.take(pa.array(rows)).to_pylist(),
        "length_bytes": [len(body) for body in originals],
    }
    for name, values in expected.items():
        differs = pc.not_equal(column(name).take(pa.array(rows)), pa.array(values, column(name).type))
        mask = np.zeros(batch.num_rows, dtype=bool)
        mask[rows] = differs.to_numpy(zero_copy_only=False)
        yield f"{name} is not that of the content, although nothing was replaced", pa.array(mask)


def _bodies(column: pa.StringArray) -> list[memoryview]:
    """The bytes of each value of a column without nulls, not copied."""
    data = value_bytes(column)
    ends = np.cumsum(pc.binary_length(column).to_numpy(zero_copy_only=False), dtype=np.int64).tolist()
    return [data[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _check_counts(folder: Path, manifest: Manifest, memory_limit: str) -> Iterator[Problem]:
    """Each content stands once, and the files beside the shards say of them what they hold."""
    listed = {file.path for file in manifest.files}
    lines: list[str] = []
    try:
        with open_tables(folder, memory_limit=memory_limit) as tables:
            twice = tables.execute(_TWICE).fetchone()
            counted = count_tables(folder, tables)
            if NOTICE in listed:
                lines = named_origins(tables)
    except ReleaseError as error:
        yield Problem(DATA, str(error), BUILD)
        return
    if twice and twice[0]:
        yield Problem(
            DATA,
            f"{twice[0]} contents stand more than once, for example {swhid('cnt', twice[1])}",
            BUILD if manifest.unique_contents else "set the recipe to keep one file of each content",
            warning=not manifest.unique_contents,
        )
    try:
        stated = read_statistics(folder)
    except ReleaseError as error:
        yield Problem(STATISTICS, str(error), FETCH)
        return
    parts = [name for name in Statistics.__struct_fields__ if getattr(stated, name) != getattr(counted, name)]
    if parts:
        yield Problem(STATISTICS, f"does not count what the shards hold: {', '.join(parts)}", BUILD)
    if NOTICE in listed:
        yield from check_notice(folder, lines)
    if LICENCES in listed:
        yield from check_licences(folder, counted)


_TWICE = """
    SELECT count(*), min(content_id)
    FROM (SELECT content_id FROM files GROUP BY content_id HAVING count(*) > 1)"""
