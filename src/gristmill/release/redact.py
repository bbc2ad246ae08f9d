"""Redaction: replaces secrets and personal data in the text of a file that is to be published.

E-mail addresses, keys and passwords become the tags of The Stack (``<EMAIL>``, ``<KEY>``, ``<PASSWORD>``).
IP addresses become addresses of the documentation ranges (RFC 5737, RFC 3849), chosen by the keyed hash of
the value, so that equal addresses stay equal in the whole release and the text stays parseable.

Redaction is idempotent: no detector takes a tag or a documentation address for a finding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gristmill.annotate.findings.rule import TYPES
from gristmill.errors import ReleaseError

_TAGS = {kind: f"<{kind.upper()}>".encode() for kind in TYPES if kind != "ip_address"}
_IPV4_BLOCKS = ("192.0.2.", "198.51.100.", "203.0.113.")
_HOSTS = 254


class Span(NamedTuple):
    """One finding in one text: byte offsets, the type and the keyed hash of ``tables.FINDINGS``."""

    start: int
    end: int
    type: str
    value_hash: str


def count_replacements(text: bytes, spans: Sequence[Span]) -> int:
    """How many places ``redact_content`` replaces: overlapping findings are one place."""
    return sum(1 for _ in _merged(text, spans))


def redact_content(text: bytes, spans: Sequence[Span]) -> bytes:
    """Replaces the findings in one text.

    Args:
        text: UTF-8.
        spans: findings in any order; they may overlap.

    Returns:
        The text with every span replaced; valid UTF-8 if ``text`` is, also where a span cuts a character.

    Raises:
        ReleaseError: a span does not lie within the text, or its type is unknown.
    """
    parts: list[bytes] = []
    position = 0
    for span in _merged(text, spans):
        parts.append(text[position : span.start])
        parts.append(_replacement(span, text[span.start : span.end]))
        position = span.end
    parts.append(text[position:])
    return b"".join(parts)


def _merged(text: bytes, spans: Iterable[Span]) -> Iterator[Span]:
    """Disjoint spans in order, at the bounds of characters; each has the type that comes first in priority."""
    current: Span | None = None
    for span in sorted(_checked(text, span) for span in spans):
        if current is None or span.start >= current.end:
            if current is not None:
                yield current
            current = span
            continue
        leading = min(current, span, key=lambda s: (TYPES.index(s.type), s.start, -s.end))
        current = leading._replace(start=current.start, end=max(current.end, span.end))
    if current is not None:
        yield current


def _checked(text: bytes, span: Span) -> Span:
    """The span, widened to whole UTF-8 characters."""
    start, end = span.start, span.end
    if span.type not in TYPES:
        raise ReleaseError(
            f"finding at byte {start} has type {span.type!r}: expected one of {', '.join(TYPES)}"
        )
    if not 0 <= start < end <= len(text):
        raise ReleaseError(
            f"finding at bytes {start} to {end} does not lie in its text of {len(text)} bytes: "
            "the text was annotated in another form; annotate it again"
        )
    while start > 0 and text[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(text) and text[end] & 0xC0 == 0x80:
        end += 1
    return span._replace(start=start, end=end)


def _replacement(span: Span, value: bytes) -> bytes:
    tag = _TAGS.get(span.type)
    if tag is not None:
        return tag
    number = int(span.value_hash[:16], 16)
    if b":" in value:
        return f"2001:db8::{number % 0xFFFF + 1:x}".encode()
    block, host = divmod(number % (len(_IPV4_BLOCKS) * _HOSTS), _HOSTS)
    return f"{_IPV4_BLOCKS[block]}{host + 1}".encode()
