"""The detector as a whole: batches, echoes, any bytes, and work in proportion to the length of the text."""

from __future__ import annotations

import cProfile
import pstats

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.findings import patterns
from gristmill.annotate.findings.rule import TYPES

SNIPPETS = [
    b"ann@web.de",
    b"81.92.103.114",
    b"2a02:8071:b5c::a1",
    b"password = 'vK9#" + b"mQ2xL'",
    b"api_key=",
    b"q7Zk2Lw9XvB4" + b"mN8tRy6Hc3",
    b"://bob:hG7k" + b"Lq2z9@db",
    b"sk-",
    b"eyJ",
    b"-----BEGIN PRIVATE KEY-----",
    b"token",
    b"card 4539" + b"1873402" + b"58695",
    b"DE61 3704 0048 1726 3549 08",
    b"DE61",
    b"+49 228 736" + b"1902",
    b"tel: ",
    b"@author Ada Lindqvist",
    b"Copyright 2020 ",
    b"Ada Lindqvist <ann@web.de>",
    b"/home/ada/x",
    b"C:\\Users\\ada\\",
    b"TODO(ada)",
    b" at ",
    b" dot ",
    b"&#64;",
    b"[at]",
    b"\n",
    b" ",
    b'"',
    b".",
    b"1",
    b":",
    b"@",
    b"\xc3\xa9",
    b"\xff",
]
_texts = st.lists(st.sampled_from(SNIPPETS) | st.binary(max_size=6), max_size=12).map(b"".join)


@given(st.lists(st.none() | _texts, max_size=6))
@settings(max_examples=150, deadline=None)
def test_a_batch_finds_what_its_texts_hold_alone(rows: list[bytes | None]) -> None:
    alone = [
        (row, hit) for row, text in enumerate(rows) for _, hit in patterns.find(pa.array([text], pa.binary()))
    ]
    assert patterns.find(pa.array(rows, pa.binary())) == alone
    assert alone == sorted(alone)
    for row, hit in alone:
        assert 0 <= hit.start < hit.end <= len(rows[row] or b"")
        assert 0 < hit.score <= 1


def test_a_generic_finding_yields_to_a_specific_one() -> None:
    token = "gl" + "pat-" + "q7Zk2Lw9XvB4mN8tRy6H"
    hits = patterns.find(pa.array([f'auth_token = "{token}"; api_key = "{token[6:]}"'.encode()], pa.binary()))
    assert [hit.rule for _, hit in hits] == ["gitlab-token", "assignment"]


def test_what_redaction_leaves_is_no_finding() -> None:
    tags = " ".join(f"<{kind.upper()}>" for kind in TYPES)
    text = (
        f'{tags}\n@author <NAME> <<EMAIL>>\nauthor = "<NAME>"\nCopyright 2020 <NAME>\nSigned-off-by: <NAME> <<EMAIL>>\n'
        "/home/<USERNAME>/x C:\\Users\\<USERNAME>\\x TODO(<USERNAME>)\ntel: <PHONE> +<PHONE> card <CARD> <IBAN>\n"
        "host 192.0.2.7 198.51.100.9 203.0.113.20 [2001:db8::7f] x@example.org ssh-rsa AAAA <USERNAME>\n"
        'password = "<PASSWORD>" api_key: <KEY>\n'
    )
    assert patterns.find(pa.array([text.encode()], pa.binary())) == []


HOSTILE = {
    "keyword": b"tok",
    "key": b"key=",
    "quote": b'key="',
    "value": b'token="' + b"a1B2" * 30 + b" ",
    "scheme": b"://a:bbbb",
    "at": b"a@a",
    "domain": b"a@a.a.a.a.a.a.a.a.a.",
    "local": b"a." * 500 + b"@x.de ",
    "jwt": b"eyJ",
    "jwt-parts": b".eyJ" + b"a" * 500,
    "pem": b"-----BEGIN PRIVATE KEY-----",
    "dotted": b"91.92.93.94.",
    "groups": b"2222:",
    "bearer": b"bearer ",
    "openai": b"sk-proj-aaaa",
    "element": b"token>aaaaaaaaaaa",
    "machine": b"machine a login b ",
    "signature": b"sv=2020-01-01&",
    "header": b"authorization: token ",
    "custom": b"x-api-key: aaaa",
    "setting": b"host=a password=bbbb ",
    "user": b"curl -u a:bbbb ",
    "putty": b"Private-Lines: 9\naaaaaaaaaaaaaaaaaaaaaaaa\n",
    "jwk": b'"kty":"RSA","d":"q7Zk2Lw9XvB4mN8tRy6Hc3"',
    "encoded": b"LS0tLS1CRUdJTi",
    "hash": b"$6$aaaa$",
    "id": b"AKIA" + b"Q7ZK2LW5XVB4MN3T ",
    "named": b"datadog_key",
    "one": b"x",
    "digits": b"4",
    "cards": b"4539 1873 4025 8695 ",
    "accounts": b"DE61 3704 ",
    "plus": b"+4",
    "phones": b"+49 228 73619 ",
    "telephone": b"tel:0228/",
    "authors": b"author: A",
    "names": b"author: " + b"Ada Lindqvist, " * 8,
    "initials": b"@author " + b"A. " * 80,
    "mails": b"Ada Lind <a@web.de> ",
    "words": b"van " * 15 + b"<a@web.de>",
    "trailers": b"x-by: ",
    "copyright": b"copyright 2019, ",
    "home": b"/home/a",
    "users": b"C:\\Users\\",
    "backslashes": b"\\\\us",
    "tilde": b" ~a",
    "public-key": b"ssh-rsa AAAA" + b"a" * 400,
    "public-keys": b"ssh-rsa ",
    "todo": b"todo(",
    "spelled": b"a at b dot ",
    "brackets": b"a[at]",
    "escaped": b"a&#64;",
    "percent": b"a%40",
}


def _calls(text: bytes) -> int:
    """Function calls that a scan makes: a measure of work that does not depend on the machine."""
    profile = cProfile.Profile()
    profile.runcall(patterns.find, pa.array([text], pa.binary()))
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.timeout(20)
def test_a_hostile_line_costs_in_proportion_to_its_length(name: str) -> None:
    unit = HOSTILE[name]
    text = unit * (200_000 // len(unit))
    half, whole = _calls(text[: len(text) // 2]), _calls(text)
    assert whole < 2.5 * half + 1000
    assert whole < 20 * len(text)
    # Time inside one expression is not counted by calls; the limit of the test runner catches it.
    hits = patterns.find(pa.array([text * 5], pa.binary()))
    assert len(hits) < len(text)
