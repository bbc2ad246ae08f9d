"""Terms written out in a file header that are no licence we know.

A header that begins as licences begin (MIT, BSD, ISC, zlib ...) holds terms. Where the engine knows none
there, they are of somebody's own making, and no one may take them for the licence that they look like.
"""

from __future__ import annotations

import re

from gristmill.annotate.licences.match import Match, covered
from gristmill.spdx import expressions

MAX_TERMS = 4
# The longest terms that stand in headers, BSD-4-Clause with its disclaimer, take about 2,600 bytes as comment.
_MAX_BYTES = 4096

_GAP = rb"(?:[ .-]{1,200}(?:(?:dnl|rem)[ ]{1,80})?)"
_FIRST_WORDS = (b"permission", b"redistribution", b"this software is")
_START = re.compile(
    rb"(?:permission is hereby granted free of charge|permission to use copy modify"
    rb"|redistribution and use in source and binary forms|this software is provided as is without any express"
    rb"|permission to copy use modify sell and distribute)".replace(b" ", _GAP)
)
_END = re.compile(
    # X11 goes on behind the disclaimer of MIT.
    rb"(?:possibility of such damage|dealings in (?:the|this) software"
    rb"(?: except as contained in this notice.{0,600}?(?:authori[sz]ation|copyright holders?))?"
    rb"|use or performance of this software"
    rb"|from any source distribution|suitability of this software for any purpose)".replace(b" ", _GAP)
)


def find(viewed: bytes, limit: int, known: list[Match]) -> list[Match]:
    """The unknown terms that begin in the first ``limit`` bytes.

    Args:
        viewed: ``notices.view`` of the text; longer than ``limit`` so that terms which begin late are whole.
        limit: bytes in which terms must begin.
        known: what the engine found.

    Returns:
        Matches of kind "text" with the expression ``LicenseRef-unknown`` and rule ``unrecognised-terms``, at
        most ``MAX_TERMS``.
    """
    found: list[Match] = []
    position = min(
        (p for p in (viewed.find(word, 0, limit) for word in _FIRST_WORDS) if p >= 0), default=limit
    )
    while len(found) < MAX_TERMS:
        start = _START.search(viewed, position, limit)
        if start is None:
            break
        last = _END.search(viewed, start.end(), start.start() + _MAX_BYTES)
        end = last.end() if last else min(len(viewed), start.start() + _MAX_BYTES)
        terms = Match("text", expressions.UNKNOWN, "unrecognised-terms", start.start(), end)
        if not covered(terms, known):
            found.append(terms)
        position = end
    return found
