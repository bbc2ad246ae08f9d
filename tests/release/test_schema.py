from __future__ import annotations

import datetime as dt
import hashlib
import itertools
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import enry
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.collect.swhid import content_id
from gristmill.release.schema import (
    FILES,
    LICENSE_TYPES,
    OWN_COLUMNS,
    STACK_V2_COLUMNS,
    STUBS,
    rows_digest,
    shards,
    slug,
    type_name,
    value_bytes,
)
from gristmill.tables import EVIDENCE, STRINGS, TIMESTAMP

# ------------------------------------------------------------------ a small release, for all tests of the room

DAY = dt.datetime(2024, 2, 29, 12, 0, 0, 123456, tzinfo=dt.UTC)
REVISION = "1" * 40


def file_row(path: str, content: str, language: str | None, **changes: object) -> dict[str, object]:
    """A row of FILES that agrees with itself."""
    data = content.encode()
    digest = hashlib.sha256(data).hexdigest()
    row: dict[str, object] = {
        "blob_id": hashlib.sha1(data).hexdigest(),
        "content_id": content_id(data),
        "directory_id": "2" * 40,
        "path": path,
        "detected_licenses": ["MIT"],
        "license_type": "permissive",
        "repo_name": "ada/engine",
        "snapshot_id": "3" * 40,
        "revision_id": REVISION,
        "branch_name": "refs/heads/main",
        "visit_date": DAY,
        "revision_date": DAY,
        "committer_date": DAY,
        "src_encoding": "utf-8",
        "language": language,
        "is_vendor": False,
        "is_generated": False,
        "length_bytes": len(data),
        "extension": path.rpartition(".")[2],
        "filename": path.rpartition("/")[2],
        "content": content,
        "swhid": f"swh:1:cnt:{content_id(data)}",
        "origin_url": "https://example.org/ada/engine",
        "origin_kind": "git",
        "anchor": f"swh:1:rev:{REVISION}",
        "licence_expression": "MIT",
        "licence_scope": "origin",
        "licence_evidence": ["/LICENSE spdx-text 1.0"],
        "is_test": False,
        "is_documentation": False,
        "num_lines": content.count("\n"),
        "avg_line_length": 10.5,
        "max_line_length": 20,
        "alpha_fraction": 0.5,
        "alphanum_fraction": 0.6,
        "redactions": 0,
        "original_sha256": digest,
        "released_sha256": digest,
        "released_bytes": len(data),
        "occurrences": 1,
        "cluster_size": 1,
    }
    return row | changes


def stub_row(path: str, reason: str, **changes: object) -> dict[str, object]:
    row: dict[str, object] = {
        "path": path,
        "content_id": content_id(path.encode()),
        "swhid": f"swh:1:cnt:{content_id(path.encode())}",
        "origin_url": "https://example.org/ada/engine",
        "repo_name": "ada/engine",
        "anchor": f"swh:1:rev:{REVISION}",
        "language": "C",
        "length_bytes": 100,
        "detected_licenses": [],
        "license_type": "no_license",
        "reason": reason,
        "reasons": [{"reason": reason, "rule": "filters.size", "evidence": "100 > 10"}],
    }
    return row | changes


