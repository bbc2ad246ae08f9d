"""Rules for credentials that show by their own form: tokens of known providers, private keys, URIs, headers.

Prefixes, lengths and alphabets are the ones that the providers document. A match is checked further by what
can be checked without asking the provider: a checksum, the header of a JSON Web Token, the body of a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.rule import KEY, PASSWORD, Anchor, Hit, Rule, literal

Check = Callable[[bytes, "re.Match[bytes]"], bool]

# Before a token: nothing that the token could go on from, but for the letter of an escape sequence.
_START = rb"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
_END = rb"(?![A-Za-z0-9_-])"
_NEAR = 200


def _issued(text: bytes, match: re.Match[bytes]) -> bool:
    return validators.is_random_token(match["value"])


def _checked(text: bytes, match: re.Match[bytes]) -> bool:
    return validators.has_crc32(match["value"][4:])


def _twilio(text: bytes, match: re.Match[bytes]) -> bool:
    around = text[max(0, match.start() - _NEAR) : match.end() + _NEAR].lower()
    return b"twilio" in around and _issued(text, match)


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


def _rule(
    name: str,
    three: bytes | Anchor,
    offset: int,
    pattern: bytes,
    check: Check = _issued,
    *,
    type: str = KEY,  # noqa: A002 (the column's name)
    score: float = 0.95,
) -> Rule:
    """A rule for a pattern whose group ``value`` is the credential and whose anchor lies ``offset`` bytes in."""
    compiled = re.compile(pattern)

    def find(text: bytes, at: int) -> Hit | None:
        if at < offset:
            return None
        match = compiled.match(text, at - offset)
        if match is None or not check(text, match):
            return None
        return Hit(match.start("value"), match.end("value"), type, score, name)

    anchor = literal(three) if isinstance(three, bytes) else three
    return Rule((anchor,), find)


def _token(
    name: str, three: bytes | Anchor, offset: int, body: bytes, check: Check = _issued, *, score: float = 0.95
) -> Rule:
    """A rule for a token that stands by itself: a whole word of the pattern ``body``."""
    pattern = _START + rb"(?P<value>" + body + rb")" + _END
    return _rule(name, three, offset, pattern, check, score=score)


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


_HEX = b"0123456789abcdef"
_GITHUB = tuple(
    _token(f"github-{name}", b"gh" + kind, 0, rb"gh" + kind + rb"_[A-Za-z0-9]{36}", _checked, score=0.99)
    for name, kind in (
        ("token", b"p"),
        ("oauth-token", b"o"),
        ("user-token", b"u"),
        ("app-token", b"s"),
        ("refresh-token", b"r"),
    )
)

RULES = (
    Rule((literal(b"-be"),), _find_pem),
    *_GITHUB,
    _token("github-fine-grained-token", b"b_p", 5, rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("gitlab-token", b"glp", 0, rb"glpat-[A-Za-z0-9_-]{20,300}+(?:\.[0-9a-z]{2}\.[0-9a-z]{9})?"),
    _token("aws-access-key-id", (b"a", b"ks", b"i"), 0, rb"A(?:KI|SI)A[A-Z2-7]{16}"),
    _token("slack-token", b"xox", 0, rb"xox[abeoprs]-(?:\d{8,14}-){1,3}[A-Za-z0-9-]{16,64}"),
    _token("slack-webhook", b"ook", 1, rb"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9+/]{40,60}"),
    _token("stripe-key", b"k_l", 1, rb"[sr]k_live_[A-Za-z0-9]{16,128}"),
    _token("google-api-key", b"aiz", 0, rb"AIza[A-Za-z0-9_-]{35}"),
    _token("google-oauth-secret", b"goc", 0, rb"GOCSPX-[A-Za-z0-9_-]{28}"),
    _token("npm-token", b"npm", 0, rb"npm_[A-Za-z0-9]{36}"),
    _token("pypi-token", b"pyp", 0, rb"pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,300}"),
    _token("sendgrid-key", b"sg.", 0, rb"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _token("twilio-key", (b"s", b"k", _HEX), 0, rb"SK[0-9a-f]{32}", _twilio, score=0.9),
    _token("twilio-account", (b"a", b"c", _HEX), 0, rb"AC[0-9a-f]{32}", _twilio, score=0.6),
    _token("anthropic-key", b"ant", 3, rb"sk-ant-[a-z0-9]{3,12}-[A-Za-z0-9_-]{80,120}"),
    _token("openai-key", b"sk-", 0, rb"sk-(?:[A-Za-z0-9]{48}|(?:proj|svcacct|admin)-[A-Za-z0-9_-]{40,200})"),
    _token("hugging-face-token", b"hf_", 0, rb"hf_[A-Za-z0-9]{34}"),
    _token("digitalocean-token", b"_v1", 3, rb"do[opr]_v1_[0-9a-f]{64}"),
    _token(
        "jwt",
        b"eyj",
        0,
        rb"eyJ[A-Za-z0-9_-]{10,509}+\.eyJ[A-Za-z0-9_-]{10,4096}+\.[A-Za-z0-9_-]{16,1024}+",
        _jwt,
        score=0.9,
    ),
    _rule("azure-storage-key", b"tke", 6, rb"AccountKey=(?P<value>[A-Za-z0-9+/]{86}==)"),
    _rule(
        "uri-password",
        b"://",
        0,
        rb"://(?P<user>[^\s:/@\"'`<>?#\\]{0,64}+):(?P<value>[^\s:/@\"'`<>\\]{4,128}+)@(?P<host>[\w.\[:-]{1,64})",
        _uri,
        type=PASSWORD,
        score=0.8,
    ),
    _rule(
        "authorization-basic",
        b"sic",
        2,
        rb"[Bb]asic (?P<value>[A-Za-z0-9+/]{12,512}+={0,2})",
        _basic,
        type=PASSWORD,
        score=0.8,
    ),
    _rule(
        "authorization-bearer",
        b"rer",
        3,
        rb"[Bb]earer (?P<value>[A-Za-z0-9._~+/-]{16,512}+={0,2})",
        _bearer,
        score=0.7,
    ),
)
