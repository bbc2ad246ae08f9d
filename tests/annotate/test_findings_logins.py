"""Passwords are made up here; what surrounds them is the syntax of each client."""

from __future__ import annotations

import base64
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


_PASSWORD = "hG7k" + "Lq2z9w"
_HASH = "./" + _ALNUM


def basic(word: str = _PASSWORD) -> str:
    return base64.b64encode(b"bob:" + word.encode()).decode()


@pytest.mark.parametrize(
    ("frame", "value", "rule", "type"),
    [
        ("postgres://bob:{}@db.firm.de:5432/x", _PASSWORD, "uri-password", "password"),
        ("amqp://bob:{}@10.0.0.7", _PASSWORD, "uri-password", "password"),
        ("redis://:{}@cache", _PASSWORD, "uri-password", "password"),
        (
            "Authorization: Basic {}",
            basic(),
            "authorization-basic",
            "password",
        ),
        ('-H "Authorization: Bearer {}"', some(_ALNUM, 40), "authorization-bearer", "key"),
        ("Server=db;Database=x;User Id=bob;Password={};", _PASSWORD, "connection-string", "password"),
        ("Driver=ODBC;Server=db;Uid=bob;Pwd={}", _PASSWORD, "connection-string", "password"),
        ('"host=db dbname=x user=bob password={}"', _PASSWORD, "connection-string", "password"),
        ("jdbc:postgresql://db/x?user=bob&password={}&ssl=true", _PASSWORD, "connection-string", "password"),
        ("curl -u bob:{} https://x.de", _PASSWORD, "command-password", "password"),
        ("curl --user 'bob:{}' https://x.de", _PASSWORD, "command-password", "password"),
        ("machine x.de login bob password {}\n", _PASSWORD, "netrc", "password"),
        ("machine x.de\n  login bob\n  password {}\n", _PASSWORD, "netrc", "password"),
        ("//registry.firm.de/:_authToken={}\n", "3f2b8c1e-9d4a-4e6f-8b7c-2a1d0e9f8c7b", "npmrc", "key"),
        (
            "//registry.firm.de/:_password={}\n",
            base64.b64encode(_PASSWORD.encode()).decode(),
            "npmrc-password",
            "password",
        ),
        ("db.firm.de:5432:shop:bob:{}\n", _PASSWORD, "pgpass", "password"),
        ('{{"auths": {{"r.de": {{"auth": "{}"}}}}}}', basic(), "docker-login", "password"),
        ("bob:{}\n", "$ap" + "r1$" + some(_HASH, 8) + "$" + some(_HASH, 22), "password-hash", "password"),
        ("bob:{}\n", "$2" + "y$10$" + some(_HASH, 53), "password-hash", "password"),
        (
            "bob:{}:19000:0:\n",
            "$6" + "$" + some(_HASH, 16) + "$" + some(_HASH, 86),
            "password-hash",
            "password",
        ),
        (
            "bob:{}:19000:0:\n",
            "$y" + "$j9T$" + some(_HASH, 22) + "$" + some(_HASH, 43),
            "password-hash",
            "password",
        ),
        (
            "{}",
            "$argon2" + "id$v=19$m=65536,t=3,p=4$" + some(_ALNUM, 22) + "$" + some(_ALNUM, 43),
            "password-hash",
            "password",
        ),
        ("Authorization: Token {}", some("0123456789abcdef", 40), "authorization-header", "key"),
        ("headers = {{'Authorization': 'ApiKey {}'}}", some(_ALNUM, 40), "authorization-header", "key"),
        ('curl -H "X-Api-Key: {}" https://x.de', some(_ALNUM, 32), "key-header", "key"),
        ('curl -H "PRIVATE-TOKEN: {}" https://x.de', some(_ALNUM, 20), "key-header", "key"),
    ],
)
def test_credentials_in_their_context(frame: str, value: str, rule: str, type: str) -> None:  # noqa: A002
    assert found(frame.format(value)) == [(rule, type, value)]


@pytest.mark.parametrize(
    "text",
    [
        "Server=db;Database=x;User Id=bob;Password=<password>;",
        "Server=db;Database=x;User Id=bob;Password=${DB_PASSWORD};",
        "Server=db;User Id=sa;Password=Password1;",
        "connect(host=host, user=user, password=password)",
        "connect(host=host, user=user, password=chosen)",
        "host= user= password= scmVersion2 ",
        "connect(host=host, user=user, password=self.settings2['x'])",
        "connect(host=host,\n user=user,\n password=request.POST1\n)",
        "host=db user=bob password=chosen ",
        "curl -u bob:password https://x.de",
        "curl -u $USER:$PASSWORD https://x.de",
        "sort -u file:" + _PASSWORD,
        "machine x.de login bob password yourpassword",
        "//registry.npmjs.org/:_authToken=${NPM_TOKEN}",
        "localhost:5432:shop:postgres:postgres\n",
        "host:5432:1:2:3",
        "$2" + "y$10$" + "a" * 53,
        "$2" + "y$10$" + some(_HASH, 52),
        "$6" + "$salt$" + some(_HASH, 85),
        "Authorization: Token your-token-goes-here",
        "headers['Authorization'] = self.authorization_header",
        "X-Api-Key: <key>",
        "x-amz-security-token",
        "x-auth-token: $token",
    ],
)
def test_what_is_no_password(text: str) -> None:
    assert found(text) == []
