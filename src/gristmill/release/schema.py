"""The shape of a release: the files of its folder and the columns of its two tables.

``FILES`` holds every column of The Stack v2 under the same name and with the same meaning, so that code
written for that dataset reads ours, followed by the columns that it lacks. Identifiers are those of
Software Heritage (SWHID, ISO/IEC 18670).

Logical hash
    Names the rows of a shard whatever their Parquet encoding, row groups or Arrow chunks. Each column is
    a set of streams, to which every row in turn appends:

    * ``validity``: one byte, 1 for a value, 0 for null;
    * ``length`` (strings, binaries, lists): the length as little-endian int64, 0 for null;
    * ``values`` (strings, binaries): the bytes; nothing for null;
    * ``values`` (fixed width): the value as little-endian integer or IEEE 754 number of its width, 0 for
      null; booleans one byte; timestamps their integer; every NaN the quiet NaN, no sign, no payload;
    * lists and structs have the streams of their elements and fields under the path of the column; a
      null list has no elements, the fields of a null struct are null.

    The column ``content`` of ``FILES`` is left out: its SHA-256 is a column of the row, ``released_sha256``,
    which stands for it and which ``verify`` compares with the content. So the hash says what the rows are,
    bodies included, and is worked out without reading a body.

    The hash is the SHA-256 of lines of text: ``gristmill-rows-1``; the number of rows; for each column its
    number, name (as JSON) and type; for each stream its name and SHA-256, in the order of the columns.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.tables import EVIDENCE, STRINGS, TIMESTAMP, Column, Table

DATA = "data"
STUBS_FOLDER = "stubs"
MANIFEST = "manifest.json"
STATISTICS = "statistics.json"
LICENCES = "licences.json"
NOTICE = "NOTICE"
CARD = "README.md"

UNKNOWN = "unknown"
RESERVED_SLUGS = frozenset({"default", "stubs", UNKNOWN})

# From the class of a licence (tables.LICENCES) to The Stack v2's word. A licence that is not understood
# must not pass for a missing one: "unknown" counts as non-permissive.
LICENSE_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "permissive": "permissive",
        "restricted": "non_permissive",
        "unknown": "non_permissive",
        "none": "no_license",
    }
)

STACK_V2_COLUMNS: tuple[Column, ...] = (
    Column("blob_id", pa.string(), "SHA-1 of the original bytes: Software Heritage's key of the content"),
    Column("content_id", pa.string(), "sha1_git of the original bytes: the git blob id"),
    Column("directory_id", pa.string(), "id of the root directory that the path is relative to"),
    Column("path", pa.string(), "full path, starts with '/'; bytes that are not UTF-8 as \\xNN"),
    Column("detected_licenses", STRINGS, "SPDX ids that apply to the file; empty if none was found"),
    Column("license_type", pa.string(), "permissive, no_license, or non_permissive (also: not understood)"),
    Column("repo_name", pa.string(), "owner/repository, or the name of the package or archive"),
    Column("snapshot_id", pa.string(), "snapshot that was seen; null if the source has none", True),
    Column("revision_id", pa.string(), "commit; null for packages, archives and plain folders", True),
    Column("branch_name", pa.string(), "branch, tag or version read; null if the source has none", True),
    Column("visit_date", TIMESTAMP, "date of the visit, if the recipe states one; else null", True),
    Column(
        "revision_date",
        TIMESTAMP,
        "author date of the commit; for a package its upload time; null if unknown",
        True,
    ),
    Column(
        "committer_date",
        TIMESTAMP,
        "committer date of the commit, or as revision_date; null if unknown",
        True,
    ),
    Column("github_id", pa.int64(), "GitHub's repository number; null unless metadata was given", True),
    Column("star_events_count", pa.int64(), "stars; null unless metadata was given", True),
    Column("fork_events_count", pa.int64(), "forks; null unless metadata was given", True),
    Column("gha_license_id", pa.string(), "licence that forge or index states, verbatim; null if none", True),
    Column("gha_event_created_at", TIMESTAMP, "always null: no GHArchive event is read", True),
    Column("gha_created_at", TIMESTAMP, "creation of the repository; null unless metadata was given", True),
    Column("gha_language", pa.string(), "always null: no GHArchive event is read", True),
    Column("src_encoding", pa.string(), "Python name of the encoding of the original bytes"),
    Column("language", pa.string(), "linguist's name of the language; null if unknown", True),
    Column("is_vendor", pa.bool_(), "linguist says that the path is a third party's"),
    Column("is_generated", pa.bool_(), "linguist says that a program wrote the file"),
    Column("length_bytes", pa.int64(), "size of the original bytes"),
    Column("extension", pa.string(), "text after the last dot of the name, lower case; may be empty"),
    Column("filename", pa.string(), "last segment of the path"),
)

OWN_COLUMNS: tuple[Column, ...] = (
    Column("content", pa.string(), "the text as released: UTF-8, secrets and personal data replaced"),
    Column("swhid", pa.string(), "SWHID of the original content: swh:1:cnt: and content_id"),
    Column("origin_url", pa.string(), "URL of the origin"),
    Column("origin_kind", pa.string(), "git, dir, archive, pypi or npm"),
    Column("anchor", pa.string(), "SWHID of the revision, release or directory the path is relative to"),
    Column("licence_expression", pa.string(), "SPDX expression that applies; null if none was found", True),
    Column(
        "licence_scope",
        pa.string(),
        "file, path (a glob), directory or origin; null if no licence was found",
        True,
    ),
    Column("licence_evidence", STRINGS, "path, rule and score of each match that decided"),
    Column("is_test", pa.bool_(), "linguist says that the path is a test"),
    Column("is_documentation", pa.bool_(), "linguist says that the path is documentation"),
    Column("num_lines", pa.int64(), "lines of the original text"),
    Column("avg_line_length", pa.float64(), "mean characters a line of the original text"),
    Column("max_line_length", pa.int64(), "characters of the longest line of the original text"),
    Column("alpha_fraction", pa.float64(), "share of characters that are letters (original text)"),
    Column("alphanum_fraction", pa.float64(), "share that are letters or digits (original text)"),
    Column("redactions", pa.int32(), "places that were replaced in the content; 0 if untouched"),
    Column("original_sha256", pa.string(), "SHA-256 of the original bytes"),
    Column("released_sha256", pa.string(), "SHA-256 of the content as UTF-8"),
    Column("released_bytes", pa.int64(), "size of the content as UTF-8"),
    Column("occurrences", pa.int64(), "entries of all origins that hold this content"),
    Column("cluster_id", pa.string(), "content_id kept for its near-duplicate cluster; null if alone", True),
    Column("cluster_size", pa.int64(), "contents in the near-duplicate cluster; 1 if alone"),
)

FILES = Table(
    "files",
    "One row a released file, with its content: data/<language>/*.parquet.",
    ("origin_url", "anchor", "path"),
    STACK_V2_COLUMNS + OWN_COLUMNS,
)

STUBS = Table(
    "stubs",
    "One row an entry that was left out, without its content, with the reasons: stubs/*.parquet.",
    ("origin_url", "anchor", "path"),
    (
        Column("path", pa.string(), "full path, starts with '/'; bytes that are not UTF-8 as \\xNN"),
        Column("content_id", pa.string(), "sha1_git of the content; of a submodule the commit id"),
        Column("swhid", pa.string(), "SWHID of the content; of a submodule that of the revision"),
        Column("origin_url", pa.string(), "URL of the origin"),
        Column("repo_name", pa.string(), "owner/repository, or the name of the package or archive"),
        Column("anchor", pa.string(), "SWHID of the object that the path is relative to"),
        Column("language", pa.string(), "linguist's name of the language; null if unknown", True),
        Column("length_bytes", pa.int64(), "size in bytes; -1 if unknown"),
        Column("detected_licenses", STRINGS, "SPDX ids that apply to the file; empty if none was found"),
        Column("license_type", pa.string(), "permissive, no_license or non_permissive"),
        Column("reason", pa.string(), "first reason in the recipe's order of rules"),
        Column("reasons", EVIDENCE, "every reason with its rule and evidence"),
        Column("cluster_id", pa.string(), "content_id kept in its stead for its cluster; null if none", True),
        Column("similarity", pa.float64(), "exact Jaccard index to that content; null if none", True),
    ),
)


def logical_schema(table: Table) -> pa.Schema:
    """The columns that the logical hash of a table's shards is of."""
    left_out = {"content"} if table.name == FILES.name else set()
    return pa.schema([column for column in table.schema if column.name not in left_out])


