"""Fingerprints: equal for equal rows wherever they stand, other for anything else."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.release.fingerprint import fingerprint, streams
from gristmill.tables import STRINGS, TIMESTAMP

SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("number", pa.int64()),
        pa.field("flag", pa.bool_(), nullable=False),
        pa.field("share", pa.float64()),
        pa.field("when", TIMESTAMP),
        pa.field("words", STRINGS),
    ]
)
ROW = st.fixed_dictionaries(
    {
        "text": st.none() | st.text(max_size=4),
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "flag": st.booleans(),
        "share": st.none() | st.floats(allow_nan=False),
        "when": st.none() | st.integers(-(10**14), 10**14),
        "words": st.none() | st.lists(st.text(max_size=3), max_size=3),
    }
)
NULLS = dict.fromkeys(SCHEMA.names) | {"flag": True}


def digest(rows: list[dict[str, object]], start: int, end: int, *beside: bytes) -> bytes:
    return fingerprint(streams(pa.Table.from_pylist(rows, SCHEMA)), start, end, *beside)


@given(st.lists(ROW, min_size=1, max_size=6), st.lists(ROW, max_size=4), st.lists(ROW, max_size=4), st.data())
def test_neighbours_do_not_matter_and_rows_do(rows, before, behind, data) -> None:  # type: ignore[no-untyped-def]
    rows = [*rows, NULLS]  # so that every column has a null in both tables
    start = len(before)
    own = digest(rows, 0, len(rows))
    assert digest([*before, *rows, *behind], start, start + len(rows)) == own
    assert digest(rows, 0, len(rows), b"") != own
    changed = data.draw(st.integers(0, len(rows) - 1))
    other = [dict(row) for row in rows]
    other[changed]["flag"] = not other[changed]["flag"]
    assert digest(other, 0, len(rows)) != own
    other = [dict(row) for row in rows]
    other[changed]["words"] = [*(other[changed]["words"] or []), "x"]
    assert digest(other, 0, len(rows)) != own


def test_null_is_neither_empty_nor_nothing() -> None:
    made = {
        digest([NULLS | {"text": text, "words": words}], 0, 1)
        for text in (None, "", "a")
        for words in (None, [], [""], ["a"])
    }
    assert len(made) == 12


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="decimal"):
        streams(pa.table({"a": pa.array([1], pa.decimal128(5))}))