def write_shard(folder: Path, name: str, rows: Sequence[dict[str, object]], **options: Any) -> Path:
    """Write rows as one shard of a release folder."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    table = FILES if name.startswith("data/") else STUBS
    pq.write_table(pa.Table.from_pylist(list(rows), schema=table.schema), path, **options)
    return path


REDACTED = "mail = '<EMAIL>'\n"


def write_shards(folder: Path) -> int:
    """Write the shards of a small release. Returns the number of entries: 7 files and 4 stubs."""
    cpp = [
        file_row("/src/a.cpp", "int main() { return 0; }\n", "C++", occurrences=3),
        file_row(
            "/src/grüße.cpp", "// grüße 🌾\n", "C++", occurrences=4, cluster_size=5, cluster_id="a" * 40
        ),
    ]
    more_cpp = [file_row("/src/b.cpp", "int b;\n", "C++", licence_expression="MIT OR Apache-2.0")]
    csharp = [file_row("/A.cs", "class A {}\n", "C#")]
    python = [
        file_row("/p.py", REDACTED, "Python", redactions=1, length_bytes=24, original_sha256="0" * 64),
        file_row("/q.py", "", "Python", num_lines=0),
    ]
    unknown = [
        file_row(
            "/notes",
            "words\n",
            None,
            detected_licenses=[],
            license_type="no_license",
            licence_expression=None,
            licence_scope=None,
            licence_evidence=[],
            snapshot_id=None,
            revision_id=None,
            branch_name=None,
            revision_date=None,
            committer_date=None,
            origin_url="https://example.org/box.tar.gz",
            origin_kind="archive",
        )
    ]
    write_shard(folder, "data/cpp/00000-of-00002.parquet", cpp)
    write_shard(folder, "data/cpp/00001-of-00002.parquet", more_cpp)
    write_shard(folder, "data/csharp/00000-of-00001.parquet", csharp)
    write_shard(folder, "data/python/00000-of-00001.parquet", python)
    write_shard(folder, "data/unknown/00000-of-00001.parquet", unknown)
    stubs = [
        stub_row("/big.c", "too_large"),
        stub_row("/huge.c", "too_large", length_bytes=-1),
        stub_row("/copy.c", "near_duplicate", cluster_id="a" * 40, similarity=0.93),
        stub_row("/gone.c", "opted_out", language=None),
    ]
    write_shard(folder, "stubs/00000-of-00001.parquet", stubs)
    return 11


# --------------------------------------------------------------------------------------------------- tables


def test_files_has_every_column_of_the_stack_v2() -> None:
    published = """blob_id content_id directory_id path detected_licenses license_type repo_name snapshot_id
        revision_id branch_name visit_date revision_date committer_date github_id star_events_count
        fork_events_count gha_license_id gha_event_created_at gha_created_at gha_language src_encoding language
        is_vendor is_generated length_bytes extension filename"""
    assert [column.name for column in STACK_V2_COLUMNS] == published.split()
    assert FILES.columns == STACK_V2_COLUMNS + OWN_COLUMNS
    assert FILES.schema.field("redactions").type == pa.int32()
    assert STUBS.schema.field("reasons").type == EVIDENCE


@pytest.mark.parametrize("table", [FILES, STUBS], ids=lambda table: table.name)
def test_tables_are_sound(table: Any) -> None:
    names = [column.name for column in table.columns]
    assert len(set(names)) == len(names)
    assert all(column.doc.strip() for column in table.columns)
    assert set(table.key) <= set(names)
    # A null must say something: every column that may be null documents when.
    assert [c.name for c in table.columns if c.nullable and "null" not in c.doc] == []
    assert [c.name for c in table.columns if not c.nullable and "null" in c.doc] == []


def test_a_licence_that_is_not_understood_is_not_permissive() -> None:
    assert LICENSE_TYPES["unknown"] == "non_permissive"
    assert {k for k, v in LICENSE_TYPES.items() if v == "permissive"} == {"permissive"}


def test_shards_survive_parquet_with_their_schema_and_order(tmp_path: Path) -> None:
    write_shards(tmp_path)
    paths = shards(tmp_path, FILES)
    assert [p.relative_to(tmp_path).as_posix() for p in paths][:3] == [
        "data/cpp/00000-of-00002.parquet",
        "data/cpp/00001-of-00002.parquet",
        "data/csharp/00000-of-00001.parquet",
    ]
    assert all(pq.read_schema(path).equals(FILES.schema) for path in paths)
    assert [pq.read_schema(path).equals(STUBS.schema) for path in shards(tmp_path, STUBS)] == [True]


# ----------------------------------------------------------------------------------------------------- slug


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("C", "c"),
        ("C++", "cpp"),
        ("C#", "csharp"),
        ("F#", "fsharp"),
        ("F*", "f-star"),
        ("Objective-C++", "objective-cpp"),
        ("HTML+ERB", "html-erb"),
        ("Jupyter Notebook", "jupyter-notebook"),
        ("Visual Basic 6.0", "visual-basic-6-0"),
        (None, "unknown"),
        ("", "unknown"),
        ("unknown", "unknown"),
    ],
)
def test_slug_of_known_languages(language: str | None, expected: str) -> None:
    assert slug(language) == expected


def test_no_two_languages_of_linguist_share_a_slug() -> None:
    endings = (
        "c h cc m mm cs fs fst q qs f for j py pl t r d e s v b asp aspx vb vba bas html erb php eex ejs"
    )
    endings += " jl js ts tsx l ml re sc sql st tex txt x y z md json yml toml ini cfg conf sh bat ps1 rs go"
    found = {name for ending in endings.split() for name in enry.get_languages(f"a.{ending}", b"")}
    found |= {"C++", "C#", "C", "Q#", "F*", "F#", "ASP.NET", "OMNeT++ MSG", "Cap'n Proto", "HTML+ERB"}
    assert len(found) > 80
    assert len({slug(name) for name in found}) == len(found)
    assert not any(re.search(r"-[0-9a-f]{12}$", slug(name)) for name in found)


@given(st.text(max_size=80))
def test_slug_is_always_a_safe_folder_name(language: str) -> None:
    assert re.fullmatch(r"[a-z0-9][a-z0-9-]{0,63}", slug(language))


@pytest.mark.parametrize(
    "language", ["../etc", "Default", "stubs", "naïve", "a" * 100, "\ud800", "...", "A\nB"]
)
def test_strange_names_cannot_take_the_slug_of_another(language: str) -> None:
    assert re.search(r"-[0-9a-f]{12}$", slug(language))


# ---------------------------------------------------------------------------------------------- logical hash

POINT = pa.struct([pa.field("x", pa.float64()), pa.field("words", STRINGS)])
SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("raw", pa.binary()),
        pa.field("number", pa.int64()),
        pa.field("small", pa.int32()),
        pa.field("share", pa.float64()),
        pa.field("flag", pa.bool_()),
        pa.field("when", TIMESTAMP),
        pa.field("words", STRINGS),
        pa.field("evidence", EVIDENCE),
        pa.field("point", POINT),
    ]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
WORDS = st.lists(TEXT, max_size=3)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | TEXT,
        "raw": st.none() | st.binary(max_size=6),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "small": st.none() | st.integers(-(2**31), 2**31 - 1),
        "share": st.none() | st.floats(allow_nan=True),
        "flag": st.none() | st.booleans(),
        "when": st.none() | st.datetimes(timezones=st.just(dt.UTC)),
        "words": st.none() | WORDS,
        "evidence": st.lists(
            st.fixed_dictionaries({"reason": TEXT, "rule": TEXT, "evidence": TEXT}), max_size=2
        ),
        "point": st.none()
        | st.fixed_dictionaries({"x": st.none() | st.floats(), "words": st.none() | WORDS}),
    }
)


def as_batch(rows: list[dict[str, object]]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(rows, schema=SCHEMA)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=12), st.lists(st.integers(0, 12), max_size=4), st.data())
def test_the_logical_hash_does_not_see_chunks(
    rows: list[dict[str, object]], cuts: list[int], data: Any
) -> None:
    whole = as_batch(rows)
    expected = rows_digest(SCHEMA, [whole])
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    pairs = list(itertools.pairwise(edges))
    # Slices keep the offsets of the whole; fresh arrays have none; both may be empty.
    assert rows_digest(SCHEMA, [whole.slice(a, b - a) for a, b in pairs]) == expected
    assert rows_digest(SCHEMA, [as_batch(rows[a:b]) for a, b in pairs]) == expected
    if rows:
        changed = data.draw(st.integers(0, len(rows) - 1))
        other = [dict(row) for row in rows]
        other[changed]["number"] = 7 if other[changed]["number"] != 7 else None
        assert rows_digest(SCHEMA, [as_batch(other)]) != expected
        assert rows_digest(SCHEMA, [whole.slice(1)]) != expected


def test_the_logical_hash_does_not_see_parquet_encodings(tmp_path: Path) -> None:
    rows = [file_row(f"/{n}.c", f"int x{n % 7};\n" * n, "C") for n in range(50)]
    digests = set()
    for number, options in enumerate(
        [
            {"compression": "zstd", "row_group_size": 50},
            {"compression": "none", "row_group_size": 3, "use_dictionary": False},
            {"data_page_version": "2.0", "row_group_size": 17, "data_page_size": 64},
        ]
    ):
        path = write_shard(tmp_path, f"data/c/{number:05}-of-00003.parquet", rows, **options)
        with pq.ParquetFile(path) as file:
            digests.add(rows_digest(FILES.schema, file.iter_batches(batch_size=5 + number)))
    assert len(digests) == 1


def test_the_logical_hash_is_fixed_for_all_time() -> None:
    # Worked out from the definition with hashlib alone, not with the code under test.
    def sha(data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    def number(value: int) -> bytes:
        return value.to_bytes(8, "little", signed=True)

    schema = pa.schema([pa.field("a", pa.string()), pa.field("n", pa.int64()), pa.field("l", STRINGS)])
    table = pa.Table.from_pydict(
        {"a": ["é", None, ""], "n": [-1, 2, None], "l": [["x", "yz"], None, []]}, schema
    )
    lines = ["gristmill-rows-1", "3", '0 "a" string', '1 "n" int64', '2 "l" list<string>']
    lines += [f"0 validity {sha(bytes([1, 0, 1]))}", f"0 length {sha(number(2) + number(0) + number(0))}"]
    lines += [f"0 values {sha('é'.encode())}"]
    lines += [f"1 validity {sha(bytes([1, 1, 0]))}", f"1 values {sha(number(-1) + number(2) + number(0))}"]
    lines += [f"2 validity {sha(bytes([1, 0, 1]))}", f"2 length {sha(number(2) + number(0) + number(0))}"]
    lines += [f"2.0 validity {sha(bytes([1, 1]))}", f"2.0 length {sha(number(1) + number(2))}"]
    lines += [f"2.0 values {sha(b'xyz')}"]
    assert rows_digest(schema, table.to_batches()) == sha("\n".join(lines).encode())


def test_what_lies_below_a_null_is_not_hashed() -> None:
    kind = pa.list_(pa.field("element", pa.int64(), nullable=False))
    hidden = pa.ListArray.from_arrays(
        pa.array([0, 2, 3], pa.int32()), pa.array([1, 2, 9]), type=kind, mask=pa.array([False, True])
    )
    text = pa.StringArray.from_buffers(
        2, pa.py_buffer(np.array([0, 1, 4], "<i4")), pa.py_buffer(b"axyz"), pa.py_buffer(b"\x01")
    )
    schema = pa.schema([("l", kind), ("t", pa.string()), ("f", pa.float64())])
    payload = np.array([0xFFF8000000000001], "<u8").view("<f8")
    dirty = pa.RecordBatch.from_arrays([hidden, text, pa.array(np.repeat(payload, 2))], schema=schema)
    clean = pa.RecordBatch.from_pydict(
        {"l": [[1, 2], None], "t": ["a", None], "f": [float("nan")] * 2}, schema
    )
    assert rows_digest(schema, [dirty]) == rows_digest(schema, [clean])
    assert bytes(value_bytes(text)) == b"a"


def test_names_and_types_take_part_in_the_hash() -> None:
    batch = pa.RecordBatch.from_pydict({"a": pa.array([1], pa.int64())})
    renamed = batch.rename_columns(["b"])
    narrow = pa.RecordBatch.from_pydict({"a": pa.array([1], pa.int32())})
    assert len({rows_digest(b.schema, [b]) for b in (batch, renamed, narrow)}) == 3


def test_large_types_are_named_as_small_ones() -> None:
    assert type_name(pa.large_list(pa.large_string())) == type_name(pa.list_(pa.string())) == "list<string>"
    assert [type_name(pa.float32()), type_name(TIMESTAMP)] == ["float32", "timestamp[us,UTC]"]
    with pytest.raises(TypeError, match="decimal"):
        type_name(pa.decimal128(5))
