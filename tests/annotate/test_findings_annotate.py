"""The annotator: the table it makes, its keyed hashes, and that no value leaves it."""

from __future__ import annotations

import hashlib
import hmac

import pyarrow as pa
import pytest

from gristmill import tables
from gristmill.annotate import findings

MAIL = "ann" + "@web.de"
PASSWORD = "hG7k" + "Lq2z9Wx"
URI = "postgres://bob:" + PASSWORD + "@db.firm.de/x"


def batch(*texts: str | None) -> pa.RecordBatch:
    data = [None if t is None else t.encode() for t in texts]
    return pa.record_batch(
        {
            "content_id": [f"{len(data) - i:040x}" for i in range(len(data))],
            "length": [len(d or b"") for d in data],
            "data": pa.array(data, pa.binary()),
            "text": pa.array(data, pa.binary()),
        }
    )


def test_rows() -> None:
    text = f"é {MAIL} {URI} {MAIL}"
    found = findings.annotate(batch(None, text, "nothing", MAIL), key=b"k")
    assert found.schema == tables.FINDINGS.schema
    rows = found.to_pylist()
    assert [(r["content_id"][-1], r["type"], r["rule"]) for r in rows] == [
        ("1", "email", "patterns/email"),
        ("3", "email", "patterns/email"),
        ("3", "password", "patterns/uri-password"),
        ("3", "email", "patterns/email"),
    ]
    data = text.encode()
    values = [data[r["start"] : r["end"]].decode() for r in rows[1:]]
    assert values == [MAIL, PASSWORD, MAIL]
    expected = [hmac.new(b"k", v.encode(), hashlib.sha256).hexdigest()[:32] for v in values]
    assert [r["value_hash"] for r in rows[1:]] == expected
    assert rows[0]["value_hash"] == expected[0]
    other = findings.annotate(batch(text), key=b"other").column("value_hash").to_pylist()
    assert not set(other) & set(expected)


def test_no_value_in_the_table_or_in_a_repr() -> None:
    found = findings.annotate(batch(f"{MAIL} {URI}"), key=b"k")
    assert found.num_rows == 2
    hits = findings.DETECTORS["patterns"](batch(f"{MAIL} {URI}").column("text"))
    for shown in (str(found.to_pylist()), repr(found), repr(hits)):
        assert MAIL not in shown
        assert PASSWORD not in shown


def test_no_rows() -> None:
    for empty in (batch(), batch(None), batch("x = 1")):
        found = findings.annotate(empty, key=b"k")
        assert found.num_rows == 0
        assert found.schema == tables.FINDINGS.schema


def test_detectors_add_up() -> None:
    pytest.importorskip("kingfisher_sdk")
    both = findings.annotate(batch(URI), detectors=("kingfisher", "patterns"), key=b"k").to_pylist()
    assert [r["rule"] for r in both] == [
        "kingfisher/betterleaks.generic-credential-uri",
        "patterns/uri-password",
    ]
    assert len({(r["start"], r["end"], r["value_hash"]) for r in both}) == 1
    assert findings.annotate(batch(URI), detectors=(), key=b"k").num_rows == 0


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"'trufflehog'.*patterns, kingfisher"):
        findings.annotate(batch("x"), detectors=("trufflehog",), key=b"k")
    with pytest.raises(ValueError, match="key is empty"):
        findings.annotate(batch("x"), key=b"")
