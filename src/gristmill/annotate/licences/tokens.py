"""Texts as sequences of hashed words, many texts at a time, without a Python step per word.

Rules, licence texts and the texts to look at go through here alike, so that they differ only where their
words do: letters are lower case, punctuation and markup are gone, words that SPDX holds equal are equal, and
copyright lines and list numbers, which differ from copy to copy, are left out. Every word keeps its place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Bytes = npt.NDArray[np.uint8]

# Changing how words are cut or hashed changes the index: it must be built anew, and says so by this number.
VERSION = 1

_PAD = 8
_LETTERS = b"abcdefghijklmnopqrstuvwxyz0123456789"
_BREAK, _PLUS = 0, 43
# Bytes of words as they are, upper case as lower; all others as the break. "+" counts where it ends a word.
_TABLE = bytes(
    byte if byte in _LETTERS or byte == _PLUS or byte >= 128 else byte + 32 if 65 <= byte <= 90 else _BREAK
    for byte in range(256)
)
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0xD6E8FEB86659FD93], np.uint64)
_MASKS = np.array([(1 << (8 * n)) - 1 for n in range(8)] + [(1 << 64) - 1], np.uint64)

_MARKUP = re.compile(
    rb"</?(?:a|abbr|b|big|blockquote|body|br|center|code|dd|div|dl|dt|em|font|h[1-6]|head|hr|html|i|li|link|meta|ol|p|para"
    rb"|pre|section|small|span|strong|style|sup|table|tbody|td|th|title|tr|tt|u|ul|var|bullet|item|list|optional|alt"
    rb"|copyrighttext|titletext)\b[^<>]{0,400}>|&(?:[a-z]{2,6}|#[0-9]{2,5});",
    re.IGNORECASE,
)
# What SPDX's matching guidelines hold equal, and other spellings that make no difference in law.
_EQUAL = {
    "licence": "license",
    "licences": "licenses",
    "licenced": "licensed",
    "licencing": "licensing",
    "licencee": "licensee",
    "licencees": "licensees",
    "licencor": "licensor",
    "licensers": "licensors",
    "sublicence": "sublicense",
    "sublicences": "sublicenses",
    "acknowledgement": "acknowledgment",
    "acknowledgements": "acknowledgments",
    "analogue": "analog",
    "analyse": "analyze",
    "artefact": "artifact",
    "authorisation": "authorization",
    "authorised": "authorized",
    "unauthorised": "unauthorized",
    "calibre": "caliber",
    "cancelled": "canceled",
    "capitalisations": "capitalizations",
    "catalogue": "catalog",
    "categorise": "categorize",
    "centre": "center",
    "copyrights": "copyright",
    "emphasised": "emphasized",
    "favour": "favor",
    "favourite": "favorite",
    "fulfil": "fulfill",
    "fulfilment": "fulfillment",
    "https": "http",
    "initialise": "initialize",
    "judgement": "judgment",
    "labelling": "labeling",
    "labour": "labor",
    "maximise": "maximize",
    "modelled": "modeled",
    "modelling": "modeling",
    "offence": "offense",
    "optimise": "optimize",
    "organisation": "organization",
    "organise": "organize",
    "practise": "practice",
    "programme": "program",
    "realise": "realize",
    "recognise": "recognize",
    "signalling": "signaling",
    "utilisation": "utilization",
    "whilst": "while",
    "wilful": "willful",
}
# Comment marks that are made of letters.
_SKIPPED = ("dnl", "rem")
# A line that opens with one of these pairs of words names holders or years, and is at most so long.
_OWNERSHIP = ("copyright", "c", "\u00a9", "portions")
_AFTER_OWNERSHIP = ("c", "by", "year", "yyyy", "xxxx", "copyright", "present", "\u00a9")
_MAX_OWNERSHIP_WORDS = 24
_GRANTS = ("license", "licensed", "licenses", "permission", "distributed", "redistribution", "under", "terms")


class Tokens(NamedTuple):
    """The words of a batch of texts.

    ``words``: hash of each word. ``starts``, ``ends``: its bytes, counted from the start of its own text.
    ``bounds``: text ``i`` has the words ``bounds[i]`` to ``bounds[i + 1]``.
    """

    words: Hashes
    starts: Places
    ends: Places
    bounds: Places


def tokenise(texts: Sequence[bytes]) -> Tokens:
    """The words of each text. Linear in their length; the caller bounds it (memory: about 60 bytes a byte).

    Args:
        texts: UTF-8; any other bytes give words that mean nothing, never an error.
    """
    buffer = bytes(_PAD) + b"\n\0\n".join(_without_markup(text) for text in texts) + bytes(_PAD)
    raw = np.frombuffer(buffer, np.uint8)
    folded = buffer.translate(_TABLE)
    letters = np.frombuffer(folded, np.uint8)
    inside = letters != _BREAK
    heads = None
    if not buffer.isascii():
        inside, heads = _without_punctuation(raw, inside)
    # "+" ends a word ("GPL2+") and begins none.
    plus = np.flatnonzero(letters == _PLUS)
    if len(plus):
        inside = inside.copy()
        inside[plus] = (letters[plus - 1] != _BREAK) & (letters[plus - 1] != _PLUS) & inside[plus - 1]
    edges = np.flatnonzero(inside[1:] != inside[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    if heads is not None and len(heads):
        starts, ends = _split(starts, ends, heads)
    words = _hash(folded, starts, ends)
    keep = _kept(raw, words, starts, ends)
    words, starts, ends = _equalised(words[keep]), starts[keep], ends[keep]
    lengths = np.fromiter((len(text) + 3 for text in texts), np.int64, len(texts))
    firsts = np.concatenate((np.array([_PAD], np.int64), _PAD + np.cumsum(lengths)))
    bounds = np.searchsorted(starts, firsts)
    shift = np.repeat(firsts[:-1], np.diff(bounds))
    return Tokens(words, starts - shift, ends - shift, bounds)


def _without_markup(text: bytes) -> bytes:
    if b"\\n" in text:
        text = text.replace(b"\\n", b"\n\n")
    if b"</" in text or b"/>" in text or b"&" in text:
        return _MARKUP.sub(lambda match: b" " * len(match[0]), text)
    return text


def _without_punctuation(raw: Bytes, inside: Flags) -> tuple[Flags, Places]:
    """Drops UTF-8's punctuation from what is inside words; and where characters of CJK begin, each a word."""
    inside = inside.copy()
    for lead, seconds, size in (
        (0xC2, range(0x80, 0xC0), 2),  # Latin-1 signs
        (0xE2, range(0x80, 0x9F), 3),  # general punctuation, arrows, bullets, boxes
        (0xE3, (0x80,), 3),  # CJK punctuation
        (0xEF, (0xBC, 0xBB, 0xBF), 3),  # full-width forms, byte-order mark, replacement character
    ):
        at = np.flatnonzero(raw[: -_PAD + 1] == lead)
        at = at[np.isin(raw[at + 1], np.fromiter(seconds, np.uint8))]
        for step in range(size):
            inside[at + step] = False
    sign = np.flatnonzero((raw[:-1] == 0xC2) & (raw[1:] == 0xA9))
    inside[sign] = inside[sign + 1] = True
    at = np.flatnonzero((raw >= 0xE3) & (raw <= 0xE9) & inside)
    heads = np.unique(np.concatenate((at, at + 3, sign, sign + 2)))
    return inside, heads[heads < len(raw)]


