"""Tests of gristmill.collect.people."""

from __future__ import annotations

import hashlib
import hmac
import re

from hypothesis import given
from hypothesis import strategies as st

from gristmill.collect.people import Pseudonymiser

KEYED = Pseudonymiser(b"secret")
PLAIN = Pseudonymiser(None)


def test_pseudonym_is_the_keyed_hash_of_the_address() -> None:
    expected = "p-" + hmac.new(b"secret", b"ann@example.org", hashlib.sha256).hexdigest()[:20]
    assert KEYED.pseudonym(b"Ann Author <ann@example.org>") == expected
    assert KEYED.pseudonym(b"A. Author < Ann@Example.ORG >") == expected
    assert KEYED.pseudonym(b"ann@example.org") == expected
    assert Pseudonymiser(b"other").pseudonym(b"ann@example.org") != expected
    assert "secret" not in repr(KEYED)


def test_without_an_address_the_name_counts() -> None:
    assert KEYED.pseudonym(b"Ann  Author <>") == KEYED.pseudonym(b"ann author")
    assert KEYED.pseudonym("J\u00fcrgen <>".encode()) == KEYED.pseudonym("Ju\u0308rgen".encode())
    assert KEYED.pseudonym(b"J\xfcrgen <>") != KEYED.pseudonym(b"J\xfdrgen <>")


def test_without_a_key_people_stay() -> None:
    assert PLAIN.pseudonym(b"J\xfcrgen <j@example.org>") == "J\ufffdrgen <j@example.org>"
    assert PLAIN.scrub_message(b"Signed-off-by: A <a@b.example>\n") == b"Signed-off-by: A <a@b.example>\n"


def test_trailers_and_bare_addresses() -> None:
    message = (
        b"Fix parse<T> for a@b; see Ann\n\nMail bob@example.org. Or <bob@example.org>!\n"
        b"uses package@1.2.3\n\n"
        b"Signed-off-by: Doe, John <john@localhost>\r\n"
        b"co-authored-by: Bob <BOB@example.org> (helper)\n"
        b"Cc: A <a@x.example>, B <b@x.example>, stable@x.example # v5\n"
    )
    bob, john = KEYED.pseudonym(b"bob@example.org"), KEYED.pseudonym(b"john@localhost")
    a, b, stable = (KEYED.pseudonym(x + b"@x.example") for x in (b"a", b"b", b"stable"))
    assert KEYED.scrub_message(message).decode() == (
        f"Fix parse<T> for a@b; see Ann\n\nMail {bob}. Or <{bob}>!\n"
        "uses package@1.2.3\n\n"
        f"Signed-off-by: {john}\r\n"
        f"co-authored-by: {bob} (helper)\n"
        f"Cc: {a}, {b}, {stable} # v5\n"
    )


def test_scan_is_linear() -> None:
    # Quadratic scans of these would take hours; the answer itself is what is checked.
    for hostile in (
        b"a" * 2_000_000,
        b"a@" * 500_000,
        b"a@b" + b".c" * 500_000 + b".",
        b"X-by: " + b"<" * 500_000,
    ):
        assert isinstance(KEYED.scrub_message(hostile + b"@"), bytes)


@given(
    st.binary(max_size=200), st.from_regex(r"[a-z]{1,8}\.?[a-z]{1,8}@[a-z]{1,8}\.[a-z]{2,5}", fullmatch=True)
)
def test_no_address_survives(around: bytes, address: str) -> None:
    scrubbed = KEYED.scrub_message(around + b" " + address.encode() + b" " + around)
    assert address.encode() not in scrubbed
    assert re.search(rb"p-[0-9a-f]{20}", scrubbed)


@given(st.binary(max_size=100))
def test_scrubbing_twice_changes_nothing(message: bytes) -> None:
    once = KEYED.scrub_message(message)
    assert KEYED.scrub_message(once) == once


def test_a_name_before_an_address_goes_with_it() -> None:
    """A pseudonym beside the name that it stands for would tell who everybody is."""
    message = b"reported by Ada Author <ada@mill.example>, thanks\n"
    ada = KEYED.pseudonym(b"ada@mill.example")
    assert KEYED.scrub_message(message) == f"reported by {ada}, thanks\n".encode()
