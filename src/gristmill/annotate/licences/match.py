"""One licence statement found in a text: what the finders of this package hand to ``annotate``."""

from __future__ import annotations

from typing import NamedTuple


class Match(NamedTuple):
    """``start`` and ``end`` are byte offsets into the UTF-8 text; the other fields as in LICENCE_MATCHES."""

    kind: str
    expression: str
    rule: str
    start: int
    end: int
    score: float = 1.0
    paths: tuple[str, ...] = ()
    precedence: str | None = None


def covered(match: Match, others: list[Match]) -> bool:
    """True if the span of ``match`` meets one of ``others``."""
    return any(match.start < other.end and other.start < match.end for other in others)