def _split(starts: Places, ends: Places, heads: Places) -> tuple[Places, Places]:
    """Words cut before each place in ``heads`` that lies within one."""
    word = np.searchsorted(starts, heads, side="right") - 1
    heads = heads[(word >= 0) & (heads > starts[word]) & (heads < ends[word])]
    return np.sort(np.concatenate((starts, heads))), np.sort(np.concatenate((ends, heads)))


def _hash(folded: bytes, starts: Places, ends: Places) -> Hashes:
    """A hash of the first and last eight bytes and the length of each word."""
    eights = np.ndarray((len(folded) - 7,), "<u8", folded, 0, (1,))
    lengths = ends - starts
    head = eights[starts] & _MASKS[np.minimum(lengths, 8)]
    tail = np.where(lengths > 8, eights[np.maximum(ends - 8, 0)], np.uint64(0))
    mixed: Hashes = head * _MIX[0]
    mixed ^= mixed >> np.uint64(29)
    mixed += tail * _MIX[1] + lengths.astype(np.uint64)
    mixed ^= mixed >> np.uint64(32)
    mixed *= _MIX[2]
    mixed ^= mixed >> np.uint64(31)
    return mixed


def direct(words: Sequence[str]) -> Hashes:
    """Hashes of single lower-case words, also of those that ``tokenise`` leaves out or holds equal to others."""
    coded = [word.encode() for word in words]
    folded = bytes(_PAD) + b"\0".join(coded) + bytes(_PAD)
    lengths = np.array([len(one) for one in coded], np.int64)
    ends = _PAD + np.cumsum(lengths + 1) - 1
    return _hash(folded, ends - lengths, ends)


