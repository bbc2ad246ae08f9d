"""Rules for telephone numbers: the international form (ITU-T E.123, E.164), and others beside a word.

Digits are common in code, so a number counts only with a plus sign, a calling code that is assigned and a
plausible length, or where a word before it says that it is one. Numbers that are reserved for drama (555 in
North America, ranges of Ofcom in Britain) or count up are nobody's.
"""

from __future__ import annotations

import re

import numpy as np

from gristmill.annotate.findings.rule import PHONE, Bytes, Hit, Mask, Positions, Rule, literal
from gristmill.annotate.findings.thinning import byte_at, is_digit, is_first, is_word, spelled

# Calling codes with the least and greatest number of digits behind them; codes of one or two digits.
_LENGTHS: dict[bytes, tuple[int, int]] = {
    entry.split(b":")[0]: (int(entry.split(b":")[1]), int(entry.split(b":")[2]))
    for entry in b"""1:10:10 7:10:10 20:8:10 27:9:9 30:10:10 31:9:9 32:8:9 33:9:9 34:9:9 36:8:9 39:8:11 40:9:9
    41:9:9 43:8:13 44:9:10 45:8:8 46:7:9 47:8:8 48:9:9 49:8:12 51:8:9 52:10:10 53:8:8 54:10:11 55:10:11 56:9:9
    57:8:10 58:10:10 60:8:10 61:9:9 62:8:12 63:8:10 64:8:10 65:8:8 66:8:9 81:9:10 82:8:10 84:9:10 86:10:11
    90:10:10 91:10:10 92:9:10 93:9:9 94:9:9 95:8:10 98:10:10""".split()
}
# Those of three digits, by their first two.
_THREE = frozenset(b"21 22 23 24 25 26 29 35 37 38 42 50 59 67 68 69 80 85 87 88 96 97 99".split())
_THREE_LENGTH = (7, 11)

_GROUPS = rb"(?:[ .-]|\xc2\xa0|\xe2\x80\x91)"
_INTERNATIONAL = re.compile(
    # Neither the plus of a sum, a version, a zone of time or a path ...
    rb"(?<![0-9A-Za-z_)\]}+*/=.$%-])(?<![0-9)\]}] )(?<!\W[A-Za-z_] )\+"
    rb"(?!\d{4,6}[-+]\d{5,7}\b)(?P<number>[1-9]\d{0,3}+(?:(?:"
    + _GROUPS
    + rb"?(?:\(0?\d{1,5}\)|/)"
    + _GROUPS
    + rb"?|"
    + _GROUPS
    + rb")"
    rb"\d{1,8}+){1,6}+|[1-9]\d{7,14}+)"
    # ... nor a term of one, nor a place on earth (ISO 6709).
    rb"(?![0-9A-Za-z_%*^]|[.:,/+-]\d| ?[*/=<>^] ?[0-9a-z])"
)
_WORD = re.compile(
    rb"(?i:tel|phone|fax|mobile|mobil|whatsapp)(?:e?fon|ephone|efax|phone|[-_ ]?(?:number|numero|nr|no))?+"
    rb"(?![a-z])[^\w\n+(]{0,8}+(?:[A-Za-z]{1,8}[^\w\n+(]{1,6})?"
    rb"(?P<number>(?:\+|\()?\d[\d ./()\-]{5,22}\d)(?![0-9A-Za-z_%]|[.:/-]\d)",
    re.IGNORECASE,
)
_PHONE_WORD = re.compile(rb"(?:(?<![a-z])(?:tel|fax|mob|call|cell)|phone|mobile|whatsapp)", re.IGNORECASE)
_REACH = 40
_NATIONAL = re.compile(
    rb"(?:1[ .-])?\(?[2-9]\d\d(?:\) ?|[ .-])[2-9]\d\d[ .-]\d{4}"  # North America
    rb"|\(?0\d{1,5}\)?(?:[ /.-]{1,3}\d{2,8}){1,5}"  # with the trunk prefix of most other countries
    rb"|0\d{9,10}"
)
_MADE_UP = re.compile(
    rb"(\d)\1{4}|01234|12345|23456|34567|45678|56789|98765|87654|76543|65432|54321|(\d\d\d)\2\2"
)
_DRAMA = re.compile(rb"(?:440?|0)(?:2079460|7700900|1632960|1\d\d49[68]0)")


