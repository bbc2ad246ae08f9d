"""The gate against a plain scan of every position."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import gate
from gristmill.annotate.findings.rule import Rule, literal


def _rule(*anchors: bytes) -> Rule:
    return Rule(tuple(literal(a) for a in anchors), lambda text, at: None)


_RULES = (_rule(b"key", b"tok"), _rule(b"tok"), Rule(((b"ab", b"01", b"."),), lambda text, at: None))
_WANTED = ({b"key", b"tok"}, {b"tok"}, {b"a0.", b"a1.", b"b0.", b"b1."})
_texts = st.lists(
    st.none() | st.lists(st.sampled_from([b"key", b"TOK", b"a0", b".", b"\xc3\xa9", b"x"])).map(b"".join)
)


@given(_texts, st.sampled_from([pa.binary(), pa.large_binary()]), st.integers(0, 2))
def test_finds_the_same_anchors_as_a_plain_scan(
    rows: list[bytes | None], kind: pa.DataType, skip: int
) -> None:
    column = pa.array([b"key"] * skip + rows, kind).slice(skip)
    expected = [
        (row, at, rule)
        for row, text in enumerate(rows)
        for at in range(len(text or b"") - 2)
        for rule, wanted in enumerate(_WANTED)
        if (text or b"")[at : at + 3].lower() in wanted
    ]
    assert list(gate.candidates(gate.compile_gate(_RULES), gate.texts_of(column))) == expected


def test_anchors_are_found_across_blocks() -> None:
    text = b"x" * (gate._BLOCK - 1) + b"key" + b"x" * (gate._BLOCK - 4) + b"tok"
    found = list(gate.candidates(gate.compile_gate(_RULES), gate.texts_of(pa.array([text], pa.binary()))))
    assert found == [(0, gate._BLOCK - 1, 0), (0, len(text) - 3, 0), (0, len(text) - 3, 1)]


def test_an_anchor_does_not_span_two_texts() -> None:
    column = pa.array([b"to", b"key", b"", b"k"], pa.binary())
    assert list(gate.candidates(gate.compile_gate(_RULES), gate.texts_of(column))) == [(1, 0, 0)]


def test_thin_drops_anchors() -> None:
    rule = Rule((literal(b"key"),), lambda text, at: None, lambda data, positions, rows: positions > 3)
    column = pa.array([b"key.key.key"], pa.binary())
    assert [at for _, at, _ in gate.candidates(gate.compile_gate([rule]), gate.texts_of(column))] == [4, 8]


def test_an_anchor_that_the_gate_cannot_tell_is_refused() -> None:
    with pytest.raises(ValueError, match="anchor"):
        gate.compile_gate([_rule(b"a^b")])


def test_other_columns_are_refused() -> None:
    with pytest.raises(TypeError, match="int64"):
        gate.texts_of(pa.array([1]))
