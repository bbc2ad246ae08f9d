from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.licences import tokens


def words(text: bytes) -> list[str]:
    made = tokens.tokenise([text])
    return [text[start:end].decode() for start, end in zip(made.starts, made.ends, strict=True)]


def hashes(text: bytes) -> list[int]:
    return [int(word) for word in tokens.tokenise([text]).words]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"The GPL-2+ is: *free*.", ["The", "GPL", "2+", "is", "free"]),
        (b"+ ++ a++", ["a+"]),
        ("the “Software” – and".encode(), ["the", "Software", "and"]),
        ("本软件 ab".encode(), ["本", "软", "件", "ab"]),
        (b"<p class='x'>free&nbsp;of</p>", ["free", "of"]),
        (b"line\\nnext", ["line", "next"]),
        (b"are met:\n 1. Keep; (b) name", ["are", "met", "Keep", "name"]),
        (b"version 2. Foo", ["version", "2", "Foo"]),
        (b"Copyright (c) 2020 Jane Roe\nAll rights reserved.\nUse", ["Use"]),
        (b"copyright notice, this list", ["copyright", "notice", "this", "list"]),
        (b"dnl Licensed\nREM under", ["Licensed", "under"]),
        (b"", []),
        (b"\n..\n", []),
    ],
)
def test_words(text: bytes, expected: list[str]) -> None:
    assert words(text) == expected


def test_spellings_that_are_equal() -> None:
    assert hashes(b"Licence https ORGANISATION") == hashes(b"license http organization")
    assert hashes(b"license") != hashes(b"licensed")


def test_long_words_differ_by_both_ends_and_length() -> None:
    one = hashes(b"abcdefghijklmnop abcdefghijklmnoq bbcdefghijklmnop abcdefghxijklmnop")
    assert len(set(one)) == 4


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=80), max_size=6))
def test_a_batch_is_its_texts_one_by_one(texts: list[bytes]) -> None:
    made = tokens.tokenise(texts)
    assert len(made.bounds) == len(texts) + 1
    for number, text in enumerate(texts):
        alone = tokens.tokenise([text])
        low, high = made.bounds[number], made.bounds[number + 1]
        assert made.words[low:high].tolist() == alone.words.tolist()
        assert made.starts[low:high].tolist() == alone.starts.tolist()
        assert all(0 <= s < e <= len(text) for s, e in zip(alone.starts, alone.ends, strict=True))


@pytest.mark.parametrize(
    "bait", [b"<a " * 80_000, b"&" * 250_000, b"copyright c\n" * 20_000, b"+" * 250_000, b"\xc2" * 250_000]
)
def test_bait_takes_linear_time(bait: bytes) -> None:
    started = time.perf_counter()
    tokens.tokenise([bait])
    assert time.perf_counter() - started < 5
