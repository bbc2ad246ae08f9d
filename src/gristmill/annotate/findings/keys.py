"""Rules for private keys: PEM and PGP blocks, also within base64, PuTTY's files, and JSON Web Keys."""

from __future__ import annotations

import re

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.forms import issued, rule, token
from gristmill.annotate.findings.rule import KEY, Hit, Rule, literal

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


def _encoded_pem(text: bytes, match: re.Match[bytes]) -> bool:
    return b"PRIVATE KEY-----" in validators.decoded(match["value"][:80])


# A JSON Web Key (RFC 7517) is a small object: its type stands within this many bytes of its secret.
_JWK = 1500
_JWK_TYPE = re.compile(rb"\"kty\"[ \t\r\n]{0,4}:[ \t\r\n]{0,4}\"(?:RSA|EC|OKP|oct)\"")


def _jwk(text: bytes, match: re.Match[bytes]) -> bool:
    if not issued(text, match):
        return False
    return _JWK_TYPE.search(text, max(0, match.start() - _JWK), match.end() + _JWK) is not None


_JWK_VALUE = rb"[ \t\r\n]{0,4}:[ \t\r\n]{0,4}\"(?P<value>[A-Za-z0-9_-]{22,1024})\""

RULES = (
    Rule((literal(b"-be"),), _find_pem),
    token("private-key-base64", b"ls0", rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{80,8000}+={0,2}", _encoded_pem),
    rule(
        "putty-key",
        b"e-l",
        6,
        rb"Private-Lines: \d{1,3}\r?\n(?P<value>[A-Za-z0-9+/=]{20,80}"
        rb"(?:\r?\n[A-Za-z0-9+/=]{1,80}(?=[\r\n]|\Z)){0,200}+)",
        score=0.98,
    ),
    rule("jwk", b'"d"', 0, rb"\"d\"" + _JWK_VALUE, _jwk),
    rule("jwk-symmetric", b'"k"', 0, rb"\"k\"" + _JWK_VALUE, _jwk, score=0.9),
)