def _is_assigned(digits: bytes) -> bool:
    """Whether the digits behind a plus sign start with a calling code and have a length that goes with it."""
    for size in (1, 2):
        bounds = _LENGTHS.get(digits[:size])
        if bounds is not None:
            return bounds[0] <= len(digits) - size <= bounds[1]
    return (
        digits[:2] in _THREE
        and digits[:3] != b"999"
        and _THREE_LENGTH[0] <= len(digits) - 3 <= _THREE_LENGTH[1]
    )


def _is_nobodys(digits: bytes) -> bool:
    """Whether a number is made up, by its look, or reserved for works of fiction."""
    american = digits[1:] if len(digits) == 11 and digits.startswith(b"1") else digits
    if len(american) == 10 and (american[3:6] == b"555" or american[:3] == b"555"):
        return True
    return bool(_MADE_UP.search(digits) or _DRAMA.match(digits)) or len(set(digits)) < 4


def _is_american(digits: bytes) -> bool:
    """Whether ten digits are a number of the North American plan: area and exchange start with 2 to 9."""
    return digits[0] > 49 and digits[3] > 49 and digits[1:3] != b"11" and digits[4:6] != b"11"


def _thin_plus(data: Bytes, positions: Positions, rows: Positions) -> Mask:
    """Keeps plus signs that add nothing to a word and have at least six digits among the next sixteen bytes."""
    keep = ~is_word(byte_at(data, positions, -1)) | is_first(rows)
    left = np.flatnonzero(keep)
    place = positions[left]
    count = np.zeros(len(place), dtype=np.int64)
    for offset in range(1, 17):
        count += is_digit(byte_at(data, place, offset))
    keep[left] = count >= 6
    return keep


def _digits(number: bytes) -> bytes:
    """The digits of a number; a zero in brackets is dialled only at home."""
    return re.sub(rb"\D", b"", number.replace(b"(0)", b""))


def _find_international(text: bytes, at: int) -> Hit | None:
    match = _INTERNATIONAL.match(text, at)
    if match is None:
        return None
    number = match["number"]
    digits = _digits(number)
    if not _is_assigned(digits) or _is_nobodys(digits):
        return None
    if digits[:1] == b"1" and not _is_american(digits[1:]):
        return None
    named = _PHONE_WORD.search(text, max(0, at - _REACH), at) is not None
    grouped = len(number) > len(digits)
    score = (0.95 if named else 0.75) if grouped else (0.9 if named else 0.45)
    return Hit(at, match.end(), PHONE, score, "phone")


def _find_named(text: bytes, at: int) -> Hit | None:
    """The number behind a word for a telephone, in the national form."""
    if text[at - 1 : at].isalpha() and not (text[at : at + 1].isupper() and text[at - 1 : at].islower()):
        return None
    match = _WORD.match(text, at)
    if match is None:
        return None
    number = match["number"]
    if number.startswith(b"+") or _NATIONAL.fullmatch(number) is None:
        return None
    digits = _digits(number)
    if not 7 <= len(digits) <= 13 or _is_nobodys(digits):
        return None
    return Hit(match.start("number"), match.end("number"), PHONE, 0.8, "phone-named")


RULES = (
    Rule(((b"+", b"123456789", b"0123456789 -.("),), _find_international, _thin_plus),
    Rule(
        tuple(literal(three) for three in (b"tel", b"pho", b"fax", b"mob", b"wha")),
        _find_named,
        spelled([(0, w) for w in (b"tel", b"phone", b"fax", b"mobil", b"whatsapp")]),
    ),
)
