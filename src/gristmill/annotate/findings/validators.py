"""Is a value that has the shape of a secret really one? Checks that need no network and take bounded time.

The false positives they answer are the ones that users of secret scanners report: hashes, UUIDs,
placeholders, identifiers, paths, versions, sequences and environment look-ups.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
import re
from collections import Counter

# Words that a made-up value says of itself, wherever they stand in it ...
_PLACEHOLDER_WORDS = re.compile(
    rb"example|sample|dummy|placeholder|change[-_ ]?me|change[-_ ]?it|change[-_]this|replace|insert|redacted|hidden|removed"
    rb"|password|passwd|passphrase|p[a4@]ssw[o0]rd|secret|s3cr3t|s3cret|your|mytoken|my[-_]|token|credential|api[-_]?key|access[-_]?key|[-_]key"
    rb"|test|fake|mock|foobar|default|undefined|invalid|xxx|\*\*\*|\.\.\.|todo|fixme|lorem|qwerty|letmein|hunter2|admin123"
    rb"|correct[-_ ]?horse|abc123|123456|abcdef|asdf",
    re.IGNORECASE,
)
# ... or as a whole segment of it.
_PLACEHOLDER_SEGMENTS = re.compile(
    rb"(?<![A-Za-z])(?:foo|bar|baz|none|null|nil|true|false|demo|tbd)(?![A-Za-z])", re.I
)
# Templates of shells, makefiles, template engines, format strings and documentation.
_TEMPLATE = re.compile(
    rb"\$\{|\$\(|\{\{|\}\}|<%|%>|%\(|#\{|@@|\A<.*>\Z|\[.*\]|\A\{.*\}\Z|\A%\w*%?\Z|\A\$\w+\Z|\A@\w+@\Z|\{\w*\}",
    re.DOTALL,
)
_LOOKUP = re.compile(
    rb"environ|getenv|process\.env|\benv[.\[(]|secrets\.|vault:|ssm:|arn:|ref\+|op://|::|\w\(|\)\Z", re.I
)
_UUID = re.compile(rb"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEX = re.compile(rb"[0-9a-fA-F]+")
_INTEGRITY = re.compile(rb"(?:sha\d{1,3}|md5)[-:=$]", re.IGNORECASE)
# A word of an identifier, path, host name or class name: letters, at most a short number behind.
_WORD_ONLY = re.compile(rb"[A-Za-z]*\d{0,3}\Z")
_SEPARATORS = re.compile(rb"[-_./:,;|+#@ ]")
_NUMBER = re.compile(rb"[-+]?(?:0[xX][0-9a-fA-F]{1,16}|[\d.,_:/TZ+-]+)[a-zA-Z%]{0,3}\Z")

MAX_JWT_HEADER = 512


def entropy(value: bytes) -> float:
    """Shannon entropy of the bytes of a value, in bits a byte; 0 for the empty value."""
    size, total = len(value), 0.0
    for count in Counter(value).values():
        total -= count / size * math.log2(count / size)
    return total


def is_sequence(value: bytes) -> bool:
    """Whether the value mostly repeats bytes or counts up or down, as 'aaaa', '12345678' and 'abcdefgh' do."""
    steps = 0
    for a, b in itertools.pairwise(value):
        steps += -1 <= b - a <= 1
    return len(set(value)) <= max(2, min(len(value) // 4, 5)) or steps * 2 > len(value)


def is_placeholder(value: bytes) -> bool:
    """Whether a value stands for one that the reader is to fill in, or is looked up when the program runs."""
    return bool(
        _PLACEHOLDER_WORDS.search(value)
        or _PLACEHOLDER_SEGMENTS.search(value)
        or _TEMPLATE.search(value)
        or _LOOKUP.search(value)
        or is_sequence(value)
    )


def placeholder_share(value: bytes) -> float:
    """The share of the value that is words which a made-up one says of itself, 0 to 1."""
    said = sum(len(match[0]) for match in _PLACEHOLDER_WORDS.finditer(value))
    return said / len(value) if value else 0.0


def has_placeholder_segment(value: bytes) -> bool:
    """Whether one of the value's segments is a word such as ``foo`` or ``none``."""
    return _PLACEHOLDER_SEGMENTS.search(value) is not None


def is_template(value: bytes) -> bool:
    """Whether the value is filled in by a shell, template engine, format or reader."""
    return _TEMPLATE.search(value) is not None


def is_lookup(value: bytes) -> bool:
    """Whether the value is looked up when the program runs."""
    return _LOOKUP.search(value) is not None


def is_random_token(value: bytes) -> bool:
    """Whether the body of a token with a provider's prefix looks issued, not written as an example.

    Milder than ``is_placeholder``: the prefix has said already that the value is a token.
    """
    folded = value.lower()
    if any(
        word in folded
        for word in (b"example", b"xxxx", b"0000000", b"1234567", b"abcdefg", b"your", b"redacted")
    ):
        return False
    return entropy(value) >= min(3.0, 0.7 * math.log2(max(len(value), 2))) and not is_sequence(value)


def is_uuid(value: bytes) -> bool:
    """Whether the value is a UUID in its usual form (RFC 9562)."""
    return _UUID.fullmatch(value) is not None


def is_wordy(value: bytes) -> bool:
    """Whether a value is made of words and short numbers only: an identifier, path, URL, host or phrase."""
    if b"://" in value or value[:1] in b"/~" or value[:2] in (b"./", b".."):
        return True
    parts = [part for part in _SEPARATORS.split(value) if part]
    for part in parts:
        if not _WORD_ONLY.match(part):
            return False
    # Letters alone are an issued token only where the case changes as it does by chance.
    longest = max(parts, key=len, default=b"")
    changes = 0
    for a, b in itertools.pairwise(longest):
        changes += bool((a ^ b) & 0x20)
    return len(longest) < 20 or changes * 10 < len(longest) * 4


def is_secret(value: bytes, *, password: bool) -> bool:
    """Whether a literal that a program assigns to a secret's name looks like the secret itself.

    Args:
        value: 8 to 200 bytes without white space.
        password: chosen by a person (true), so judged by its kinds of characters, or issued by a machine
            (false), so judged by the entropy for its alphabet.
    """
    if not value.isascii() or b"\\" in value or _NUMBER.match(value) or _INTEGRITY.match(value):
        return False
    if is_placeholder(value) or is_wordy(value):
        return False
    letters = any(97 <= b | 0x20 <= 122 for b in value)
    digits = any(48 <= b <= 57 for b in value)
    if password:
        symbols = any(not chr(b).isalnum() for b in value)
        return letters and (digits or symbols) and entropy(value) >= 2.5
    if not letters or len(value) < 12:
        return False
    if _HEX.fullmatch(value):
        return len(value) >= 16 and entropy(value) >= 2.8
    return (digits or len(value) >= 20) and entropy(value) >= (3.0 if len(value) < 20 else 3.4)


def is_jwt(value: bytes) -> bool:
    """Whether the first part of a dotted value is the header of a JSON Web Token (RFC 7519)."""
    header = value.split(b".", 1)[0]
    if len(header) > MAX_JWT_HEADER:
        return False
    try:
        parsed = json.loads(base64.urlsafe_b64decode(header + b"=" * (-len(header) % 4)))
    except (ValueError, binascii.Error, RecursionError):
        return False
    return isinstance(parsed, dict) and isinstance(parsed.get("alg"), str)


def decoded(value: bytes) -> bytes:
    """The bytes behind standard base64; empty if it is not base64."""
    try:
        return base64.b64decode(value + b"=" * (-len(value) % 4), validate=True)
    except (ValueError, binascii.Error):
        return b""
