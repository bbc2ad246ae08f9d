from __future__ import annotations

import itertools
import random
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.licences import index as index_file
from gristmill.annotate.licences import similar
from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.index import SHINGLE_WORDS
from gristmill.annotate.licences.similar import Region
from gristmill.annotate.licences.tokens import tokenise

INDEX = index_file.builtin()
PACKAGES = Path(sysconfig.get_path("purelib"))
BSD = sorted(PACKAGES.glob("click-*/licenses/LICENSE.txt"))[0].read_bytes()
APACHE = sorted(PACKAGES.glob("license_expression-*/licenses/apache-2.0.LICENSE"))[0].read_bytes()
MIT = sorted(PACKAGES.glob("pytest-*/licenses/LICENSE"))[0].read_bytes()
NOTHING = np.empty((0, 2), np.int64)
PROSE = [
    "kettle",
    "river",
    "morning",
    "green",
    "lantern",
    "seven",
    "window",
    "paper",
    "stone",
    "quiet",
    "copper",
    "garden",
    "winter",
    "orange",
    "ladder",
]


def find(text: bytes, known: np.ndarray = NOTHING, least: float = 0.78) -> list[Region]:
    words = tokenise([text]).words
    return similar.find(words, Grams(words).all(SHINGLE_WORDS), known, INDEX, least)


def expression(region: Region) -> str:
    return INDEX.expressions[INDEX.rule_expression[int(INDEX.text_rule[region.text])]]


def edited(text: bytes, share: float, seed: int) -> bytes:
    dice = random.Random(seed)
    return b" ".join(dice.choice(PROSE).encode() if dice.random() < share else word for word in text.split())


@pytest.mark.parametrize("seed", range(5))
def test_an_edited_text_is_still_known(seed: int) -> None:
    (region,) = find(edited(BSD, 0.03, seed))
    assert expression(region) == "BSD-3-Clause"
    assert 0.78 <= region.likeness < 1


def test_likeness_falls_with_every_edit() -> None:
    found = [find(edited(BSD, share, 1), least=0.1)[0].likeness for share in (0.0, 0.02, 0.05, 0.1)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.98


def test_of_two_texts_each_has_its_region() -> None:
    first, second = find(edited(MIT, 0.03, 2) + b"\n\nand the other part:\n\n" + edited(APACHE, 0.02, 3))
    assert (expression(first), expression(second)) == ("MIT", "Apache-2.0")
    assert first.end <= second.start


def test_a_region_that_reaches_into_another_is_cut_not_lost() -> None:
    """The end of the first text and the begin of the second are much alike, so each may be taken for the other's."""
    text = edited(BSD, 0.02, 5) + b"\n" + edited(MIT, 0.02, 6) + b"\n" + edited(APACHE, 0.02, 7)
    assert [expression(one) for one in find(text)] == ["BSD-3-Clause", "MIT", "Apache-2.0"]


def test_words_put_in_that_bind_are_told() -> None:
    rider = (
        b" You may not use this software for any commercial or military purpose whatsoever without a fee. "
    )
    half = BSD.index(b"Neither")
    (region,) = find(BSD[:half] + rider + BSD[half:])
    assert region.changed
    (plain,) = find(BSD)
    assert not plain.changed


def test_what_is_known_already_is_not_compared() -> None:
    words = len(tokenise([MIT]).words)
    whole = np.array([[0, words]])
    assert find(MIT)
    assert find(MIT, whole) == []
    assert "BSD-3-Clause" in map(expression, find(MIT + b"\n" + BSD, whole))


def test_a_text_that_shares_more_than_what_is_known_is_compared() -> None:
    words = len(tokenise([BSD]).words)
    (region,) = find(BSD, np.array([[0, words // 2]]))
    assert expression(region) == "BSD-3-Clause"


@given(st.lists(st.sampled_from(PROSE), max_size=200))
@settings(max_examples=40, deadline=None)
def test_prose_is_like_nothing(words: list[str]) -> None:
    assert find(" ".join(words).encode()) == []


@given(st.integers(0, 10_000), st.floats(0, 0.3))
@settings(max_examples=30, deadline=None)
def test_regions_lie_within_the_text_and_apart(seed: int, share: float) -> None:
    text = edited(MIT + b" " + BSD, share, seed)
    words = len(tokenise([text]).words)
    regions = find(text, least=0.2)
    assert all(0 <= one.start < one.end <= words for one in regions)
    assert all(one.end <= other.start for one, other in itertools.pairwise(regions))


def test_the_same_line_many_times_is_bounded() -> None:
    """Each region is compared with few texts, and of regions there are only so many."""
    line = b"Redistribution and use in source and binary forms, with or without modification, are permitted\n"
    assert len(find(line * 3000, least=0.1)) <= similar.MAX_REGIONS


RIDERS = (
    b"and which must not be used by anyone in the army",
    b"provided that you shall pay a fee to the author for every copy",
    b"except for use by military or intelligence agencies of any state",
)


@pytest.mark.parametrize("text", [MIT, BSD, APACHE[:9000]], ids=["MIT", "BSD", "Apache"])
@pytest.mark.parametrize("rider", RIDERS)
def test_words_that_bind_are_told_wherever_they_were_put_in(text: bytes, rider: bytes) -> None:
    words = text.split()
    grant = next(place for place, word in enumerate(words) if word in (b"granted,", b"permitted", b"TERMS"))
    missed = []
    for place in range(grant + 1, min(len(words) - 12, grant + 150), 7):
        regions = find(b" ".join([*words[:place], rider, *words[place:]]))
        if not any(region.changed for region in regions):
            missed.append(place)
    assert not missed
