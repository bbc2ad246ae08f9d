"""What is emitted is what a YAML reader reads, whatever the strings are."""

from __future__ import annotations

import math
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.card.yaml import emit, quote

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_a_reader_reads_the_same(values: dict[str, Any]) -> None:
    read = yaml.safe_load(emit(values)) if values else {}
    assert read == values
    assert emit(values).isascii()


@pytest.mark.parametrize(
    "text",
    [
        "no",
        "---",
        "a: b # c",
        "'\"\\",
        "1e3",
        "- x",
        "\n---\nlicense: mit\n",
        "&a *a !!python/name:x",
        "日本",
    ],
)
def test_strings_stay_strings(text: str) -> None:
    assert yaml.safe_load(emit({"key": text, text: 1})) == {"key": text, text: 1}
    assert "\n" not in quote(text)


def test_small_numbers_are_numbers() -> None:
    assert emit({"a": 1e-7, "b": 3.0, "no": 1}) == 'a: 0.0000001\nb: 3.0\n"no": 1\n'


def test_what_cannot_stand_there() -> None:
    for value in (math.nan, math.inf):
        with pytest.raises(ValueError, match="is no number"):
            emit({"a": value})
    wrong: Any = {"a": b"bytes"}
    with pytest.raises(TypeError, match="bytes"):
        emit(wrong)
