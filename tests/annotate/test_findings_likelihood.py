"""The model: what raises and lowers the chance, the same everywhere, and for any bytes."""

from __future__ import annotations

import random
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import likelihood
from gristmill.annotate.findings.likelihood import CONTEXTS, FEATURES, builtin, features, naturalness
from gristmill.annotate.findings.names import Name

KEY, PASSWORD = Name("key", weak=False, behind=0), Name("password", weak=False, behind=0)
WORDS = [b"authorization", b"connection", b"description", b"environment", b"parameters"]


def drawn(size: int, seed: int) -> bytes:
    return "".join(random.Random(seed).choices(string.ascii_letters + string.digits, k=size)).encode()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [16, 32, 64])
def test_what_a_machine_draws_is_likely(seed: int, size: int) -> None:
    assert likelihood.of(drawn(size, seed), KEY, "quoted") > 0.8


@pytest.mark.parametrize(
    "value",
    [
        *(b"your-api-key", b"changeme", b"xxxxxxxxxxxxxxxxxxxx", b"password", b"abcdefghijklmnop", b"hf_xxxxxxxxxxxxxxxxxxxx"),
        *(b"authorization_code", b"process.env.TOKEN", b"/run/secrets/key", b"https://login.host.io/token", b"undefined"),
        *(b"0000000000000000", b"1234567890", b"client_credentials", b"Enter your password", b"TokenType.IDENTIFIER"),
    ],
)  # fmt: skip
def test_what_stands_for_a_secret_or_is_another_thing_is_not(value: bytes) -> None:
    assert likelihood.of(value, KEY, "quoted") < 0.5
    assert likelihood.of(value, PASSWORD, "quoted") < 0.8


def test_a_property_of_a_secret_is_less_likely_one() -> None:
    value = drawn(24, 1)
    assert likelihood.of(value, Name("key", weak=False, behind=2), "quoted") < likelihood.of(
        value, KEY, "quoted"
    )


@given(st.binary(min_size=4, max_size=512), st.sampled_from(CONTEXTS), st.sampled_from([KEY, PASSWORD]))
def test_any_bytes_have_a_chance(value: bytes, context: likelihood.Context, name: Name) -> None:
    assert 0 <= likelihood.of(value, name, context) <= 1
    assert len(features(value, name, context, builtin().pairs)) == len(FEATURES)


def test_words_are_more_natural_than_chance() -> None:
    pairs = builtin().pairs
    random_letters = [bytes(random.Random(seed).choices(range(97, 123), k=12)) for seed in range(5)]
    assert min(naturalness(word, pairs) for word in WORDS) > max(
        naturalness(one, pairs) for one in random_letters
    )


def test_a_bare_length_of_one_is_no_error() -> None:
    assert naturalness(b"x", builtin().pairs) == 0.0
