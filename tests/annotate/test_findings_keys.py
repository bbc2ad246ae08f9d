"""Private keys are made up here, of random lines."""

from __future__ import annotations

import base64
import json
import random
import string

import pyarrow as pa
import pytest

from gristmill.annotate.findings import patterns

_ALNUM = string.ascii_letters + string.digits


def some(alphabet: str, length: int, seed: int = 7) -> str:
    return "".join(random.Random(f"{alphabet}{length}{seed}").choices(alphabet, k=length))


def found(text: str) -> list[tuple[str, str, str]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(hit.rule, hit.type, data[hit.start : hit.end].decode()) for _, hit in hits if hit.score >= 0.5]


def pem(kind: str = "RSA ", newline: str = "\n", lines: int = 6) -> str:
    body = newline.join(some(_ALNUM + "+/", 64, line) for line in range(lines))
    dashes = "-" * 5
    return f"{dashes}BEGIN {kind}PRIVATE KEY{dashes}{newline}{body}{newline}{dashes}END {kind}PRIVATE KEY{dashes}"


def putty(lines: int = 14) -> str:
    body = [some(_ALNUM + "+/", 64, line) for line in range(lines - 1)] + [some(_ALNUM, 40) + "="]
    return "\n".join(body)


def jwk(kind: str = "RSA", **parts: str) -> str:
    return json.dumps({"kty": kind, "n": some(_ALNUM, 342), "e": "AQAB"} | parts)


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\\n", '\\n" +\n  "'])
def test_private_keys(kind: str, newline: str) -> None:
    block = pem(kind, newline)
    assert found(f'k = "{block}"\nrest') == [("private-key", "key", block)]


def test_private_key_without_an_end() -> None:
    block = pem().split("\n-----END")[0]
    assert found(block + "\n\n# (rest)") == [("private-key", "key", block)]


@pytest.mark.parametrize(
    "text",
    [
        pem().replace("PRIVATE", "PUBLIC"),
        pem(lines=0),
        "if s.startswith('-----BEGIN RSA PRIVATE KEY-----') and s.endswith('-----END RSA PRIVATE KEY-----'):",
        "-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n" + "x" * 64 + "\n-----END PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n<your key>" + some(_ALNUM, 64) + "\n-----END PRIVATE KEY-----",
    ],
)
def test_what_is_no_private_key(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize("kind", ["PGP "])
def test_pgp_keys(kind: str) -> None:
    body = "\n".join(some(_ALNUM + "+/", 64, line) for line in range(6))
    dashes = "-" * 5
    block = (
        f"{dashes}BEGIN {kind}PRIVATE KEY BLOCK{dashes}\nVersion: GnuPG v2\n\n{body}\n=aB3d\n"
        f"{dashes}END {kind}PRIVATE KEY BLOCK{dashes}"
    )
    assert found(block) == [("private-key", "key", block)]


def test_service_account() -> None:
    block = pem("", "\n") + "\n"
    text = json.dumps({"type": "service_account", "private_key": block})
    assert found(text) == [("private-key", "key", json.dumps(block)[1:-3])]


@pytest.mark.parametrize("kind", ["", "RSA ", "EC ", "OPENSSH "])
def test_private_keys_within_base64(kind: str) -> None:
    value = base64.b64encode(pem(kind).encode()).decode()
    assert found(f"client-key-data: {value}\n") == [("private-key-base64", "key", value)]


def test_certificates_within_base64_are_public() -> None:
    value = base64.b64encode(pem().replace("RSA PRIVATE KEY", "CERTIFICATE").encode()).decode()
    assert found(f"certificate-authority-data: {value}\n") == []


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_putty_keys(newline: str) -> None:
    body = putty().replace("\n", newline)
    text = newline.join(
        (
            "PuTTY-User-Key-File-3: ssh-rsa",
            "Private-Lines: 14",
            body,
            "Private-MAC: " + some("0123456789abcdef", 64),
        )
    )
    assert found(text) == [("putty-key", "key", body)]


@pytest.mark.parametrize(
    "text",
    [
        "Private-Lines: 14\n...\nPrivate-MAC: x",
        "Private-Lines: 2\n" + "A" * 64,
        "Public-Lines: 6\n" + putty(6),
    ],
)
def test_what_is_no_putty_key(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("kind", "name", "rule"),
    [("RSA", "d", "jwk"), ("EC", "d", "jwk"), ("OKP", "d", "jwk"), ("oct", "k", "jwk-symmetric")],
)
def test_json_web_keys(kind: str, name: str, rule: str) -> None:
    value = some(_ALNUM + "-_", 43)
    assert found(jwk(kind, **{name: value})) == [(rule, "key", value)]


@pytest.mark.parametrize(
    "text",
    [
        jwk(),
        jwk(d="short"),
        jwk(d="A" * 43),
        json.dumps({"d": some(_ALNUM, 43)}),
        '{"kty": "RSA"}' + " " * 2000 + json.dumps({"d": some(_ALNUM, 43)}),
    ],
)
def test_what_is_no_json_web_key(text: str) -> None:
    assert found(text) == []
