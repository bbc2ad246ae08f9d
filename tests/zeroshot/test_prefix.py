"""The first tokens of a long text, from a part of it, are those of the whole text."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import make_tokenizer
from tokenizers import Tokenizer

from gristmill.zeroshot import prefix

WORDS = st.text(
    alphabet="abcdefgh é\u0301ß段文字ا한 \t\n\r\u00a0.,'-😀\u200d\u0000İΣς[<", min_size=1, max_size=30
)


@functools.cache
def tokenizer(family: str) -> Tokenizer:
    return make_tokenizer(family).backend_tokenizer


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "deberta-v2"])
@settings(max_examples=60, deadline=None)
@given(
    words=st.lists(WORDS, min_size=8, max_size=40),
    times=st.integers(1, 30),
    limit=st.integers(1, 30),
    spaced=st.booleans(),
)
def test_equal_to_the_whole_text(family: str, words: list[str], times: int, limit: int, spaced: bool) -> None:
    text = (" " if spaced else "").join(words * times)

    def encode(texts: Sequence[str]) -> list[prefix.Ids]:
        found = tokenizer(family).encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(one.ids, np.int32) for one in found]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix, "SHORTEST", 0)  # so that texts of some hundred letters are long ones
        patch.setattr(prefix, "LETTERS", 2)
        found = prefix.encode_prefix(encode, [text], limit)[0]
    np.testing.assert_array_equal(found, encode([text])[0][:limit])


def test_no_more_than_a_few_times_the_text_is_read_when_tokens_never_come() -> None:
    read: list[int] = []

    def encode(texts: Sequence[str]) -> list[prefix.Ids]:
        read.append(sum(map(len, texts)))
        return [np.zeros(1, np.int32) for _ in texts]

    assert prefix.encode_prefix(encode, ["a" * 1_000_000], 100)[0].tolist() == [0]
    assert sum(read) < 3_100_000
