"""The manifest of a release: what is in it, byte for byte and row for row, and what it was made from.

Written as canonical JSON (sorted keys, two-space indent, UTF-8, no times of day), so that the same inputs
give the same bytes and one signature over the file covers the release. README.md is not listed: it is
rendered from the manifest. The logical hash of a shard is defined in ``gristmill.release.schema``.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta, Struct

from gristmill.errors import BalanceError, ReleaseError
from gristmill.release.schema import (
    CARD,
    DATA,
    FILES,
    MANIFEST,
    STUBS,
    logical_schema,
    rows_digest,
    shards,
    type_name,
)
from gristmill.tables import Table

FORMAT_VERSION = 1
MAX_MANIFEST_BYTES = 1 << 30
BATCH_BYTES = 16 << 20
BATCH_ROWS = 8192

Count = Annotated[int, Meta(ge=0, le=2**53)]
Digest = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
ShardPath = Annotated[
    str, Meta(pattern=r"\A(data/[a-z0-9-]{1,64}|stubs)/[0-9]{5,8}-of-[0-9]{5,8}\.parquet\Z", max_length=128)
]
FileName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,99}\Z")]


class ColumnShape(Struct, frozen=True, forbid_unknown_fields=True):
    """One column of a table: its name, canonical type and whether null is legal."""

    name: str
    type: str
    nullable: bool


class TableShape(Struct, frozen=True, forbid_unknown_fields=True):
    """The columns of a table in order, and the SHA-256 of their canonical text."""

    columns: tuple[ColumnShape, ...]
    sha256: Digest


class Input(Struct, frozen=True, forbid_unknown_fields=True):
    """One visit that the release was made from; ``snapshot`` and ``anchor`` are SWHIDs."""

    origin_url: str
    kind: str
    state: str
    snapshot: str | None = None
    anchor: str | None = None


class Shard(Struct, frozen=True, forbid_unknown_fields=True):
    """One Parquet file: path in the release, rows, size, hash of the bytes, logical hash of the rows."""

    path: ShardPath
    rows: Count
    bytes: Count
    sha256: Digest
    logical_sha256: Digest

    @property
    def table(self) -> Table:
        """The table that its rows belong to."""
        return FILES if self.path.startswith(f"{DATA}/") else STUBS


class File(Struct, frozen=True, forbid_unknown_fields=True):
    """Another file at the top of the release folder, for example statistics.json."""

    path: FileName
    bytes: Count
    sha256: Digest


class Totals(Struct, frozen=True, forbid_unknown_fields=True):
    """Rows and bytes; ``entries`` is what went in: kept plus dropped."""

    entries: Count
    kept: Count
    dropped: Count
    bytes: Count


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that identifies a release.

    ``recipe`` is the canonical text of the recipe, ``tools`` maps each tool or annotator to its version,
    ``unique_contents`` says whether a content may stand in data/ only once.
    """

    format_version: int
    name: str
    version: str
    gristmill_version: str
    recipe: str
    recipe_sha256: Digest
    unique_contents: bool
    tools: dict[str, str]
    schemas: dict[str, TableShape]
    inputs: tuple[Input, ...]
    shards: Annotated[tuple[Shard, ...], Meta(max_length=1_000_000)]
    files: Annotated[tuple[File, ...], Meta(max_length=1_000)]
    totals: Totals
    logical_sha256: Digest


def build_manifest(
    folder: Path,
    *,
    name: str,
    version: str,
    gristmill_version: str,
    recipe: str,
    tools: Mapping[str, str],
    inputs: Iterable[Input],
    entries: int,
    unique_contents: bool = True,
    described: Sequence[Shard] | None = None,
) -> Manifest:
    """Describe a finished release folder. ``entries`` is the number of entries that the build read.

    ``described`` are the shards if they were described before (``describe_shard`` is a pure function of
    the file, fit for an executor); otherwise all are read here. Raises ReleaseError for a shard that is
    damaged or has other columns, BalanceError if entries are not the rows kept plus the rows dropped.
    """
    if described is None:
        described = [
            describe_shard(folder, path) for table in (FILES, STUBS) for path in shards(folder, table)
        ]
    parts = tuple(sorted(described, key=lambda shard: shard.path))
    kept = sum(shard.rows for shard in parts if shard.table is FILES)
    dropped = sum(shard.rows for shard in parts if shard.table is STUBS)
    if entries != kept + dropped:
        raise BalanceError(
            f"{folder}: {entries} entries went in, but {kept} files and {dropped} stubs came out; this is a "
            f"bug, the release must not be published; build it again from an empty release folder"
        )
    others = sorted(p for p in folder.iterdir() if p.is_file() and p.name not in (MANIFEST, CARD))
    return Manifest(
        format_version=FORMAT_VERSION,
        name=name,
        version=version,
        gristmill_version=gristmill_version,
        recipe=recipe,
        recipe_sha256=hashlib.sha256(recipe.encode()).hexdigest(),
        unique_contents=unique_contents,
        tools=dict(tools),
        schemas={table.name: table_shape(table.schema) for table in (FILES, STUBS)},
        inputs=tuple(sorted(set(inputs), key=lambda i: (i.origin_url, i.state, i.anchor or "", i.kind))),
        shards=parts,
        files=tuple(File(p.name, p.stat().st_size, file_digest(p)) for p in others if p.name[0] != "."),
        totals=Totals(entries, kept, dropped, sum(shard.bytes for shard in parts)),
        logical_sha256=release_digest(parts),
    )


