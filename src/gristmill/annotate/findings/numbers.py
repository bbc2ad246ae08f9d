"""Rules for numbers of payment: cards (ISO/IEC 7812-1) and bank accounts (IBAN, ISO 13616-1).

Both carry check digits. A card also needs the prefix and length of an issuer; as one in ten numbers of that
form passes by chance, digits without grouping count for little unless a word near names a card. Numbers that
manuals and payment services publish for tests are nobody's.
"""

from __future__ import annotations

import re

import numpy as np

from gristmill.annotate.findings.rule import CARD, IBAN, Bytes, Hit, Mask, Positions, Rule
from gristmill.annotate.findings.thinning import byte_at, is_digit, is_first, is_word

_DIGITS = b"0123456789"

# --------------------------------------------------------------------------------------------- cards

_CARD = re.compile(
    rb"(?<![0-9A-Za-z_.\-/%+~^])(?<!\d )"
    rb"(?:\d{13,19}+|\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{6}\1\d{4,5}))"
    rb"(?![0-9A-Za-z_%^/]|[.-][0-9A-Za-z]| \d(?!\d?/\d))"
)
_ISSUERS = re.compile(
    rb"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    rb"|(?:5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    rb"|3[47]\d{13}"  # American Express
    rb"|(?:30[0-5]|36\d|38\d|39\d)\d{11}"  # Diners Club
    rb"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    rb"|(?:6011|64[4-9]\d|65\d\d)\d{12,15}"  # Discover
    rb"|62\d{14,17}"  # UnionPay
    rb"|(?:50(?:18|20|38)|5893|6304|6759|676[1-3])\d{9,15}"  # Maestro
)
_MADE_UP = re.compile(
    rb"(\d)\1{5}|(\d{4})\2{2}|012345|123456|234567|345678|456789|567890|987654|876543|765432"
)
_TEST_CARDS = frozenset(
    b"""5200828282828210 2223000048400011 378282246310005 371449635398431 378734493671000 6011000990139424
    30569309025904 38520000023237 36227206271667 3566002020360505 4032039317984658 4012000033330026
    3569990010095841 4000002500003155 4000002760003184""".split()
)
_CARD_WORD = re.compile(
    rb"(?:(?<![a-z])(?i:cards?|cc|pan|ccn|credit|debit|visa|master|amex|american|maestro|jcb|diners|discover|unionpay"
    rb"|payments?)|(?<=[a-z])(?:Card|Pan|Credit|Debit|Visa|Payment))"
    rb"(?![a-z])"
)
_CARD_REACH = 64


def has_luhn(digits: bytes) -> bool:
    """Whether the last digit is the check digit of ISO/IEC 7812-1 (Luhn's formula) of the ones before."""
    odd, even = digits[-1::-2], digits[-2::-2]
    total = sum(d - 48 for d in odd) + sum((2 * (d - 48)) % 9 if d != 57 else 9 for d in even)
    return total % 10 == 0


def _thin_card(data: Bytes, positions: Positions, rows: Positions) -> Mask:
    """Keeps the start of a run of digits that is 13 or more long, or 4 long with a group behind it."""
    keep = ~is_digit(byte_at(data, positions, -1)) | is_first(rows)
    keep &= is_digit(byte_at(data, positions, 3))
    left = np.flatnonzero(keep)
    place = positions[left]
    fifth = byte_at(data, place, 4)
    grouped = ((fifth == ord(" ")) | (fifth == ord("-"))) & is_digit(byte_at(data, place, 8))
    bare = is_digit(fifth) & is_digit(byte_at(data, place, 8)) & is_digit(byte_at(data, place, 12))
    keep[left] = grouped | bare
    return keep


def _find_card(text: bytes, at: int) -> Hit | None:
    match = _CARD.match(text, at)
    if match is None:
        return None
    digits = match[0].replace(b" ", b"").replace(b"-", b"")
    if not _ISSUERS.fullmatch(digits) or not has_luhn(digits):
        return None
    if digits in _TEST_CARDS or _MADE_UP.search(digits) or len(set(digits)) < 5:
        return None
    named = _CARD_WORD.search(text, max(0, at - _CARD_REACH), at) is not None
    score = (0.95 if named else 0.7) if match[1] else (0.85 if named else 0.35)
    return Hit(at, match.end(), CARD, score, "card")


# ---------------------------------------------------------------------------------------------- IBAN

# Lengths by country, of the IBAN registry.
_LENGTHS = {
    entry[:2]: int(entry[2:])
    for entry in b"""AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18
    DO28 EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27
    JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23
    PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29
    VA22 VG24 XK20 YE30""".split()
}
_ACCOUNT = re.compile(
    rb"(?<![0-9A-Za-z_+/=-])[A-Z]{2}\d\d(?:[0-9A-Z]{11,30}+|(?: [0-9A-Z]{4}){2,7}+(?: [0-9A-Z]{1,3}(?![0-9A-Z]))?)"
)
_ACCOUNT_END = re.compile(rb"(?![0-9A-Za-z_+/=-])")
# The examples of the IBAN registry, and others that manuals of banks and payment services repeat.
_EXAMPLES = frozenset(
    b"""AD1200012030200359100100 AE070331234567890123456 AL47212110090000000235698741 AT611904300234573201
    AZ21NABZ00000000137010001944 BA391290079401028494 BE68539007547034 BG80BNBG96611020345678
    BH67BMAG00001299123456 CH9300762011623852957 CY17002001280000001200527600
    CZ6508000000192000145399 DE89370400440532013000 DK5000400440116243 DO28BAGR00000001212453611324
    EE382200221020145685 ES9121000418450200051332 FI2112345600000785 FO6264600001631634
    FR1420041010050500013M02606 GB29NWBK60161331926819 GB82WEST12345698765432 GE29NB0000000101904917
    GI75NWBK000000007099453 GL8964710001000206 GR1601101250000000012300695 GT82TRAJ01020000001210029690
    HR1210010051863000160 HU42117730161111101800000000 IE29AIBK93115212345678 IL620108000000099999999
    IS140159260076545510730339 IT60X0542811101000000123456 JO94CBJO0010000000000131000302
    KW81CBKU0000000000001234560101 KZ86125KZT5004100100 LB62099900000001001901229114 LI21088100002324013AA
    LT121000011101001000 LU280019400644750000 LV80BANK0000435195001 MC5811222000010123456789030
    MD24AG000225100013104168 ME25505000012345678951 MK07250120000058984 MR1300020001010000123456753
    MT84MALT011000012345MTLCAST001S MU17BOMM0101101030300200000MUR NL91ABNA0417164300 NO9386011117947
    PK36SCBL0000001123456702 PL61109010140000071219812874 PS92PALS000000000400123456702
    PT50000201231234567890154 QA58DOHB00001234567890ABCDEFG RO49AAAA1B31007593840000 RS35260005601001611379
    SA0380000000608010167519 SE4550000000058398257466 SI56263300012039086 SK3112000000198742637541
    SM86U0322509800000000270100 TN5910006035183598478831 TR330006100519786457841326
    UA213223130000026007233566001 VG96VPVG0000012345678901 XK051212012345678906
    GB33BUKB20201555555555 GB94BARC10201530093459 DE75512108001245126199 DE02120300000000202051
    FR7630006000011234567890189""".split()
)


def has_mod97(account: bytes) -> bool:
    """Whether an IBAN in electronic form (upper case, no spaces) has valid check digits (ISO 7064, mod 97-10)."""
    turned = account[4:] + account[:4]
    return int("".join(str(int(chr(byte), 36)) for byte in turned)) % 97 == 1


def _thin_iban(data: Bytes, positions: Positions, rows: Positions) -> Mask:
    """Keeps two capitals and two digits at the start of a word."""
    keep = ~is_word(byte_at(data, positions, -1)) | is_first(rows)
    keep &= is_digit(byte_at(data, positions, 3))
    keep &= (data[positions] < ord("a")) & (byte_at(data, positions, 1) < ord("a"))
    return keep


def _find_iban(text: bytes, at: int) -> Hit | None:
    length = _LENGTHS.get(text[at : at + 2])
    match = _ACCOUNT.match(text, at)
    if length is None or match is None:
        return None
    # Text in capitals may stand behind the last group: the country says where the account ends.
    end = at + (length + (length - 1) // 4 if b" " in match[0] else length)
    account = text[at:end].replace(b" ", b"")
    if end > match.end() or len(account) != length or not _ACCOUNT_END.match(text, end):
        return None
    if account in _EXAMPLES or not has_mod97(account) or len(set(account)) < 6:
        return None
    return Hit(at, end, IBAN, 0.6 if b"12345678" in account else 0.9, "iban")


RULES = (
    Rule(
        (
            # First digits of issuers; years are the commonest digits of all and begin with none of them.
            (b"2", b"234567", _DIGITS),
            (b"3", b"0456789", _DIGITS),
            (b"45", _DIGITS, _DIGITS),
            (b"6", b"0234567", _DIGITS),
        ),
        _find_card,
        _thin_card,
    ),
    Rule(
        tuple((country[:1].lower(), country[1:].lower(), _DIGITS) for country in sorted(_LENGTHS)),
        _find_iban,
        _thin_iban,
    ),
)
