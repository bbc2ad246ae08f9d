"""Layouts read off real post-processors fill in two texts as those do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import FAMILIES, make_tokenizer
from tokenizers import Tokenizer, models, processors

from gristmill.errors import ModelError
from gristmill.zeroshot.layout import Layout, Piece, read_layout

PIECES = {"roberta": 4, "xlm-roberta": 4, "bert": 3, "distilbert": 3, "deberta": 4, "deberta-v2": 3}


@pytest.mark.parametrize("family", FAMILIES)
def test_special_tokens_are_counted_as_the_tokenizer_counts_them(family: str) -> None:
    tokenizer = make_tokenizer(family).backend_tokenizer
    assert read_layout(tokenizer, pair=True, typed=True).special == tokenizer.num_special_tokens_to_add(True)
    assert tokenizer.num_special_tokens_to_add(True) == PIECES[family]
    assert read_layout(tokenizer, pair=False, typed=True).special == 2
    assert read_layout(tokenizer, pair=True, typed=False).types == 1


def test_a_tokenizer_that_adds_nothing() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    assert read_layout(tokenizer, pair=False, typed=True).special == 0


def test_a_text_that_is_there_twice_is_refused() -> None:
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "b": 1, "?": 2}, unk_token="?"))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$B:1 $A:0", special_tokens=[])
    with pytest.raises(ModelError, match="lays texts out"):
        read_layout(tokenizer, pair=True, typed=True)


@given(st.lists(st.integers(0, 9)), st.lists(st.integers(0, 9)))
def test_texts_keep_their_order_and_place(first: list[int], second: list[int]) -> None:
    layout = Layout(
        (Piece("special", 101, 0), Piece("first", 0, 0), Piece("special", 102, 1), Piece("second", 0, 1))
    )
    ids, types = layout.fill(np.array(first, np.int32), np.array(second, np.int32))
    assert ids.tolist() == [101, *first, 102, *second]
    assert types.tolist() == [0] * (1 + len(first)) + [1] * (1 + len(second))
