"""Licence terms written out in a file header (MIT, BSD, ISC, zlib ...), cut out for the text engine.

Headers are the same in thousands of files but for comment marks and line breaks, so the terms are cleaned of
them before the engine sees them: it then answers from its cache.
"""

from __future__ import annotations

import re

from gristmill.annotate.licences.match import Match
from gristmill.annotate.licences.texts import ENGINE, identify_terms
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
_RUN = re.compile(rb"[ ]+(?:(?:dnl|rem|-+)[ ]+)*")


def find(viewed: bytes, limit: int) -> list[Match]:
    """The licence terms that begin in the first ``limit`` bytes.

    Args:
        viewed: ``notices.view`` of the text; longer than ``limit`` so that terms which begin late are whole.
        limit: bytes in which terms must begin.

    Returns:
        Matches of kind "text" with rule ``licenseclassifier/<expression>``, at most ``MAX_TERMS``; terms that
        the engine does not know are ``LicenseRef-unknown`` with rule ``unrecognised-terms``.
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
        words = _RUN.sub(b" ", viewed[start.start() : end]).decode("ascii")
        expression = identify_terms(words)
        rule = f"{ENGINE}/{expression}" if expression else "unrecognised-terms"
        found.append(Match("text", expression or expressions.UNKNOWN, rule, start.start(), end))
        position = end
    return found
