r"""Runs of encoded data in texts: base64, hexadecimal bytes, and Unicode escapes.

The kinds and the smallest sizes are those of StarCoder2 (arXiv 2402.19173, section 2.1). Exactly:

- *base64*: 64 or more characters of ``A-Z a-z 0-9 + / =`` and line feed. It does not ask for a decodable
  value, so a long column of bare words or numbers is a run as well, as it is there.
- *hexadecimal*: 8 or more bytes, each of two hexadecimal digits, behind ``\x``, behind ``0x`` (or ``0X``), or
  bare. No ASCII letter, digit or underscore follows a byte, and none stands before a bare byte or a ``0x``.
  Between two bytes stand ASCII white space, one comma, or both; nothing may stand before ``\x`` only. A long
  unbroken string of digits is no such run (but may be one of base64).
- *Unicode escapes*: 8 or more of ``\u`` with four hexadecimal digits, with nothing between them.

A run reaches from its first to its last byte, what stands between included.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gristmill.annotate.blocks import Block, Bytes, Mask, Positions
from gristmill.annotate.characters import Classes

BASE64_CHARACTERS = 64
HEX_BYTES = 8
UNICODE_ESCAPES = 8

_ALL_TRUE = 0x0101010101010101
_SEPARATOR = np.zeros(256, dtype=bool)
_SEPARATOR[list(b" \t\n\r\f\v,")] = True
_EDGE = 3


@dataclass(frozen=True)
class Runs:
    """Of each text of a block: the characters of the longest run, and of all runs together."""

    longest: Positions
    total: Positions


def base64_runs(block: Block, classes: Classes) -> Runs:
    """The runs of base64 characters."""
    inside = classes.letter | classes.digit | classes.line_feed
    for character in b"+/=":
        inside |= block.data == character
    # A run covers seven or more whole words of 8 bytes, so only the gaps between other words are looked at.
    words = inside.view(np.uint64)
    broken = np.flatnonzero(words != _ALL_TRUE)
    (gaps,) = np.nonzero(np.diff(broken) >= BASE64_CHARACTERS // 8)
    by_word = inside.reshape(-1, 8)
    before, after = broken[gaps], broken[gaps + 1]
    starts = 8 * before + 8 - np.argmin(by_word[before][:, ::-1], axis=1)
    ends = 8 * after + np.argmin(by_word[after], axis=1)
    enough = ends - starts >= BASE64_CHARACTERS
    return _runs(block, starts[enough], ends[enough])


def hex_runs(block: Block, classes: Classes) -> Runs:
    """The runs of hexadecimal bytes."""
    data = block.data
    digit = classes.digit | (((data | 0x20) - ord("a")) < 6)
    word = classes.letter | classes.digit | (data == ord("_"))
    # Two digits with no word character behind them and, save for an x, none before; away from the margins.
    pair = digit[2:-2] & digit[3:-1]
    pair &= ~word[4:]
    pair &= ~word[1:-3] | (data[1:-3] | 0x20 == ord("x"))
    first = np.flatnonzero(pair) + 2
    if len(first) < HEX_BYTES:
        return _runs(block, first[:0], first[:0])
    behind_x = word[first - 1]
    escaped = behind_x & (data[first - 1] == ord("x")) & (data[first - 2] == ord("\\"))
    zero = behind_x & (data[first - 2] == ord("0")) & ~word[first - 3]
    legal = ~behind_x | escaped | zero
    starts = np.where(behind_x, first - 2, first)[legal]
    ends = first[legal] + 2
    return _chains(block, starts, ends, _separated(data, ends[:-1], starts[1:]), HEX_BYTES)


def unicode_escape_runs(block: Block) -> Runs:
    r"""The runs of ``\uXXXX`` escapes."""
    data = block.data
    starts = np.flatnonzero((data[:-1] == ord("\\")) & (data[1:] == ord("u")))
    for place in range(2, 6):
        after = data[starts + place]
        starts = starts[((after - ord("0")) < 10) | (((after | 0x20) - ord("a")) < 6)]
    return _chains(block, starts, starts + 6, starts[1:] == starts[:-1] + 6, UNICODE_ESCAPES)


def _separated(data: Bytes, ends: Positions, starts: Positions) -> Mask:
    """Whether only white space and at most one comma stand between each end and the start that follows."""
    sizes = starts - ends
    linked = np.ones(len(sizes), dtype=bool)
    # The bytes at both edges of a gap settle nearly all gaps of ordinary text.
    for place in range(_EDGE):
        (wide,) = np.nonzero(linked & (sizes > place))
        for byte in (data[ends[wide] + place], data[starts[wide] - 1 - place]):
            linked[wide] &= _SEPARATOR[byte]
    (wide,) = np.nonzero(linked & (sizes > 1))
    if len(wide) == 0:
        return linked
    # All bytes of the other gaps, flattened. Gaps do not overlap: these are fewer than the bytes of the block.
    counts = sizes[wide]
    heads = np.cumsum(counts) - counts
    gaps = data[np.repeat(ends[wide] - heads, counts) + np.arange(int(counts.sum()))]
    legal = np.logical_and.reduceat(_SEPARATOR[gaps], heads)
    linked[wide] = legal & (np.add.reduceat(gaps == ord(","), heads, dtype=np.int64) <= 1)
    return linked


def _chains(block: Block, starts: Positions, ends: Positions, linked: Mask, least: int) -> Runs:
    """Join items into runs where ``linked`` (item to next item), and keep those of ``least`` items or more."""
    if len(starts) == 0:
        return _runs(block, starts, ends)
    breaks = np.flatnonzero(~linked)
    first = np.concatenate(([0], breaks + 1))
    last = np.concatenate((breaks, [len(starts) - 1]))
    enough = last - first + 1 >= least
    return _runs(block, starts[first[enough]], ends[last[enough]])


def _runs(block: Block, starts: Positions, ends: Positions) -> Runs:
    longest = np.zeros(len(block.starts), dtype=np.int64)
    total = np.zeros(len(block.starts), dtype=np.int64)
    if len(starts):
        texts = block.text_of(starts)
        np.maximum.at(longest, texts, ends - starts)
        np.add.at(total, texts, ends - starts)
    return Runs(longest, total)
