from __future__ import annotations

import base64
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import validators

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@given(st.binary(max_size=200))
def test_every_check_accepts_any_bytes(value: bytes) -> None:
    validators.is_placeholder(value)
    validators.is_wordy(value)
    validators.is_secret(value, password=True)
    validators.is_secret(value, password=False)
    validators.is_jwt(value)
    validators.decoded(value)
    assert 0 <= validators.entropy(value) <= 8


def test_entropy() -> None:
    assert validators.entropy(b"") == 0
    assert validators.entropy(b"aaaa") == 0
    assert validators.entropy(bytes(range(16))) == 4


@pytest.mark.parametrize("length", [24, 40, 64, 200])
@pytest.mark.parametrize("alphabet", [_LETTERS + "0123456789", "0123456789abcdef", _LETTERS + "0123456789+/"])
def test_issued_keys_are_secrets(alphabet: str, length: int) -> None:
    chance = random.Random(length)
    keys = ["".join(chance.choices(alphabet, k=length)).encode() for _ in range(200)]
    assert sum(validators.is_secret(key, password=False) for key in keys) >= 195
    assert sum(validators.is_random_token(key) for key in keys) >= 195


@pytest.mark.parametrize("value", ["vK9#mQ2$xL", "Trf7Winter2023", "p3nguin!ride", "zxK!42kdP"])
def test_chosen_passwords_are_secrets(value: str) -> None:
    assert validators.is_secret(value.encode(), password=True)


@pytest.mark.parametrize(
    "value",
    [
        "changeme-please",
        "your-api-key-here",
        "<your-token-1234>",
        "${DB_PASSWORD_2}",
        "{{ vault_key_01 }}".replace(" ", ""),
        "%DB_PASS1%",
        "xxxxxxxxxxxx1",
        "aaaaaaaaaaaa",
        "12345678901234",
        "abcdefghijklmnop1",
        "os.environ['A1']",
        "process.env.TOKEN_1",
        "test_value_9f8a7",
        "Example123!",
        "/etc/ssl/server1.pem",
        "https://host1.org/a2",
        "application/vnd.api2+json",
        "user_session_id2",
        "com.acme.app.Main2",
        "CloudFrontOriginAccessIdentityList.NextMarker",
        "sha256-47DEQpj8HBSa-_TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "1.2.3.4-5",
        "0x1234ABCD99",
        "2021-01-02T03:04:05Z",
        r"[A-Z0-9]{4}\d+",
        "pässwört-1x9",
    ],
)
@pytest.mark.parametrize("password", [True, False])
def test_false_positives_are_no_secrets(value: str, password: bool) -> None:
    assert not validators.is_secret(value.encode(), password=password)


def test_jwt_header() -> None:
    def part(text: bytes) -> bytes:
        return base64.urlsafe_b64encode(text).rstrip(b"=")

    assert validators.is_jwt(part(b'{"alg":"HS256"}') + b".x.y")
    assert not validators.is_jwt(part(b'{"typ":"JWT"}') + b".x.y")
    assert not validators.is_jwt(part(b'["alg"]') + b".x.y")
    assert not validators.is_jwt(b"eyJhbGciOiJIUzI1NiJ" + b".x.y")
    assert not validators.is_jwt(part(b'{"alg":"HS256","x":"' + b"a" * 600 + b'"}') + b".x.y")
    assert not validators.is_jwt(part(b"[" * 380) + b".x.y")
