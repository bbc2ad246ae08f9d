"""Riders: phrases that take away from a licence what its text grants.

A short list on purpose, each phrase specific enough that no licence we call permissive contains it. A hit
makes the statement ``<base> AND LicenseRef-added-restriction``, whose class is restricted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.annotate.licences.match import Match
from gristmill.spdx import expressions

MAX_HITS = 16

_GAP = rb"[ .-]{1,80}"
_NON_COMMERCIAL = rb"non[ -]?commercial"
_MODEL = (
    rb"(?:machine~learning|artificial~intelligence|ai|llms?|(?:large~)?language~models?|generative~models?"
    rb"|neural~networks?|(?:ai|ml|foundation)~(?:models?|systems?))"
)
_NOT = rb"(?:may|must|shall|can|do|does|is|are|will|to)(?:~be)?(?:~not(?:~be)?|not)"
_IS_FORBIDDEN = rb"~(?:is|are)~(?:(?:strictly|expressly)~)?(?:prohibited|forbidden|not~(?:permitted|allowed))"
# Name, a word that every such phrase holds, the phrase.
_PHRASES: tuple[tuple[str, bytes, bytes], ...] = (
    ("commons-clause", b"commons", rb"commons~clause"),
    ("no-selling", b"sell", rb"not~grant~to~you~the~right~to~sell~the~software"),
    (
        "non-commercial",
        b"commercial",
        _NON_COMMERCIAL + rb"(?:~[a-z]+){0,4}~(?:use~only|purposes?~only|only)",
    ),
    (
        "non-commercial",
        b"commercial",
        rb"only~(?:be~used~|permitted~|allowed~)?(?:for|in)~(?:[a-z]+~){0,4}?" + _NON_COMMERCIAL,
    ),
    (
        "non-commercial",
        b"free",
        rb"free~for~(?:[a-z]+~(?:and|or)~)?(?:[a-z]+~)?(?:"
        + _NON_COMMERCIAL
        + rb"|personal|academic|research)"
        rb"(?:~[a-z]+){0,3}?~(?:use|purposes?)(?:~only|~commercial)",
    ),
    (
        "non-commercial",
        b"commercial",
        rb"commercial~(?:use|usage|purposes?|exploitation|distribution)(?:~[a-z]+){0,8}?" + _IS_FORBIDDEN,
    ),
    (
        "non-commercial",
        b"commercial",
        _NOT + rb"(?:~[a-z]+){0,8}?~(?:for|in)~(?:any~)?commercial~(?:use|purposes?|products?|gain)",
    ),
    (
        "non-commercial",
        b"commercial",
        rb"commercial~use(?:~[a-z]+){0,6}?~requires~(?:[a-z]+~){0,5}?(?:licen[cs]e|permission)",
    ),
    (
        "no-ai-training",
        b"train",
        _NOT + rb"(?:~[a-z]+){0,10}?~(?:to~train|for~(?:the~)?training|in~(?:the~)?training|train(?:ing)?)"
        rb"(?:~[a-z]+){0,12}?~" + _MODEL + rb"\b",
    ),
    (
        "no-ai-training",
        b"train",
        rb"(?:no|prohibits?|prohibited|forbids?|forbidden|excludes?|excluding)(?:~[a-z]+){0,6}?~"
        + _MODEL
        + rb"(?:~[a-z]+){0,3}?~train(?:ing)?",
    ),
    (
        "no-ai-training",
        b"train",
        rb"(?:training|train)(?:~[a-z]+){0,10}?~" + _MODEL + rb"(?:~[a-z]+){0,10}?" + _IS_FORBIDDEN,
    ),
    ("research-only", b"only", rb"(?:research|academic|educational|evaluation)~(?:use|purposes?)~only"),
)
_RULES = tuple((name, anchor, re.compile(pattern.replace(b"~", _GAP))) for name, anchor, pattern in _PHRASES)
# Every phrase contains one of these; most texts have none and are done.
_ANCHORS = (
    b"commons",
    b"sell",
    b"commercial",
    b"train",
    b"research",
    b"academic",
    b"educational",
    b"evaluation",
    b"personal",
)
# A phrase reaches no further than this from its word, unless its words are far apart.
_REACH = 1500


def find(text: bytes) -> list[Match]:
    """The riders in a text.

    Args:
        text: ``notices.view`` of UTF-8 text; the caller bounds its length.

    Returns:
        Matches of kind "notice" with rule ``restriction/<name>``, at most ``MAX_HITS``, by start.
    """
    if not any(anchor in text for anchor in _ANCHORS):
        return []
    found: dict[tuple[int, int], Match] = {}
    for name, anchor, pattern in _RULES:
        for first, last in _around(text, anchor):
            for match in pattern.finditer(text, first, last):
                if len(found) == MAX_HITS:
                    break
                span = match.span()
                found.setdefault(
                    span, Match("notice", expressions.ADDED_RESTRICTION, f"restriction/{name}", *span)
                )
    return sorted(found.values(), key=lambda one: (one.start, one.end, one.rule))


def _around(text: bytes, anchor: bytes) -> Iterator[tuple[int, int]]:
    """The stretches of a text around an anchor, none overlapping another."""
    first, last = -1, -1
    place = text.find(anchor)
    while place >= 0:
        if first >= 0 and place - _REACH > last:
            yield first, last
            first = -1
        first = first if first >= 0 else max(0, place - _REACH)
        last = place + _REACH
        place = text.find(anchor, place + len(anchor))
    if first >= 0:
        yield first, last