class _Words:
    """A small set of words, asked for many at a time: a bitmap first, then a search."""

    def __init__(self, words: Sequence[str]) -> None:
        self.hashes = np.sort(direct(words))
        self.seen = np.zeros(1 << 16, np.bool_)
        self.seen[self.hashes & np.uint64(0xFFFF)] = True

    def __call__(self, hashes: Hashes) -> Flags:
        found: Flags = self.seen[hashes & np.uint64(0xFFFF)]
        at = np.flatnonzero(found)
        known = hashes[at]
        found[at] = (
            self.hashes[np.minimum(np.searchsorted(self.hashes, known), len(self.hashes) - 1)] == known
        )
        return found


_IS_SKIPPED = _Words(_SKIPPED)
_IS_OWNERSHIP = _Words(_OWNERSHIP)
_IS_AFTER_OWNERSHIP = _Words(_AFTER_OWNERSHIP)
_IS_GRANT = _Words(_GRANTS)
_HAS_EQUAL = _Words(tuple(_EQUAL))
_EQUAL_FROM = direct(tuple(_EQUAL))
_EQUAL_ORDER = np.argsort(_EQUAL_FROM)
_EQUAL_TO = direct(tuple(_EQUAL.values()))[_EQUAL_ORDER]
_ALL_RIGHTS_RESERVED = direct(("all", "rights", "reserved"))


def _equalised(words: Hashes) -> Hashes:
    at = np.flatnonzero(_HAS_EQUAL(words))
    if len(at):
        words[at] = _EQUAL_TO[np.searchsorted(_EQUAL_FROM[_EQUAL_ORDER], words[at])]
    return words


def _kept(raw: Bytes, words: Hashes, starts: Places, ends: Places) -> Flags:
    """False for words that differ from copy to copy: copyright lines, list numbers, comment marks."""
    count = len(words)
    keep = ~_IS_SKIPPED(words)
    if count < 2:
        return keep
    line_ends = np.flatnonzero(raw == 10)
    line = np.searchsorted(line_ends, starts)
    first = np.empty(count, np.bool_)
    first[0], first[1:] = True, line[1:] != line[:-1]
    digits = (raw[starts] >= 48) & (raw[starts] <= 57)
    lengths = ends - starts
    keep &= ~_numbering(raw, starts, ends, lengths, digits)

    # Copyright lines.
    opens = np.flatnonzero(first & _IS_OWNERSHIP(words))
    opens = opens[opens + 1 < count]
    after = opens + 1
    opens = opens[
        (line[after] == line[opens])
        & (_IS_AFTER_OWNERSHIP(words[after]) | (digits[after] & (lengths[after] == 4)))
    ]
    lines = np.append(np.flatnonzero(first), count)
    ends_of = lines[np.searchsorted(lines, opens, side="right")]
    grants = np.zeros(count + 1, np.int64)
    np.cumsum(_IS_GRANT(words), out=grants[1:])
    owned = (ends_of - opens <= _MAX_OWNERSHIP_WORDS) & (grants[ends_of] == grants[opens])
    for begin, end in zip(opens[owned].tolist(), ends_of[owned].tolist(), strict=True):
        keep[begin:end] = False
    # "All rights reserved", which some copies have and some do not.
    at = np.flatnonzero(words[:-2] == _ALL_RIGHTS_RESERVED[0]) if count > 2 else np.empty(0, np.int64)
    at = at[(words[at + 1] == _ALL_RIGHTS_RESERVED[1]) & (words[at + 2] == _ALL_RIGHTS_RESERVED[2])]
    for step in range(3):
        keep[at + step] = False
    return keep


def _numbering(raw: Bytes, starts: Places, ends: Places, lengths: Places, digits: Flags) -> Flags:
    """True for ``2.``, ``(b)``, ``iv)`` where a sentence or clause has just ended, whatever the line breaks."""
    found: Flags = np.zeros(len(starts), np.bool_)
    at = np.flatnonzero((lengths[1:] <= 2) & (lengths[:-1] > 1)) + 1
    after = raw[ends[at]]
    at = at[((after == 46) | (after == 41)) & (raw[ends[at] + 1] <= 32)]
    before = raw[ends[at - 1]]
    at = at[np.isin(before, np.frombuffer(b":;.,", np.uint8))]
    roman = np.isin(raw[starts[at]] | 32, np.frombuffer(b"ivx", np.uint8))
    found[at[digits[at] | (lengths[at] == 1) | roman]] = True
    return found
