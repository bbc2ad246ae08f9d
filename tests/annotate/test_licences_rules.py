from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.licences import index as index_file
from gristmill.annotate.licences import rules
from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.tokens import tokenise

INDEX = index_file.builtin()
MIT = (
    b"Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated "
    b'documentation files (the "Software"), to deal in the Software without restriction, including without '
    b"limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the "
    b"Software, and to permit persons to whom the Software is furnished to do so, subject to the following "
    b"conditions: The above copyright notice and this permission notice shall be included in all copies or "
    b"substantial portions of the Software."
)
NOTICE = b"Licensed under the Apache License, Version 2.0"
WORDS = [
    b"the",
    b"quick",
    b"fox",
    b"mit",
    b"license",
    b"under",
    b"gpl",
    b"apache",
    b"bsd",
    b"copyright",
    b"2.0",
]


def find(*texts: bytes) -> list[tuple[str, int, int]]:
    """(expression, first word, word after the last) of each hit, counted from the start of the batch."""
    made = tokenise(texts)
    hits = rules.find(Grams(made.words), made.bounds, INDEX)
    return [
        (INDEX.expressions[INDEX.rule_expression[rule]], start, end) for rule, start, end in hits.tolist()
    ]


def test_the_longest_rule_takes_its_words() -> None:
    text = b"wholly unrelated words here. " + NOTICE + b" and nothing more"
    (hit,) = [one for one in find(text) if one[0] == "Apache-2.0"]
    assert hit[2] - hit[1] >= 6
    assert not [one for one in find(text) if one != hit and hit[1] <= one[1] < hit[2]]


def test_no_rule_reaches_from_one_text_into_the_next() -> None:
    half = len(NOTICE) // 2
    words = len(tokenise([NOTICE[:half]]).words)
    for expression, start, end in find(NOTICE[:half], NOTICE[half:]):
        assert end <= words or start >= words, expression


def test_a_text_alone_and_in_a_batch_has_the_same_rules() -> None:
    words = len(tokenise([MIT]).words)
    alone = find(NOTICE)
    assert alone
    assert [
        (one, start - words, end - words) for one, start, end in find(MIT, NOTICE) if start >= words
    ] == alone


def test_without_words_there_is_no_hit() -> None:
    assert find(b"", b"  \n\t") == []


@given(st.lists(st.sampled_from(WORDS), max_size=60))
@settings(max_examples=60, deadline=None)
def test_hits_stand_word_for_word_and_apart(words: list[bytes]) -> None:
    made = tokenise([b" ".join(words)])
    grams = Grams(made.words)
    hits = rules.find(grams, made.bounds, INDEX)
    assert (hits[1:, 1] >= hits[:-1, 2]).all()
    for rule, start, end in hits.tolist():
        assert end - start == INDEX.rule_words[rule]
        assert grams.at(np.array([start]), end - start)[0] == INDEX.rule_hash[rule]
