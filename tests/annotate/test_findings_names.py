"""Names: which are names of secrets, however they are spelled, and which only hold the same letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings.names import MAX_BYTES, Name, read

PASSWORDS = (
    "password",
    "DB_PASSWORD",
    "dbPassword",
    "passwd",
    "PWD",
    "password2",
    "sshPassphrase",
    "userpassword",
)
KEYS = (
    "secret", "client_secret", "AWS_SECRET_ACCESS_KEY", "apiKey", "API_KEY", "apikey", "authToken", "token", "X-Auth-Token",
    "encryptionKey", "myapptoken", "TOKEN_PROD",
)  # fmt: skip
OTHERS = (
    "monkey", "keyboard", "keyPress", "tokenizer", "tokens", "public_key", "primary_key", "sort-key", "cacheKey", "license_key", "spdx_license_key", "compass",
    "bypass", "class", "author", "password_field", "tokenType", "secretName", "passwordHash", "api_key_url", "next_token", "csrf_token", "hashed_password", "num_tokens", "first_passenger", "apiVersion",
    "", "123", "_",
)  # fmt: skip


@pytest.mark.parametrize("name", [*PASSWORDS, *KEYS])
def test_names_of_secrets(name: str) -> None:
    found = read(name.encode())
    assert found is not None
    assert found.kind == ("password" if name in PASSWORDS else "key")
    assert not found.weak and found.behind < 2


@pytest.mark.parametrize("name", OTHERS)
def test_names_of_other_things(name: str) -> None:
    assert read(name.encode()) is None


@pytest.mark.parametrize("name", ["password_super_secure", "tokenThing", "secret_sauce"])
def test_properties_of_secrets_are_told(name: str) -> None:
    found = read(name.encode())
    assert found is not None and found.behind == 2


@pytest.mark.parametrize("name", ["key", "pass", "pw", "auth"])
def test_words_that_may_name_something_else_are_weak(name: str) -> None:
    found = read(name.encode())
    assert found is not None and found.weak


@given(st.binary(max_size=MAX_BYTES))
def test_any_bytes(name: bytes) -> None:
    found = read(name)
    assert found is None or isinstance(found, Name)
    assert read(name.upper()) is None or read(name.upper()) == read(name.upper())
