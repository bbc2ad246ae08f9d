"""Tokens are made up here, from parts, so that no scanner of this repository takes them for real."""

from __future__ import annotations

import base64
import random
import string
import zlib

import pyarrow as pa
import pytest

from gristmill.annotate.findings import patterns

_ALNUM = string.ascii_letters + string.digits
_BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_HEX = "0123456789abcdef"
_URL = _ALNUM + "-_"


def some(alphabet: str, length: int, seed: int = 7) -> str:
    return "".join(random.Random(f"{alphabet}{length}{seed}").choices(alphabet, k=length))


def github(prefix: str, seed: int = 7) -> str:
    body = some(_ALNUM, 30, seed)
    number, check = zlib.crc32(body.encode()), ""
    for _ in range(6):
        number, digit = divmod(number, 62)
        check = (string.digits + string.ascii_uppercase + string.ascii_lowercase)[digit] + check
    return prefix + "_" + body + check


def part(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def jwt(payload: str = '{"sub":"u-88121","iat":1717000}') -> str:
    return part('{"alg":"HS256","typ":"JWT"}') + "." + part(payload) + "." + some(_URL[:-2], 43)


def found(text: str) -> list[tuple[str, str, str]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    assert all(0.5 <= hit.score <= 1 for _, hit in hits)
    return [(hit.rule, hit.type, data[hit.start : hit.end].decode()) for _, hit in hits]


TOKENS = {
    "github-token": github("gh" + "p"),
    "github-oauth-token": github("gh" + "o"),
    "github-user-token": github("gh" + "u"),
    "github-app-token": github("gh" + "s"),
    "github-refresh-token": github("gh" + "r"),
    "github-fine-grained-token": "github" + "_pat_" + some(_ALNUM, 22) + "_" + some(_ALNUM, 59),
    "gitlab-token": "gl" + "pat-" + some(_URL[:-2], 20),
    "aws-access-key-id": "AK" + "IA" + some(_BASE32, 16),
    "slack-token": "xo" + "xb-" + "2481632641-4821632842-" + some(_ALNUM, 24),
    "slack-webhook": "hooks."
    "slack.com/services/T" + some(_ALNUM, 8) + "/B" + some(_ALNUM, 8) + "/" + some(_ALNUM, 24),
    "stripe-key": "sk" + "_live_" + some(_ALNUM, 24),
    "google-api-key": "AI" + "za" + some(_ALNUM, 35),
    "google-oauth-secret": "GOC" + "SPX-" + some(_ALNUM, 28),
    "npm-token": "np" + "m_" + some(_ALNUM, 36),
    "pypi-token": "pypi" + "-AgEIcHlwaS5vcmc" + some(_ALNUM, 80),
    "sendgrid-key": "S" + "G." + some(_ALNUM, 22) + "." + some(_ALNUM, 43),
    "anthropic-key": "sk" + "-ant-api03-" + some(_ALNUM, 93),
    "openai-key": "s" + "k-" + some(_ALNUM, 20) + "T3BlbkFJ" + some(_ALNUM, 20),
    "hugging-face-token": "h" + "f_" + some(_ALNUM, 34),
    "digitalocean-token": "dop" + "_v1_" + some(_HEX, 64),
    "jwt": jwt(),
}


@pytest.mark.parametrize("rule", TOKENS)
@pytest.mark.parametrize(
    "frame", ["{}", "x = '{}'\n", "TOKEN={}\n", "é\\n{} é", '"auth_token": "{}",', "see {}."]
)
def test_tokens_of_providers(rule: str, frame: str) -> None:
    assert found(frame.format(TOKENS[rule])) == [(rule, "key", TOKENS[rule])]


@pytest.mark.parametrize("rule", sorted(set(TOKENS) - {"jwt"}))
def test_a_token_is_no_part_of_a_longer_word(rule: str) -> None:
    assert found("a" + TOKENS[rule] + " ") == []


@pytest.mark.parametrize(
    "text",
    [
        "gh" + "p_" + some(_ALNUM, 36),  # wrong checksum
        "AK" + "IA" + "IOSFODNN7EXAMPLE",
        "AI" + "za" + "x" * 35,
        "np" + "m_" + "a" * 36,
        "sk" + "_test_" + some(_ALNUM, 24),
        "sk" + "_live_" + "your0key0your0key0your0key",
        "SK" + some(_HEX, 32),  # nothing says Twilio
        "eyJ" + some(_ALNUM, 40) + "." + "eyJ" + some(_ALNUM, 40) + "." + some(_ALNUM, 43),  # no header
        jwt('{"sub":"1234567890","name":"John Doe"}'),
        "https://user:${PASSWORD}@db.firm.de/x",
        "https://user:{password}@db.firm.de/x",
        "postgres://postgres:postgres@localhost:5432/db",
        "postgres://bob:hG7kLq2z9@db.example.com/x",
        "redis://:password@localhost",
        "github://org:repo@sha/catalogue.yml",
        "http://localhost:8080/@scope/name",
        "Authorization: Basic " + base64.b64encode(b"user:password").decode(),
        "Authorization: Bearer your-access-token-goes-here",
        "Basic understanding of authentication/authorisation",
    ],
)
def test_what_is_no_token(text: str) -> None:
    assert found(text) == []


def test_twilio_needs_its_name_near() -> None:
    key = "SK" + some(_HEX, 32)
    assert found(f"twilio = Client('{key}')") == [("twilio-key", "key", key)]
    assert found("twilio" + " " * 500 + key) == []


@pytest.mark.parametrize(
    ("frame", "value", "rule"),
    [
        ("AccountName=x;AccountKey={};", some(_ALNUM + "+/", 86) + "==", "azure-storage-key"),
        ("?sv=2022-11-02&ss=b&se=2030-01-01T00:00:00Z&sig={}", some(_ALNUM, 43) + "%3D", "azure-sas"),
        ("[Interface]\nPrivateKey = {}\n", some(_ALNUM + "+/", 42) + "A=", "wireguard-key"),
        ("id: " + TOKENS["aws-access-key-id"] + "\nsecret: {}\n", some(_ALNUM + "+/", 40), "aws-secret-key"),
        ("aws_secret_access_key={}\n", some(_ALNUM + "+/", 40), "aws-secret-key"),
    ],
)
def test_keys_in_their_context(frame: str, value: str, rule: str) -> None:
    assert (rule, "key", value) in found(frame.format(value))


@pytest.mark.parametrize(
    "behind",
    [
        "commit " + some(_HEX, 40),
        some(_ALNUM, 41),
        "x" * 40,
        "\n" * 201 + some(_ALNUM, 40),
        "wJalrXUtnFEMI/" + "K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    ],
)
def test_what_is_no_secret_of_an_aws_key(behind: str) -> None:
    key = TOKENS["aws-access-key-id"]
    assert found(f"{key}\n{behind}\n") == [("aws-access-key-id", "key", key)]