def describe_shard(folder: Path, path: Path) -> Shard:
    """Read one shard of a release folder and state its facts.

    Raises ReleaseError if it cannot be read as Parquet or its columns are not those of its table.
    """
    relative = path.relative_to(folder).as_posix()
    table = FILES if relative.startswith(f"{DATA}/") else STUBS
    with open_parquet(path) as file:
        if not file.schema_arrow.equals(table.schema):
            raise ReleaseError(
                f"{path}: its columns are not those of table {table.name}; build the release again"
            )
        schema = logical_schema(table)
        rows, logical = file.metadata.num_rows, rows_digest(schema, read_rows(file, path, schema.names))
    return Shard(relative, rows, path.stat().st_size, file_digest(path), logical)


def open_parquet(path: Path) -> pq.ParquetFile:
    """Open a Parquet file for streaming. Raises ReleaseError naming it if it is missing or damaged."""
    try:
        return pq.ParquetFile(path, memory_map=False, buffer_size=1 << 20, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise ReleaseError(f"{path}: cannot be read as Parquet ({error}); fetch or build it again") from error


def read_rows(
    file: pq.ParquetFile, path: Path, columns: Sequence[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in order, in batches of about 16 MiB by the sizes in its footer.

    ``columns`` are read in the order of the file; None reads all.

    Raises ReleaseError naming ``path`` if the file is damaged.
    """
    groups = [file.metadata.row_group(i) for i in range(file.num_row_groups)]
    widest = max((g.total_byte_size // g.num_rows for g in groups if g.num_rows), default=1)
    rows = min(max(BATCH_BYTES // max(widest, 1), 1), BATCH_ROWS)
    try:
        yield from file.iter_batches(batch_size=rows, columns=columns, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise ReleaseError(f"{path}: cannot be read to its end ({error}); fetch or build it again") from error


def release_digest(described: Iterable[Shard]) -> str:
    """The logical hash of a release: SHA-256 of the sorted lines ``<table> <logical hash of a shard>``."""
    lines = sorted(f"{shard.table.name} {shard.logical_sha256}\n" for shard in described)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def table_shape(schema: pa.Schema) -> TableShape:
    """The columns of a schema and the SHA-256 of the lines ``<name as JSON> <type> <null|not null>``."""
    columns = tuple(ColumnShape(f.name, type_name(f.type), f.nullable) for f in schema)
    lines = [f"{json.dumps(c.name)} {c.type} {'null' if c.nullable else 'not null'}\n" for c in columns]
    return TableShape(columns, hashlib.sha256("".join(lines).encode()).hexdigest())


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: object) -> bytes:
    """The one JSON text of a structure: sorted keys, two-space indent, UTF-8, a final line feed."""
    builtins = msgspec.to_builtins(value)
    return (json.dumps(builtins, sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def write_aside(path: Path, data: bytes) -> Path:
    """Write a file beside ``path``, flush it to disk and rename it into place. Returns ``path``."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_manifest(folder: Path, manifest: Manifest) -> Path:
    """Write manifest.json into a release folder. Returns its path."""
    return write_aside(folder / MANIFEST, canonical_json(manifest))


def read_manifest(folder: Path) -> Manifest:
    """Read manifest.json strictly.

    Raises ReleaseError if it is missing, over 1 GiB, not canonical JSON (duplicate keys, other spacing),
    has unknown or missing fields, numbers out of range, or a path that is not one of a release.
    """
    path = folder / MANIFEST
    mend = "fetch the release again or restore the file"
    try:
        if path.is_symlink() or path.stat().st_size > MAX_MANIFEST_BYTES:
            raise ReleaseError(f"{path}: a symbolic link or over {MAX_MANIFEST_BYTES} bytes; {mend}")
        data = path.read_bytes()
        manifest = msgspec.json.decode(data, type=Manifest)
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read ({error.strerror}); {mend}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ReleaseError(f"{path}: not a manifest: {error}; {mend}") from error
    if manifest.format_version != FORMAT_VERSION:
        raise ReleaseError(
            f"{path}: format version {manifest.format_version}, but this Gristmill reads {FORMAT_VERSION}; "
            f"install the version that wrote it ({manifest.gristmill_version})"
        )
    if canonical_json(manifest) != data:
        raise ReleaseError(f"{path}: not in canonical form, so it was changed after the build; {mend}")
    return manifest
