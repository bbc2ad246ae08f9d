"""The checksums against published values: check values of CRC-32, test vectors of BIP 173, the docs of Grafana."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.annotate.findings import checksums


def test_crc32_is_the_one_of_github_tokens() -> None:
    # CRC-32 of the empty text is 0; of "123456789" it is the check value 0xCBF43926 of the catalogue of CRCs.
    assert checksums.has_crc32(b"000000")
    digits, number = "", 0xCBF43926
    alphabet = "0123456789" + string.ascii_uppercase + string.ascii_lowercase
    while number:
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    assert checksums.has_crc32(b"123456789" + digits.rjust(6, "0").encode())
    assert not checksums.has_crc32(b"123456780" + digits.rjust(6, "0").encode())


def test_crc32_in_hexadecimal_has_its_lowest_byte_first() -> None:
    assert checksums.has_crc32_hex(b"123456789" + b"_" + b"2639f4cb")
    assert not checksums.has_crc32_hex(b"123456789" + b"_" + b"cbf43926")
    assert not checksums.has_crc32_hex(b"123456789")


# The test vectors of BIP 173.
@pytest.mark.parametrize(
    "value",
    [
        b"A12UEL5L",
        b"a12uel5l",
        b"an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio1tt5tgs",
        b"abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw",
        b"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w",
        b"?1ezyfcl",
    ],
)
def test_bech32(value: bytes) -> None:
    assert checksums.has_bech32(value)


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"1",
        b"pzry9x0s0muk",
        b"1pzry9x0s0muk",
        b"x1b4n0q5v",
        b"li1dgmt3",
        b"A1G7SGD8",
        b"10a06t8",
        b"a12UEL5L",
    ],
)
def test_what_is_no_bech32(value: bytes) -> None:
    assert not checksums.has_bech32(value)


@given(st.integers(7, 59), st.sampled_from(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"))
def test_bech32_finds_any_one_wrong_letter(at: int, letter: int) -> None:
    value = b"split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w"
    changed = value[:at] + bytes([letter]) + value[at + 1 :]
    assert checksums.has_bech32(changed) == (changed == value)


@given(st.binary(max_size=300))
def test_any_bytes_are_answered(value: bytes) -> None:
    assert checksums.has_bech32(value) in (True, False)
    assert checksums.has_crc32(value) in (True, False)
    assert checksums.has_crc32_hex(value) in (True, False)
