"""Licence statements in texts, found by the words of known licence texts and rules.

Words that stand exactly as in a rule or text are found first; what was edited is found by likeness; then
``selection`` says which of all these are statements. Nothing is guessed: a text like no known one has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gristmill.annotate.licences import index as index_file
from gristmill.annotate.licences import rules, selection, similar
from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.index import SHINGLE_WORDS, Index
from gristmill.annotate.licences.match import Match
from gristmill.annotate.licences.selection import Reading
from gristmill.annotate.licences.tokens import Hashes, tokenise

# Texts are read so many bytes at a time, whole ones; it bounds the memory.
BATCH_BYTES = 2_000_000
# Less than this many words beside what rules account for hold no licence text.
MIN_REST_WORDS = 20
MIN_LIKENESS = 0.78
# Longer texts are to be read to here. The longest bundles of licences that packages ship are near 200 kB.
MAX_BYTES = 262_144


def find(
    texts: Sequence[bytes], readings: Sequence[Reading] | None = None, index: Index | None = None
) -> list[list[Match]]:
    """The licence statements of each text.

    Args:
        texts: UTF-8; the caller bounds their length (time and memory are linear in it).
        readings: what each text is; without them, licence files.
        index: another than the one that the package ships.

    Returns:
        For each text its matches by start, of kinds "text" and "notice", with the rule's name in its source and
        a score: 1 for words that stand exactly so, else their likeness.
    """
    chosen = index or index_file.builtin()
    read = readings or ["licence"] * len(texts)
    return [
        found for first, end in _batches(texts) for found in _find(texts[first:end], read[first:end], chosen)
    ]


def _batches(texts: Sequence[bytes]) -> Iterator[tuple[int, int]]:
    first = size = 0
    for number, text in enumerate(texts):
        if size and size + len(text) > BATCH_BYTES:
            yield first, number
            first, size = number, 0
        size += len(text)
    if first < len(texts):
        yield first, len(texts)


def _find(texts: Sequence[bytes], readings: Sequence[Reading], index: Index) -> Iterator[list[Match]]:
    made = tokenise(texts)
    grams = Grams(made.words)
    hits = rules.find(grams, made.bounds, index)
    shingles = grams.all(SHINGLE_WORDS)
    firsts = np.searchsorted(hits[:, 1], made.bounds).tolist()
    bounds = made.bounds.tolist()
    for number in range(len(texts)):
        low, high = bounds[number], bounds[number + 1]
        own = hits[firsts[number] : firsts[number + 1]] - np.array([0, low, low])
        regions = _regions(
            made.words[low:high], shingles[low : max(low, high - SHINGLE_WORDS + 1)], own, index
        )
        starts, ends = made.starts[low:high], made.ends[low:high]
        yield [
            Match(
                piece.kind,
                piece.expression,
                piece.rule,
                int(starts[piece.start]),
                int(ends[piece.end - 1]),
                piece.score,
            )
            for piece in selection.select(own, regions, made.words[low:high], readings[number], index)
        ]


def _regions(words: Hashes, shingles: Hashes, hits: rules.Hits, index: Index) -> list[similar.Region]:
    """Regions of a text that rules do not account for already."""
    if len(words) - int((hits[:, 2] - hits[:, 1]).sum()) < MIN_REST_WORDS:
        return []
    known = hits[selection.strong(hits, index), 1:]
    return similar.find(words, shingles, known, index, MIN_LIKENESS)
