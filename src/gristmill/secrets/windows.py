"""A stream as overlapping windows of text, so that memory is bounded and nothing at a seam is lost.

Rules look at a bounded stretch around an anchor. So a value that starts in a window's own part is found just as in
the whole text if the window goes on for ``MARGIN`` bytes on both sides.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import NamedTuple, Protocol

from gristmill.annotate import charsets

SIZE = 4 << 20
"""bytes of a stream that are looked at together; the encoding of what is longer shows in the first of them"""
MARGIN = 64 << 10
"""bytes around a window's own part: more than any rule looks at, on either side of an anchor"""

_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_CONTINUING = bytes(range(0x80, 0xC0))
_BEYOND_BMP = bytes(range(0xF0, 0xF8))


class Stream(Protocol):
    """What can be read: bytes, fewer than asked for or none at the end."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes."""
        ...


class Place(NamedTuple):
    """A place in a file: byte from 0, line from 1, column from 1 in UTF-16 code units, as SARIF and editors count.

    A line ends at a line feed; a byte order mark takes no column.
    """

    byte: int
    line: int
    column: int


class Window(NamedTuple):
    """A stretch of text: ``text[begin:end]`` is its own, ``place`` is where that begins in the file.

    ``encoding`` is that of the file, None if its bytes are the text's.
    """

    text: bytes
    begin: int
    end: int
    place: Place
    encoding: str | None


def windows(stream: Stream, *, size: int = SIZE, margin: int = MARGIN) -> Iterator[Window] | None:
    """The text of a stream as windows; None if it is binary.

    A content of up to ``size`` bytes is read as in a build (``annotate.text``), a longer one as its first ``size``
    bytes have it. Binary is what holds a NUL byte there and is no UTF-16 or UTF-32: what no encoding fits is searched
    byte by byte, since a wrong byte must not hide a secret.

    Args:
        size: bytes to read at a time, more than ``margin``.
        margin: bytes to add on both sides.
    """
    head = _filled(stream, size)
    readable, encoding = _encoding(head, len(head) < size)
    if not readable:
        return None
    pieces = chain((head,), iter(lambda: _filled(stream, size), b""))
    first = Place(0, 1, 0 if head.startswith(_MARKS) else 1)
    return _windows(pieces if encoding is None else _recoded(pieces, encoding), first, encoding, margin)


def advanced(place: Place, passed: bytes, encoding: str | None) -> Place:
    """The place behind a stretch of text that starts at ``place``."""
    stored = len(passed) if encoding is None else len(_text(passed).encode(encoding, "replace"))
    lines = passed.count(b"\n")
    if lines:
        return Place(place.byte + stored, place.line + lines, 1 + _units(passed[passed.rfind(b"\n") + 1 :]))
    return Place(place.byte + stored, place.line, place.column + _units(passed))


def _encoding(head: bytes, whole: bool) -> tuple[bool, str | None]:
    """Whether it is text, and the encoding if the text is not to be had from the bytes as they are."""
    nul = b"\0" in head
    if not nul and _is_utf8(head, whole):
        return True, None
    if not nul:
        encoding = charsets.detect(head) if whole else None  # the rest may be in another one
        # UTF-16 and UTF-32 without a NUL byte have no ASCII, so nothing to find: a mark hides what is none of these.
        return True, None if encoding is None or encoding.startswith("utf-") else encoding
    if whole:
        encoding = charsets.detect(head)
    else:
        # A cut through a character would not decode; one of these two does not.
        cut = len(head) & ~3
        encoding = charsets.detect(head[:cut]) or charsets.detect(head[: cut - 2])
    return encoding is not None, encoding


def _is_utf8(head: bytes, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, whole)
    except UnicodeDecodeError:
        return False
    return True


def _recoded(pieces: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "replace")
    yield decoder.decode(b"", True).encode("utf-8", "replace")


def _windows(pieces: Iterable[bytes], place: Place, encoding: str | None, margin: int) -> Iterator[Window]:
    coming = iter(pieces)
    before, piece = b"", next(coming, b"")
    while piece:
        behind = next(coming, b"")
        text = before + piece + behind[:margin]
        yield Window(text, len(before), len(before) + len(piece), place, encoding)
        if behind:
            place = advanced(place, piece, encoding)
            before = (before + piece)[-margin:]
        piece = behind


def _filled(stream: Stream, size: int) -> bytes:
    """As many bytes as were asked for, unless the stream ends: a pipe gives what it has."""
    data = stream.read(size)
    if not data or len(data) == size:
        return data
    parts, left = [data], size - len(data)
    while left > 0 and (more := stream.read(left)):
        parts.append(more)
        left -= len(more)
    return b"".join(parts)


def _units(text: bytes) -> int:
    """UTF-16 code units; the count of a whole is the sum of its parts', wherever they were cut."""
    if text.isascii():
        return len(text)
    beyond = len(text) - len(text.translate(None, _BEYOND_BMP))
    return len(text.translate(None, _CONTINUING)) + beyond


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
