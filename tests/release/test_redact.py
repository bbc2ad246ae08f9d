from __future__ import annotations

import ipaddress

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.annotate import findings
from gristmill.errors import ReleaseError
from gristmill.release.redact import Span, redact_content

_TYPES = ("email", "ip_address", "key", "password")
_HASHES = st.text("0123456789abcdef", min_size=32, max_size=32)


def spans_of(text: bytes) -> list[Span]:
    batch = pa.record_batch({"content_id": ["c"], "text": pa.array([text], pa.binary())})
    rows = findings.annotate(batch, key=b"k").to_pylist()
    return [Span(r["start"], r["end"], r["type"], r["value_hash"]) for r in rows]


def test_each_type() -> None:
    text = b"aa bb cc 8.1.2.3 2a00::1 dd"
    spans = [
        Span(6, 8, "password", "0" * 32),
        Span(0, 2, "email", "0" * 32),
        Span(3, 5, "key", "0" * 32),
        Span(9, 16, "ip_address", "0" * 32),
        Span(17, 24, "ip_address", f"{0x1234_5678_9ABC:016x}" + "0" * 16),
    ]
    assert redact_content(text, spans) == b"<EMAIL> <KEY> <PASSWORD> 192.0.2.1 2001:db8::36a dd"


def test_the_documentation_ranges_are_used_whole() -> None:
    made = {redact_content(b"9.9.9.9", [Span(0, 7, "ip_address", f"{n:016x}")]).decode() for n in range(762)}
    assert len(made) == 762
    blocks = [ipaddress.ip_network(b) for b in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]
    assert all(any(ipaddress.ip_address(address) in block for block in blocks) for address in made)


@given(_HASHES)
def test_ipv6_stays_an_address_of_the_documentation_range(value_hash: str) -> None:
    made = redact_content(b"2a00::1", [Span(0, 7, "ip_address", value_hash)]).decode()
    assert ipaddress.ip_address(made) in ipaddress.ip_network("2001:db8::/32")


def test_overlaps_are_replaced_once_by_the_leading_type() -> None:
    h = "0" * 32
    assert (
        redact_content(b"0123456789", [Span(2, 5, "email", h), Span(4, 8, "password", h)])
        == b"01<PASSWORD>89"
    )
    assert redact_content(b"0123456789", [Span(2, 8, "key", h), Span(3, 4, "ip_address", h)]) == b"01<KEY>89"
    assert (
        redact_content(b"0123456789", [Span(2, 4, "key", h), Span(4, 6, "email", h)]) == b"01<KEY><EMAIL>6789"
    )
    assert (
        redact_content(b"0123456789", [Span(0, 9, "email", h), Span(1, 2, "key", h), Span(8, 10, "email", h)])
        == b"<KEY>"
    )


@given(st.text("aé€😀 ", max_size=20), st.data())
def test_any_span_leaves_valid_utf8_and_the_rest_of_the_text(text: str, data: st.DataObject) -> None:
    raw = text.encode()
    bound = st.integers(0, max(len(raw) - 1, 0))
    pairs = data.draw(st.lists(st.tuples(bound, bound), max_size=4)) if raw else []
    spans = [Span(min(a, b), max(a, b) + 1, _TYPES[(a + b) % 4], "0" * 32) for a, b in pairs]
    done = redact_content(raw, spans)
    done.decode()
    assert redact_content(raw, spans[::-1]) == done
    kept = bytes(raw[i] for i in range(len(raw)) if not any(s.start <= i < s.end for s in spans)).decode(
        errors="ignore"
    )
    rest = done
    for made in (b"<KEY>", b"<PASSWORD>", b"<EMAIL>", b"192.0.2.1"):
        rest = rest.replace(made, b"")
    assert set(rest.decode()) <= set(text)
    assert len(rest.decode()) <= len(kept)


_SNIPPETS = st.sampled_from(
    [
        "ann" + "@web.de",
        "bob.x@uni-bonn.de",
        "81.92.103.114",
        "server 12.1.2.3",
        "2a02:8071:b5c::a1",
        "password = 'vK9#" + "mQ2xL'",
        "DB_PASSWORD=vK9#" + "mQ2xLw4\n",
        "<password>vK9#" + "mQ2xLw4</password>",
        'api_key: "q7Zk2Lw9XvB4' + 'mN8tRy6Hc3"',
        "postgres://bob:hG7k" + "Lq2z9@db.firm.de/x",
        "?token=q7Zk2Lw9XvB4" + "mN8tRy6Hc3&",
        "gl" + "pat-q7Zk2Lw9XvB4mN8tRy6H",
        "é",
        "\n",
        " ",
        ":",
        ".",
        "version ",
        "token=",
        '"',
    ]
)


@given(st.lists(_SNIPPETS, max_size=12).map("\n".join))
@settings(max_examples=200, deadline=None)
def test_redaction_is_idempotent(text: str) -> None:
    once = redact_content(text.encode(), spans_of(text.encode()))
    assert redact_content(once, spans_of(once)) == once


@given(st.lists(_SNIPPETS, max_size=12).map("".join))
@settings(max_examples=200, deadline=None)
def test_no_replacement_is_a_finding(text: str) -> None:
    # What stood beside a finding may read differently without it; what was put in its place never does.
    raw = text.encode()
    once, before = raw, spans_of(raw)
    while before:
        twice = redact_content(once, before)
        for tag in (b"<KEY>", b"<PASSWORD>", b"<EMAIL>"):
            at = twice.find(tag)
            while at >= 0:
                assert all(s.end <= at or s.start >= at + len(tag) for s in spans_of(twice))
                at = twice.find(tag, at + 1)
        assert twice != once
        once, before = twice, spans_of(twice)


def test_equal_values_stay_equal() -> None:
    text = b"from 81.92.103.114 to 81.92.103.115 and 81.92.103.114\n"
    first, second, third = (redact_content(text, spans_of(text)).decode().split()[i] for i in (1, 3, 5))
    assert first == third != second


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (2, 2), (3, 2), (2, 8)])
def test_spans_outside_the_text_are_refused(start: int, end: int) -> None:
    with pytest.raises(ReleaseError, match=f"bytes {start} to {end}"):
        redact_content(b"1234567", [Span(start, end, "key", "0" * 32)])


def test_unknown_types_are_refused() -> None:
    with pytest.raises(ReleaseError, match="'shoe_size'"):
        redact_content(b"1234567", [Span(0, 1, "shoe_size", "0" * 32)])
