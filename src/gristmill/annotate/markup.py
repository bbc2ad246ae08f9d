"""Texts that look like HTML, and how much of them a reader would see.

A text looks like HTML if its first ``HEAD_BYTES`` hold ``<html`` or ``<!doctype html``, or if it begins (after
white space and a byte order mark) as markup or a template does (``<``, ``{%``, ``{{``, ``{#`` or ``---``) and
its first ``HEAD_BYTES`` hold a common tag of HTML.

Visible text is what is left without a byte order mark, comments, declarations, tags, and the elements
``script`` and ``style`` with what they hold. A character reference counts as one character, a run of white
space as one, and none at either end. A tag ends at the first ``>``; what is never closed reaches to the end of
the text. Every pattern is linear in the size of the text.
"""

from __future__ import annotations

import codecs
import re

HEAD_BYTES = 1024

_HTML = re.compile(rb"<(?:html|!doctype\s+html)\b", re.IGNORECASE)
_OPENING = re.compile(rb"(?:\xef\xbb\xbf)?\s*+(?:<|\{[%{#]|---)")
_TAG = re.compile(
    rb"<(?:head|body|meta|link|title|base|script|style|div|span|p|a|br|hr|img|table|tr|td|th|ul|ol|li|dl"
    rb"|h[1-6]|form|input|button|nav|header|footer|main|section|article|center|font|iframe|template)\b[^<]{0,512}>",
    re.IGNORECASE,
)
_HIDDEN = re.compile(
    rb"<!--.*?(?:-->|\Z)|<(script|style)\b[^>]*+>.*?(?:</\1[^>]*+>?|\Z)|<[a-z/!?][^>]*+>?",
    re.IGNORECASE | re.DOTALL,
)
_REFERENCE = re.compile(rb"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,31});")
_SPACES = re.compile(rb"\s++")
_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))


def looks_like_html(text: bytes) -> bool:
    """Whether a text (UTF-8; its first ``HEAD_BYTES`` are enough) looks like HTML."""
    head = text[:HEAD_BYTES]
    if b"<" not in head:
        return False
    if _HTML.search(head):
        return True
    return _OPENING.match(head) is not None and _TAG.search(head) is not None


def visible_characters(text: bytes) -> int:
    """The characters of the visible text of an HTML text (UTF-8)."""
    shown = _HIDDEN.sub(b"", text.removeprefix(codecs.BOM_UTF8))
    seen = _SPACES.sub(b" ", _REFERENCE.sub(b"x", shown)).strip()
    return len(seen.translate(None, _CONTINUATION_BYTES))
