"""Checksums that providers put into their tokens: a value that carries a right one was issued, not made up."""

from __future__ import annotations

import zlib

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BECH32 = {byte: number for number, byte in enumerate(b"qpzry9x8gf2tvdw0s3jn54khce6mua7l")}
_BECH32_TERMS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_MAX_BECH32 = 256


def has_crc32(body: bytes) -> bool:
    """Whether the last 6 bytes are the CRC-32 of the ones before, in base 62 (the checksum of GitHub tokens)."""
    check, digits = zlib.crc32(body[:-6]), bytearray()
    for _ in range(6):
        check, digit = divmod(check, 62)
        digits.append(_BASE62[digit])
    return bytes(reversed(digits)) == body[-6:]


def has_crc32_hex(token: bytes) -> bool:
    """Whether the 8 hexadecimal digits behind the last ``_`` are the CRC-32 of all before it.

    The bytes of the sum stand in ascending order of weight, as in Grafana's service account tokens.
    """
    head, _, digits = token.rpartition(b"_")
    return zlib.crc32(head).to_bytes(4, "little").hex().encode() == digits


def has_bech32(value: bytes) -> bool:
    """Whether a value of one case ends in the checksum of Bech32 (BIP 173), as age's secret keys do."""
    folded = value.lower()
    if value not in (folded, value.upper()) or len(value) > _MAX_BECH32:
        return False
    prefix, one, data = folded.rpartition(b"1")
    if not prefix or not one or len(data) < 6 or any(byte not in _BECH32 for byte in data):
        return False
    rest = 1
    for five in (*(b >> 5 for b in prefix), 0, *(b & 31 for b in prefix), *(_BECH32[b] for b in data)):
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ five
        for bit, term in enumerate(_BECH32_TERMS):
            rest ^= term if top >> bit & 1 else 0
    return rest == 1
