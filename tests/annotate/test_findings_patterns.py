"""The detector as a whole: batches, echoes, any bytes, and work in proportion to the length of the text."""

from __future__ import annotations

import cProfile
import pstats

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate.findings import patterns

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
