"""Rules made from the form of a value: a regular expression, where its anchor lies, and what to check.

A form that tells the value by itself needs no more; where others share the form, a word must stand near.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable

import numpy as np

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.rule import (
    KEY,
    Anchor,
    Bytes,
    Hit,
    Mask,
    Positions,
    Rule,
    Thinner,
    literal,
)

Check = Callable[[bytes, "re.Match[bytes]"], bool]

NEAR = 200
"""Bytes on either side of a value in which a word that it needs is looked for."""
# Before a token: nothing that the token could go on from, but for the letter of an escape sequence.
_START = rb"(?:(?<![A-Za-z0-9_])|(?<=\\[nrt]))"
_END = rb"(?![A-Za-z0-9_-])"
_PREFIX = re.compile(rb"(?:(?:[A-Za-z0-9_/=:~-]|\\[.$])(?![?*+{]))*+")
# Each byte by its kind: digit, capital, small letter; all others as they are.
_KINDS = bytes(
    48 if 48 <= byte <= 57 else 65 if 65 <= byte <= 90 else 97 if 97 <= byte <= 122 else byte
    for byte in range(256)
)
# Fewer anchors are cheaper to look at one by one.
_FEW = 32
_BYTE = re.compile(rb"\\?(.)", re.DOTALL)


def issued(text: bytes, match: re.Match[bytes]) -> bool:
    """Whether a value of a provider's form looks issued, not written as an example."""
    return validators.is_random_token(match["value"])


def unworded(text: bytes, match: re.Match[bytes]) -> bool:
    """``issued``, and not made of words: for forms that an identifier may have too."""
    kinds = match["value"].translate(_KINDS)
    steps = sum(1 for a, b in itertools.pairwise(kinds) if a != b)
    # By chance every second byte is of another kind than the one before it; in words every sixth or so.
    return issued(text, match) and steps >= len(kinds) * (0.15 if kinds.count(b"0") > 1 else 0.4)


def rule(
    name: str,
    three: bytes | Anchor,
    offset: int,
    pattern: bytes,
    check: Check = issued,
    *,
    type: str = KEY,  # noqa: A002 (the column's name)
    score: float = 0.95,
    thin: Thinner | None = None,
) -> Rule:
    """A rule for a pattern whose group ``value`` is the credential.

    Args:
        name: of the rule.
        three: the anchor.
        offset: bytes from the start of a match to its anchor.
        pattern: a regular expression that looks at a bounded stretch.
        check: gets the text and the match, says whether the value stands.
        type: of the findings.
        score: of the findings.
        thin: drops anchors, see ``Rule``.
    """
    compiled = re.compile(pattern)

    def find(text: bytes, at: int) -> Hit | None:
        if at < offset:
            return None
        match = compiled.match(text, at - offset)
        if match is None or not check(text, match):
            return None
        return Hit(match.start("value"), match.end("value"), type, score, name)

    return Rule((literal(three) if isinstance(three, bytes) else three,), find, thin, name, pattern)


def token(
    name: str,
    three: bytes | Anchor,
    form: bytes,
    check: Check = issued,
    *,
    at: int | None = None,
    near: bytes = b"",
    score: float = 0.95,
) -> Rule:
    """A rule for a token that stands by itself: a whole word of the pattern ``form``.

    Args:
        name: of the rule.
        three: the anchor; three bytes of the letters that the form begins with, unless ``at`` is given.
        form: a regular expression.
        check: what else must hold.
        at: bytes from the start of the value to its anchor.
        near: words in lower case, with ``|`` between; one of them must stand within ``NEAR`` bytes.
        score: of the findings.
    """
    prefix = _prefix(form)
    if at is None:
        if not isinstance(three, bytes) or three not in prefix.lower():
            raise ValueError(f"rule {name}: anchor {three!r} is not in the prefix {prefix!r}; give 'at'")
        at = prefix.lower().index(three)
    pattern = _START + rb"(?P<value>" + form + rb")" + _END
    thin = with_prefix(prefix, at)
    return rule(name, three, at, pattern, _nearby(check, near) if near else check, score=score, thin=thin)


def named(
    name: str, three: bytes, word: bytes, form: bytes, check: Check = issued, *, score: float = 0.85
) -> Rule:
    """A rule for a value that only its provider's name tells: ``word ... key = value`` on one line.

    Args:
        name: of the rule.
        three: the anchor, three bytes of the letters that ``word`` begins with.
        word: a regular expression for the name, in lower case; matches either case.
        form: a regular expression for the value.
        check: what else must hold.
        score: of the findings.
    """
    prefix = _prefix(word)
    at = prefix.index(three)
    pattern = rb"(?i:" + word + rb")" + _ASSIGNED + rb"(?P<value>" + form + rb")" + _END
    return rule(name, three, at, pattern, check, score=score, thin=with_prefix(prefix, at, fold=True))


# From a provider's name to a value: a word that says that the value is secret, and an assignment.
_ASSIGNED = (
    rb"[^\r\n]{0,40}?(?i:key|token|secret|auth|pass|pwd|cred|pat|dsn)\w{0,16}+"
    rb"[\"'\])]{0,2}[ \t]{0,8}+(?:=>|:=|[=:,(>])[ \t]{0,8}+[\"'`]?"
)


def _nearby(check: Check, words: bytes) -> Check:
    wanted = words.split(b"|")

    def near(text: bytes, match: re.Match[bytes]) -> bool:
        around = text[max(0, match.start() - NEAR) : match.end() + NEAR].lower()
        return any(word in around for word in wanted) and check(text, match)

    return near


def _prefix(form: bytes) -> bytes:
    """The bytes that every value of a form begins with."""
    match = _PREFIX.match(form)
    return _BYTE.sub(rb"\1", match[0]) if match else b""


def with_prefix(prefix: bytes, at: int, *, fold: bool = False) -> Thinner:
    """Keeps the anchors ``at`` bytes before which a prefix begins.

    Args:
        prefix: what all values begin with.
        at: bytes from the start of the prefix to the anchor.
        fold: letters match in either case; the prefix is in lower case.
    """

    def thin(data: Bytes, positions: Positions, rows: Positions) -> Mask:
        if len(positions) < _FEW:
            return np.ones(len(positions), dtype=np.bool_)
        starts = positions - at
        keep: Mask = (starts >= 0) & (starts + len(prefix) <= len(data))
        for number, byte in enumerate(prefix):
            left = np.flatnonzero(keep)
            case = 0x20 if fold and 97 <= byte <= 122 else 0
            keep[left] = data[starts[left] + number] | case == byte
        return keep

    return thin
