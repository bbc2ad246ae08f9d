"""Counts of characters, letters and digits, and the lengths of lines, of all texts of a block at once.

A character is a Unicode code point: a byte of UTF-8 that continues none. Letters and digits are those of
Python's ``str.isalpha`` and ``str.isalnum``. Lines end at a line feed only; one carriage return before it
(or at the end of the text) belongs to the line end, not to the line.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gristmill.annotate.blocks import Block, Bytes, Mask, Positions

# Unicode has no letters or digits from plane 4 on; this noncharacter stands for all of them.
_LAST_CODE_POINT = 0x3FFFF
_UNKNOWN = 0xFF


@dataclass(frozen=True)
class Classes:
    """For each byte of a block: is it an ASCII letter, an ASCII digit, a line feed?"""

    letter: Mask
    digit: Mask
    line_feed: Mask


@dataclass(frozen=True)
class Lines:
    """Of each text: the number of lines, the characters in them without line ends, and the longest line."""

    count: Positions
    characters: Positions
    longest: Positions


def classes_of(data: Bytes) -> Classes:
    """The ASCII classes of each byte."""
    # Unsigned arithmetic wraps, so that one comparison tests both ends of a range.
    return Classes(((data | 0x20) - ord("a")) < 26, (data - ord("0")) < 10, data == ord("\n"))


def continuations(block: Block) -> Positions:
    """The positions of the UTF-8 continuation bytes, in ascending order."""
    if block.raw.isascii():
        return np.empty(0, dtype=np.int64)
    return np.flatnonzero(block.data.view(np.int8) < -64)


def letters_and_digits(block: Block, classes: Classes) -> tuple[Positions, Positions]:
    """The letters, and the letters and digits, of each text."""
    # Every text is followed by a NUL, so no segment is empty; a NUL counts for nothing.
    letters = np.add.reduceat(classes.letter, block.starts, dtype=np.int64)
    digits = np.add.reduceat(classes.digit, block.starts, dtype=np.int64)
    if block.raw.isascii():
        return letters, letters + digits
    leads = np.flatnonzero(block.data >= 0xC0)
    kinds = _kinds(_code_points(block.data, leads))
    texts = block.text_of(leads)
    size = len(block.starts)
    wide_letters = np.bincount(texts[(kinds & 1) != 0], minlength=size)
    wide_both = np.bincount(texts[(kinds & 2) != 0], minlength=size)
    return letters + wide_letters, letters + digits + wide_both


def lines_of(block: Block, classes: Classes, continued: Positions) -> Lines:
    """The lines of each text. ``continued`` is ``continuations(block)``."""
    feeds = np.flatnonzero(classes.line_feed)
    unfinished = (block.ends > block.starts) & ~classes.line_feed[block.ends - 1]
    ends = np.sort(np.concatenate((feeds, block.ends[unfinished])), kind="stable")
    first = np.searchsorted(ends, block.starts)
    count = np.diff(first, append=len(ends))
    holds = count > 0
    starts = np.empty_like(ends)
    starts[1:] = ends[:-1] + 1
    starts[first[holds]] = block.starts[holds]
    lengths = ends - starts
    # Behind the start of an empty line stands a line feed or the NUL between texts, so none goes below 0.
    lengths -= block.data[ends - 1] == ord("\r")
    if len(continued):
        lengths -= np.searchsorted(continued, ends) - np.searchsorted(continued, starts)
    characters, longest = np.zeros_like(count), np.zeros_like(count)
    if len(lengths):
        characters[holds] = np.add.reduceat(lengths, first[holds])
        longest[holds] = np.maximum.reduceat(lengths, first[holds])
    return Lines(count, characters, longest)


def _code_points(data: Bytes, leads: Positions) -> npt.NDArray[np.int32]:
    """The code points that start at ``leads`` (bytes 0xC0 and above), or ``_LAST_CODE_POINT`` if they are larger.

    What is not UTF-8 gives a meaningless number, but none out of bounds.
    """
    lead = data[leads]
    points: npt.NDArray[np.int32] = (lead & 0x1F).astype(np.int32) << 6 | (data[leads + 1] & 0x3F)
    longer = np.flatnonzero(lead >= 0xE0)
    at = leads[longer]
    points[longer] = (points[longer] & 0x3FF) << 6 | (data[at + 2] & 0x3F)
    longest = np.flatnonzero(lead >= 0xF0)
    at = leads[longest]
    points[longest] = (points[longest] & 0x7FFF) << 6 | (data[at + 3] & 0x3F)
    np.minimum(points, _LAST_CODE_POINT, out=points)
    return points


def _kinds(points: npt.NDArray[np.int32]) -> Bytes:
    """Of each code point: bit 0 is ``str.isalpha``, bit 1 is ``str.isalnum``."""
    table = _letter_table()
    kinds: Bytes = table[points]
    unknown = points[kinds == _UNKNOWN]
    if len(unknown):
        for point in np.unique(unknown).tolist():
            table[point] = chr(point).isalpha() | chr(point).isalnum() << 1
        kinds = table[points]
    return kinds


@functools.cache
def _letter_table() -> Bytes:
    """What ``_kinds`` has found so far, by code point; all of them at once would cost more than a small build."""
    return np.full(_LAST_CODE_POINT + 1, _UNKNOWN, dtype=np.uint8)
