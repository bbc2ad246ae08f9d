"""Words and word shingles of texts, as 64-bit hashes: the set that near-duplicate detection compares.

The definition is part of the format (``SCHEME``); hashes of different schemes must never be compared.

- *Word*: a maximal run of ASCII letters, ASCII digits, ``_`` and bytes of 0x80 and above, within the UTF-8
  bytes of one text; ASCII letters are lower-cased. It is ``\\w+`` but for non-ASCII punctuation and spaces,
  which count as word characters here, so that no decoding is needed and any bytes are legal.
- *Word hash*: cut the word into pieces of 8 bytes, pad the last with NUL, read piece ``k`` (from 0) as a
  little-endian integer ``p``; the hash is the sum over all pieces of ``mix64(p + (k + 1) * GOLDEN)``.
- *Shingle hash* of ``w`` consecutive words of one text (Broder, "On the resemblance and containment of
  documents", 1997): ``mix64(x)`` with ``x = 0`` and, for each word in order, ``x = x * MULTIPLIER + hash``.

All arithmetic is modulo 2**64. ``mix64`` is the finaliser of splitmix64 (Steele, Lea and Flood, "Fast
splittable pseudorandom number generators", 2014).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Hashes = npt.NDArray[np.uint64]
Offsets = npt.NDArray[np.int64]

SCHEME = "words-5-splitmix64/1"
WORDS = 5
GOLDEN = 0x9E3779B97F4A7C15
MULTIPLIER = 0xD1342543DE82EF95

# Texts are worked on in blocks of about this many bytes, words in blocks of this many, to stay in the cache.
_BLOCK_BYTES = 1 << 20
_BLOCK_WORDS = 1 << 15

_WORD_BYTES = b"0123456789_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" + bytes(range(0x80, 0x100))
_FOLD = bytes(ord(chr(b).lower()) if b < 0x80 else b for b in range(256)).translate(
    bytes(b if b in _WORD_BYTES else 0 for b in range(256))
)
_PIECE = 8
# Keeps the first n bytes of a little-endian piece.
_HEAD = np.array([(1 << (8 * n)) - 1 for n in range(_PIECE + 1)], dtype=np.uint64)


def mix64(values: Hashes) -> Hashes:
    """The splitmix64 finaliser, a bijection of 64-bit integers; overwrites ``values`` and returns it."""
    shifted = values >> np.uint64(30)
    np.bitwise_xor(values, shifted, out=values)
    np.multiply(values, np.uint64(0xBF58476D1CE4E5B9), out=values)
    np.right_shift(values, np.uint64(27), out=shifted)
    np.bitwise_xor(values, shifted, out=values)
    np.multiply(values, np.uint64(0x94D049BB133111EB), out=values)
    np.right_shift(values, np.uint64(31), out=shifted)
    np.bitwise_xor(values, shifted, out=values)
    return values


def shingle_hashes(text: pa.Array, words: int = WORDS) -> tuple[Hashes, Offsets]:
    """The set of shingle hashes of each text.

    Args:
        text: binary or string array (or the large variant of either) of UTF-8 text; other bytes are legal.
        words: words in a shingle. ``SCHEME`` covers the default only.

    Returns:
        ``(hashes, offsets)``: row ``i`` has the distinct shingle hashes ``hashes[offsets[i]:offsets[i + 1]]``
        in ascending order. A null row and a row with fewer words than a shingle have none.

    Raises:
        TypeError: ``text`` is of another type.
        ValueError: ``words`` is not positive.
    """
    parts = [np.empty(0, dtype=np.uint64)]
    offsets = np.zeros(len(text) + 1, dtype=np.int64)
    for start, hashes, part in shingle_blocks(text, words):
        offsets[start + 1 : start + len(part)] = offsets[start] + part[1:]
        parts.append(hashes)
    return np.concatenate(parts), offsets


def shingle_blocks(text: pa.Array, words: int = WORDS) -> Iterator[tuple[int, Hashes, Offsets]]:
    """As ``shingle_hashes``, a block of rows at a time, so that memory does not grow with the batch.

    Yields:
        ``(start, hashes, offsets)``: ``start`` is the first row of the block, the other two are as in
        ``shingle_hashes`` for the rows of the block. The blocks follow one another and cover every row. A
        block is at most one mebibyte of text, or a single larger text; it takes up to 20 times
        that in memory.
    """
    if words < 1:
        raise ValueError(f"words is {words}: a shingle has at least one word")
    data, bounds = _bytes_of(text)
    start = 0
    while start < len(text):
        stop = int(np.searchsorted(bounds, bounds[start] + _BLOCK_BYTES, side="right")) - 1
        stop = max(stop, start + 1)
        block = data[bounds[start] : bounds[stop]]
        hashes, word_offsets = _word_hashes(block, bounds[start : stop + 1] - bounds[start])
        yield start, *_distinct(*_shingles(hashes, word_offsets, words))
        start = stop


def _bytes_of(text: pa.Array) -> tuple[npt.NDArray[np.uint8], Offsets]:
    """The bytes of an Arrow array without a copy, and the bounds of its rows in them."""
    if pa.types.is_large_binary(text.type) or pa.types.is_large_string(text.type):
        width = 8
    elif pa.types.is_binary(text.type) or pa.types.is_string(text.type):
        width = 4
    else:
        raise TypeError(f"text has type {text.type}: cast it to binary or large_binary")
    if text.null_count:
        # Arrow allows any bytes behind a null; an empty value says what we mean.
        text = text.fill_null(pa.scalar(b"", text.type))
    if len(text) == 0:
        return np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64)
    _, offsets, body = text.buffers()
    skipped = text.offset * width
    bounds = np.frombuffer(offsets, dtype=f"i{width}", count=len(text) + 1, offset=skipped)
    data = np.empty(0, dtype=np.uint8) if body is None else np.frombuffer(body, dtype=np.uint8)
    return data, bounds.astype(np.int64)


def _word_hashes(data: npt.NDArray[np.uint8], bounds: Offsets) -> tuple[Hashes, Offsets]:
    """The hashes of the words of all rows, in order, and the offsets of the rows in them."""
    size = len(data)
    folded = np.frombuffer(data.tobytes().translate(_FOLD) + bytes(_PIECE), dtype=np.uint8)
    inside = folded[:size] != 0
    first = inside.copy()
    first[1:] &= ~inside[:-1]
    last = inside
    last[:-1] &= folded[1:size] == 0
    # A row ends a word even where the next row goes on with a word character.
    heads = bounds[:-1][bounds[:-1] < bounds[1:]]
    first[heads] = folded[heads] != 0
    tails = bounds[1:][bounds[:-1] < bounds[1:]] - 1
    last[tails] = folded[tails] != 0
    starts = np.flatnonzero(first)
    lengths = np.flatnonzero(last) - starts + 1
    hashes = np.empty(len(starts), dtype=np.uint64)
    # One unaligned little-endian integer at every byte.
    pieces = np.ndarray((size + 1,), dtype="<u8", buffer=folded, strides=(1,))
    for begin in range(0, len(starts), _BLOCK_WORDS):
        block = slice(begin, begin + _BLOCK_WORDS)
        hashes[block] = _hash_words(pieces, starts[block], lengths[block])
    return hashes, np.searchsorted(starts, bounds)


def _hash_words(pieces: Hashes, starts: Offsets, lengths: Offsets) -> Hashes:
    hashes = pieces[starts]
    hashes &= _HEAD[np.minimum(lengths, _PIECE)]
    hashes += np.uint64(GOLDEN)
    mix64(hashes)
    (long,) = np.nonzero(lengths > _PIECE)
    if len(long) == 0:
        return hashes
    # Every further piece of every long word, flattened: its word, its number in the word, its bytes left.
    counts = (lengths[long] - 1) // _PIECE
    begins = np.cumsum(counts) - counts
    number = np.arange(1, int(counts.sum()) + 1) - np.repeat(begins, counts)
    left = np.repeat(lengths[long], counts) - number * _PIECE
    rest = pieces[np.repeat(starts[long], counts) + number * _PIECE]
    rest &= _HEAD[np.minimum(left, _PIECE)]
    rest += (number + 1).astype(np.uint64) * np.uint64(GOLDEN)
    hashes[long] += np.add.reduceat(mix64(rest), begins)
    return hashes


def _shingles(hashes: Hashes, word_offsets: Offsets, words: int) -> tuple[Hashes, Offsets]:
    """The hashes of all runs of ``words`` words that lie within a row, with the offsets of the rows."""
    counts = np.maximum(np.diff(word_offsets) - (words - 1), 0)
    offsets = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    total = len(hashes) - (words - 1)
    if total <= 0:
        return np.empty(0, dtype=np.uint64), offsets
    within = np.ones(total, dtype=bool)
    for back in range(1, words):
        crossing = word_offsets[1:] - back
        within[crossing[(crossing >= 0) & (crossing < total)]] = False
    shingles = np.empty(total, dtype=np.uint64)
    for begin in range(0, total, _BLOCK_WORDS):
        end = min(begin + _BLOCK_WORDS, total)
        block = hashes[begin:end].copy()
        for word in range(1, words):
            block *= np.uint64(MULTIPLIER)
            block += hashes[begin + word : end + word]
        shingles[begin:end] = mix64(block)
    return (shingles if within.all() else shingles[within]), offsets


def _distinct(hashes: Hashes, offsets: Offsets) -> tuple[Hashes, Offsets]:
    """Sort each row and drop its repeats; overwrites ``hashes``."""
    # One call a row, not a value: numpy sorts only a whole array, and a key of (row, hash) needs 128 bits.
    for start, stop in zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True):
        if stop - start > 1:
            hashes[start:stop].sort()
    new = np.ones(len(hashes), dtype=bool)
    new[1:] = hashes[1:] != hashes[:-1]
    new[offsets[:-1][offsets[:-1] < offsets[1:]]] = True
    kept = np.zeros(len(hashes) + 1, dtype=np.int64)
    np.cumsum(new, out=kept[1:])
    return (hashes if kept[-1] == len(hashes) else hashes[new]), kept[offsets]
