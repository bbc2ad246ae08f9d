"""Rules for credentials that show by their own form: tokens of known providers, private keys, URIs, headers.

Prefixes, lengths and alphabets are the ones that the providers document. A match is checked further by what
can be checked without asking the provider: a checksum, the header of a JSON Web Token, the body of a key.
"""

from __future__ import annotations

import re

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.forms import rule, token
from gristmill.annotate.findings.rule import KEY, PASSWORD, Hit, Rule, literal


def _jwt(text: bytes, match: re.Match[bytes]) -> bool:
    value = match["value"]
    payload = validators.decoded(value.split(b".")[1].replace(b"-", b"+").replace(b"_", b"/"))
    # The example of RFC 7519's best-known debugger stands in every manual.
    return validators.is_jwt(value) and b"1234567890" not in payload and b"John Doe" not in payload


# Passwords of development set-ups and manuals: nobody's secret.
_WEAK = frozenset(
    b"pass pwd passw pw root admin guest user postgres mysql mongo redis rabbitmq 1234 12345".split()
)


def _uri(text: bytes, match: re.Match[bytes]) -> bool:
    user, value = match["user"].lower(), match["value"]
    if value.lower() in _WEAK or value.lower() == user or (value.isalpha() and len(value) < 6):
        return False
    scheme = text[match.start() - 1 : match.start()].isalnum()
    return scheme and b"example." not in match["host"].lower() and not validators.is_placeholder(value)


def _basic(text: bytes, match: re.Match[bytes]) -> bool:
    plain = validators.decoded(match["value"])
    _, colon, word = plain.partition(b":")
    return (
        bool(colon)
        and plain.isascii()
        and len(word) >= 4
        and word not in _WEAK
        and not validators.is_placeholder(word)
    )


def _bearer(text: bytes, match: re.Match[bytes]) -> bool:
    return validators.is_secret(match["value"], password=False)


# ------------------------------------------------------------------------------------------ private keys

_PEM_BEGIN = re.compile(rb"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PEM_END = re.compile(rb"-----END (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_PEM_BODY = re.compile(rb"[A-Za-z0-9+/=\s\\\"',]*")
_PEM_LINE = re.compile(rb"[A-Za-z0-9+/=]{40,}")
_PEM_FAKE = re.compile(rb"\.\.\.|\*\*\*|x{8}|<[a-z]|your|example|redacted|placeholder", re.IGNORECASE)
_MAX_PEM = 1 << 14


def _find_pem(text: bytes, at: int) -> Hit | None:
    begin = _PEM_BEGIN.match(text, max(0, at - 4))
    if begin is None:
        return None
    body = begin.end()
    # Up to the next header at most: however many headers a text has, each byte is searched a few times only.
    limit = text.find(b"-----BEGIN", body, body + _MAX_PEM)
    limit = min(body + _MAX_PEM, len(text)) if limit < 0 else limit
    end = _PEM_END.search(text, body, limit)
    if end is not None:
        stop, inside, score = end.end(), text[body : end.start()], 0.99
    else:
        rest = _PEM_BODY.match(text, body, limit)
        inside = (rest[0] if rest else b"").rstrip(b" \t\r\n\\\"',")
        stop, score = body + len(inside), 0.7
    line = _PEM_LINE.search(inside)
    if (
        line is None
        or validators.is_sequence(line[0])
        or validators.entropy(line[0]) < 3.0
        or _PEM_FAKE.search(inside)
    ):
        return None
    return Hit(begin.start(), stop, KEY, score, "private-key")


RULES = (
    Rule((literal(b"-be"),), _find_pem),
    token(
        "jwt",
        b"eyj",
        rb"eyJ[A-Za-z0-9_-]{10,509}+\.eyJ[A-Za-z0-9_-]{10,4096}+\.[A-Za-z0-9_-]{16,1024}+",
        _jwt,
        score=0.9,
    ),
    rule(
        "wireguard-key",
        b"tek",
        5,
        rb"PrivateKey[ \t]{0,4}=[ \t]{0,4}(?P<value>[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=)",
    ),
    rule("azure-storage-key", b"tke", 6, rb"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
    rule(
        "uri-password",
        b"://",
        0,
        rb"://(?P<user>[^\s:/@\"'`<>?#\\]{0,64}+):(?P<value>[^\s:/@\"'`<>\\]{4,128}+)@(?P<host>[\w.\[:-]{1,64})",
        _uri,
        type=PASSWORD,
        score=0.8,
    ),
    rule(
        "authorization-basic",
        b"sic",
        2,
        rb"[Bb]asic (?P<value>[A-Za-z0-9+/]{12,512}+={0,2})",
        _basic,
        type=PASSWORD,
        score=0.8,
    ),
    rule(
        "authorization-bearer",
        b"rer",
        3,
        rb"[Bb]earer (?P<value>[A-Za-z0-9._~+/-]{16,512}+={0,2})",
        _bearer,
        score=0.7,
    ),
)