def slug(language: str | None) -> str:
    """Folder and configuration name of a language: lower-case letters, digits and '-' only.

    ``C++`` gives cpp, ``C#`` csharp, ``F*`` f-star, ``Jupyter Notebook`` jupyter-notebook; None, the empty
    name and ``unknown`` give unknown. Names with characters that linguist does not use, and names that
    would take a reserved slug, get a digest as suffix, so that they cannot collide with a real language.
    """
    if not language or language == UNKNOWN:
        return UNKNOWN
    text = re.sub(r"\+(?=[a-z0-9])", "-", language.lower())
    text = text.replace("+", "p").replace("#", "sharp").replace("*", "-star")
    plain = re.sub(r"[^a-z0-9]+", "-", text).strip("-")
    usual = re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 +#*.'()-]*", language)
    if usual and len(plain) <= 64 and plain not in RESERVED_SLUGS:
        return plain
    digest = hashlib.sha256(language.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{plain[:48].rstrip('-') or 'language'}-{digest}"


def shards(folder: Path, table: Table) -> list[Path]:
    """The Parquet files of one table of a release folder, sorted by their path in it."""
    pattern = f"{DATA}/*/*.parquet" if table.name == FILES.name else f"{STUBS_FOLDER}/*.parquet"
    return sorted(folder.glob(pattern), key=lambda path: path.relative_to(folder).as_posix())


def type_name(kind: pa.DataType) -> str:
    """Canonical name of an Arrow type, the same in every version; the large forms are named as the small.

    Raises TypeError for a type that a release cannot hold.
    """
    types = pa.types
    if types.is_string(kind) or types.is_large_string(kind):
        return "string"
    if types.is_binary(kind) or types.is_large_binary(kind):
        return "binary"
    if types.is_list(kind) or types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if types.is_struct(kind):
        return f"struct<{','.join(f'{json.dumps(f.name)}:{type_name(f.type)}' for f in kind)}>"
    if types.is_boolean(kind):
        return "bool"
    if types.is_timestamp(kind):
        return f"timestamp[{kind.unit},{kind.tz or ''}]"
    if types.is_floating(kind):
        return f"float{kind.bit_width}"
    if types.is_integer(kind):
        return f"{'int' if types.is_signed_integer(kind) else 'uint'}{kind.bit_width}"
    raise TypeError(f"a release has no columns of type {kind}; cast it to a type of tables.py")


def rows_digest(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> str:
    """The logical hash of rows in whatever batches (defined above): 64 hexadecimal digits.

    Batches have the columns of the schema in its order. Raises TypeError for a type without a name.
    """
    hashes = {
        key: hashlib.sha256() for number, f in enumerate(schema) for key in _streams(str(number), f.type)
    }
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        for number in range(len(schema)):
            _append(hashes, str(number), batch.column(number))
    lines = ["gristmill-rows-1", str(rows)]
    lines += [f"{number} {json.dumps(f.name)} {type_name(f.type)}" for number, f in enumerate(schema)]
    lines += [f"{key} {digest.hexdigest()}" for key, digest in hashes.items()]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _streams(key: str, kind: pa.DataType) -> list[str]:
    """Names of the streams of a column, in order."""
    name = type_name(kind)
    if name.startswith("list<"):
        return [f"{key} validity", f"{key} length", *_streams(f"{key}.0", kind.value_type)]
    if name.startswith("struct<"):
        fields = [s for i, field in enumerate(kind) for s in _streams(f"{key}.{i}", field.type)]
        return [f"{key} validity", *fields]
    if name in ("string", "binary"):
        return [f"{key} validity", f"{key} length", f"{key} values"]
    return [f"{key} validity", f"{key} values"]


def _append(hashes: Mapping[str, Any], key: str, array: pa.Array) -> None:
    """Append an array to the streams of its column."""
    name = type_name(array.type)
    validity = _numbers(array.is_valid().cast(pa.uint8())) if array.null_count else b"\1" * len(array)
    hashes[f"{key} validity"].update(validity)
    if name.startswith("list<"):
        hashes[f"{key} length"].update(_lengths(array))
        _append(hashes, f"{key}.0", array.flatten())  # flatten leaves out what lies below a null list
    elif name.startswith("struct<"):
        for number, child in enumerate(array.flatten()):  # flatten hands the struct's nulls down
            _append(hashes, f"{key}.{number}", child)
    elif name in ("string", "binary"):
        hashes[f"{key} length"].update(_lengths(array))
        hashes[f"{key} values"].update(value_bytes(array))
    elif name == "bool":
        hashes[f"{key} values"].update(_numbers(array.cast(pa.uint8()).fill_null(0)))
    elif name.startswith("timestamp"):
        hashes[f"{key} values"].update(_numbers(_filled(array.view(pa.int64()))))
    else:
        hashes[f"{key} values"].update(_numbers(_filled(array)))


def _filled(array: pa.Array) -> pa.Array:
    return array.fill_null(0) if array.null_count else array


def _lengths(array: pa.Array) -> np.ndarray[Any, Any]:
    """Lengths of strings, binaries or lists as little-endian int64, 0 for null."""
    if not array.null_count and array.type in (pa.string(), pa.binary()) and len(array):
        ends = np.frombuffer(array.buffers()[1], np.int32, array.offset + len(array) + 1)[array.offset :]
        return np.diff(ends).astype("<i8")
    is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
    lengths = pc.list_value_length(array) if is_list else pc.binary_length(array)
    return _numbers(_filled(lengths.cast(pa.int64())))


def value_bytes(array: pa.Array) -> memoryview:
    """The bytes of all values of a string or binary array one after the other, nothing for nulls.

    No copy is made if the array has no nulls.
    """
    array = array.drop_null() if array.null_count else array
    _, offsets, data = array.buffers()
    if not len(array) or data is None:
        return memoryview(b"")
    width = (
        np.int64 if pa.types.is_large_string(array.type) or pa.types.is_large_binary(array.type) else np.int32
    )
    ends = np.frombuffer(offsets, dtype=width, count=array.offset + len(array) + 1)[array.offset :]
    return memoryview(data)[int(ends[0]) : int(ends[-1])]


def _numbers(array: pa.Array) -> np.ndarray[Any, Any]:
    """A numeric array without nulls as little-endian numpy, every NaN the same."""
    values = array.to_numpy(zero_copy_only=False)
    if values.dtype.kind == "f":
        values = np.where(np.isnan(values), values.dtype.type(np.nan), values)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
