"""Thrift's compact protocol: what is written is read back, pyarrow's own footers too, and nothing is trusted."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ReleaseError
from gristmill.release.thrift import (
    BINARY,
    BYTE,
    I16,
    I32,
    I64,
    LIST,
    STRUCT,
    TRUE,
    read_struct,
    skip,
    write_struct,
)

NUMBERS = st.integers(-(2**63), 2**63 - 1)
LEAVES = st.one_of(
    st.tuples(st.just(TRUE), st.booleans()),
    st.tuples(st.just(BYTE), st.integers(0, 255)),
    st.tuples(st.sampled_from([I16, I32, I64]), NUMBERS),
    st.tuples(st.just(BINARY), st.binary(max_size=40)),
)


def larger(fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    structs = st.dictionaries(st.integers(1, 300), fields, max_size=5)
    return st.one_of(
        st.tuples(st.just(STRUCT), structs),
        st.tuples(st.just(LIST), st.tuples(st.just(STRUCT), st.lists(structs, max_size=17))),
        st.tuples(st.just(LIST), st.tuples(st.just(I32), st.lists(NUMBERS, max_size=20))),
        st.tuples(st.just(LIST), st.tuples(st.just(TRUE), st.lists(st.booleans(), max_size=3))),
        st.tuples(st.just(LIST), st.tuples(st.just(BINARY), st.lists(st.binary(max_size=4), max_size=3))),
    )


STRUCTS = st.dictionaries(st.integers(1, 300), st.recursive(LEAVES, larger, max_leaves=12), max_size=6)


@given(STRUCTS, st.binary(max_size=3))
def test_what_is_written_is_read_back(fields: dict[int, Any], behind: bytes) -> None:
    data = write_struct(fields)
    assert read_struct(data + behind, 0) == (fields, len(data))
    assert skip(data + behind, 0, STRUCT) == len(data)


@given(STRUCTS, st.integers(0, 400))
def test_a_struct_cut_short_is_refused(fields: dict[int, Any], at: int) -> None:
    data = write_struct(fields)
    with pytest.raises(ReleaseError, match="damaged"):
        read_struct(data[: at % len(data)], 0)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        _, end = read_struct(data, 0)
    except ReleaseError:
        return
    assert end <= len(data)
    assert skip(data, 0, STRUCT) == end


def test_depth_and_size_are_bounded() -> None:
    with pytest.raises(ReleaseError, match="deeper"):
        read_struct(b"\x1c" * 10_000, 0)
    with pytest.raises(ReleaseError, match="deeper"):
        skip(b"\x1c" * 10_000, 0, STRUCT)
    with pytest.raises(ReleaseError, match="states"):
        read_struct(b"\x19\xf5\xff\xff\xff\xff\x0f", 0)
    with pytest.raises(ReleaseError, match="too long"):
        read_struct(b"\x16" + b"\xff" * 20, 0)
    with pytest.raises(ReleaseError, match="cut short"):
        read_struct(b"\x18\x7fabc", 0)


def test_the_rest_of_a_struct() -> None:
    data = write_struct({1: (I32, 5), 2: (I64, 6), 7: (BINARY, b"x")})
    rest, end = read_struct(data, 2, last=1)
    assert (rest, end) == ({2: (I64, 6), 7: (BINARY, b"x")}, len(data))
    assert data[:2] + write_struct(rest, last=1) == data


def test_footers_of_pyarrow_come_back_byte_for_byte() -> None:
    table = pa.table({"a": ["x", None, "yy"] * 9, "n": list(range(27)), "l": [[1.5], [], None] * 9})
    sink = io.BytesIO()
    pq.write_table(table, sink, row_group_size=2, write_page_index=True)
    data = sink.getvalue()
    size = int.from_bytes(data[-8:-4], "little")
    footer = data[-8 - size : -8]
    fields, end = read_struct(footer, 0)
    assert end == len(footer)
    assert write_struct(fields) == footer
    assert fields[3] == (I64, 27)
    assert len(fields[4][1][1]) == 14
