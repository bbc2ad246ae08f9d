"""Licence texts and notices that were edited: filled in, reworded here and there, cut, joined.

Runs of words that a text shares with texts of the index name candidates; each is then compared with the
stretch of the text where it seems to stand, word by word. The best takes its stretch, and so on.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gristmill.annotate.licences.index import SAMPLING, SHINGLE_WORDS, Index
from gristmill.annotate.licences.tokens import Flags, Hashes, Places, direct

# Bounds of the work on one text.
MAX_REGIONS = 64
_MAX_ROUNDS = 96
_CANDIDATES = 32
_MAX_FAILURES = 6
_MIN_SHARED = 2
_MIN_CONTAINED = 0.2
# A candidate may be spread over this much more than its own length.
_STRETCH = 1.25
# Runs of words are told apart by so many bits: some thousand of them seldom meet.
_TABLE_BITS = 20
_TABLE_SHIFT = np.uint64(64 - _TABLE_BITS)

# Words that tell licences of one family apart weigh more than others.
_TELLING_WORDS = (
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "01", "v1", "v2", "v3", "v4", "lesser", "library", "affero", "later",
    "newer", "only", "noncommercial", "noderivs", "noderivatives", "sharealike", "advertising", "invariant",
    "exception", "without", "not",
)  # fmt: skip
_TELLING_WEIGHT = 3.0
# Words of sentences that put conditions. A run of words that was put in and holds one may be a rider.
_BINDING_WORDS = (
    "not", "no", "only", "must", "shall", "may", "prohibited", "forbidden", "restriction", "restrictions", "restricted",
    "except", "unless", "without", "require", "required", "requires", "condition", "agree", "cannot", "never", "fee",
    "commercial", "noncommercial", "military", "excluding", "excluded", "disallowed",
)  # fmt: skip
_MIN_FOREIGN_WORDS = 6
# Such a word may also stand right beside: the text has "must not be" somewhere itself.
_BESIDE = 2
# The first or last words of a text, which words that were put in part from the rest.
_NEAR_WORDS = 40
_PUT_IN_WORDS = 30
_LONGER = 2


def _flags(words: tuple[str, ...]) -> Flags:
    """For the 16 bits by which the index knows a word: whether it is one of these."""
    flags = np.zeros(1 << 16, np.bool_)
    flags[direct(words).astype(np.uint16)] = True
    return flags


_TELLING = _flags(_TELLING_WORDS)
_BINDING = _flags(_BINDING_WORDS)
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_LONG_RUN = 8
_HELD = 0.7


class Region(NamedTuple):
    """A stretch of words that is much like text ``text`` of the index.

    ``score``: words in common less those that differ, in words. ``likeness``: share of the words of both that
    stand in runs which they share. ``changed``: words were put in that may take away what the text grants.
    """

    text: int
    start: int
    end: int
    score: float
    likeness: float
    changed: bool


def find(words: Hashes, shingles: Hashes, known: Places, index: Index, least: float) -> list[Region]:
    """The regions of one text that are like texts of the index, none overlapping another, by start.

    Args:
        words: of the text.
        shingles: hashes of its runs of ``SHINGLE_WORDS`` words.
        known: rows of (first word, word after the last) of what stands there exactly, by start. Texts that
            share nothing outside one of these account for no more than it does, and are left out.
        index: the texts.
        least: likeness below which there is no region.
    """
    places, texts = _beyond(known, *postings(shingles, index))
    folded = words.astype(np.uint16)
    theirs = _Runs(folded)
    sizes = np.diff(index.text_bounds).astype(np.int64)
    found: list[Region] = []
    failures = 0
    for _ in range(_MAX_ROUNDS):
        if len(places) < _MIN_SHARED or len(found) == MAX_REGIONS or failures == _MAX_FAILURES:
            break
        top = _candidates(texts, sizes)
        if not len(top):
            break
        best = _best(top, places, texts, theirs, found, index, least)
        if best is None:
            failures += 1
            rest = ~_among(texts, top, len(sizes))
        else:
            found.append(best)
            rest = (places + SHINGLE_WORDS <= best.start) | (places >= best.end)
        places, texts = places[rest], texts[rest]
    return sorted(found, key=lambda one: one.start)


def _among(texts: Places, chosen: Places, count: int) -> Flags:
    """Which of ``texts``, numbers below ``count``, are chosen ones."""
    flags = np.zeros(count, np.bool_)
    flags[chosen] = True
    found: Flags = flags[texts]
    return found


def _candidates(texts: Places, sizes: Places) -> Places:
    """The texts that share most, by the number of shingles they share and the part of theirs that this is."""
    counts = np.bincount(texts, minlength=len(sizes))
    shared = np.flatnonzero(counts >= _MIN_SHARED)
    contained = np.minimum(1.0, counts[shared] * SAMPLING / np.maximum(sizes[shared] - SHINGLE_WORDS + 1, 1))
    worth = np.where(contained >= _MIN_CONTAINED, counts[shared] * contained, 0.0)
    order = np.argsort(-worth, kind="stable")[:_CANDIDATES]
    return shared[order[worth[order] > 0]]


def _best(
    top: Places,
    places: Places,
    texts: Places,
    theirs: _Runs,
    found: list[Region],
    index: Index,
    least: float,
) -> Region | None:
    """Of the candidates that are alike enough the one that accounts for most words, between those ``found``."""
    chosen = _among(texts, top, len(index.text_rule))
    places, texts = places[chosen], texts[chosen]
    best: Region | None = None
    for most, text in _hopeful(top, theirs, index, least):
        if best is not None and best.score >= most:
            break
        floor = best.score if best is not None else -math.inf
        region = _compare(text, places[texts == text], theirs, found, index, floor)
        if region.likeness >= least and (best is None or region.score > best.score):
            best = region
    if best is None or best.changed:
        return best
    # What was put in near an end of a text may lie just outside, and shorter texts of the licence leave it out.
    for text in _longer(best, top, index):
        region = _compare(text, places[texts == text], theirs, found, index, -math.inf, reach=True)
        before, behind = best.start - region.start, region.end - best.end
        near = min(before, behind) >= 0 and max(before, behind) <= _NEAR_WORDS + _PUT_IN_WORDS
        if near and region.changed and region.likeness >= least:
            return region
    return best


def _longer(region: Region, top: Places, index: Index) -> list[int]:
    """The text of a region, and candidates that are longer texts of the same licence."""
    licence = index.rule_expression[index.text_rule]
    sizes = np.diff(index.text_bounds[np.stack((top, top + 1))], axis=0)[0]
    size = int(sizes[top == region.text][0])
    longer = top[(licence[top] == licence[region.text]) & (sizes > size)]
    return [region.text, *longer[:_LONGER].tolist()]


def _hopeful(top: Places, theirs: _Runs, index: Index, least: float) -> list[tuple[int, int]]:
    """Texts that can be alike enough, each behind the score that it can have at most, from the highest down: what it
    shares with the words of all places bounds what it shares with those of one."""
    found = []
    for text in top.tolist():
        size = int(index.text_bounds[text + 1]) - int(index.text_bounds[text])
        common = int(_covered(theirs.anywhere(_text_runs(text, index)), size).sum())
        if 2 * common >= least * (size + common):
            found.append((2 * common - size, text))
    return sorted(found, key=lambda one: -one[0])


def _text_runs(text: int, index: Index) -> Hashes:
    """The runs of three words of a text of the index, made when they are first asked for."""
    runs = index.runs.get(text)
    if runs is None:
        first, last = index.text_bounds[text : text + 2].tolist()
        runs = index.runs[text] = _places(index.text_words[first:last])
    return runs


def postings(shingles: Hashes, index: Index) -> tuple[Places, Places]:
    """(place, text) of every shingle of the index in the text."""
    places = np.flatnonzero(shingles % np.uint64(SAMPLING) == 0)
    keys = (shingles[places] >> np.uint64(32)).astype(np.uint32)
    at = np.minimum(np.searchsorted(index.shingles, keys), len(index.shingles) - 1)
    known = index.shingles[at] == keys
    places, at = places[known], at[known]
    first = index.shingle_bounds[at].astype(np.int64)
    counts = index.shingle_bounds[at + 1].astype(np.int64) - first
    rows = np.arange(int(counts.sum())) + np.repeat(first - (np.cumsum(counts) - counts), counts)
    return np.repeat(places, counts), index.shingle_texts[rows].astype(np.int64)


def _beyond(known: Places, places: Places, texts: Places) -> tuple[Places, Places]:
    """Without the texts whose places all lie within one and the same of ``known``; places must be sorted."""
    if not len(known) or not len(places):
        return places, texts
    at = np.searchsorted(known[:, 0], places, side="right") - 1
    within = np.where((at >= 0) & (places + SHINGLE_WORDS <= known[at, 1]), at, -1)
    # Of a text's places the first and the last write what they lie within: what is between lies there too.
    first, last = np.empty((2, int(texts.max()) + 1), np.int64)
    last[texts] = within
    first[texts[::-1]] = within[::-1]
    outside = np.zeros(len(first), np.bool_)
    outside[texts[within < 0]] = True
    kept = outside[texts] | (first[texts] != last[texts])
    return places[kept], texts[kept]


class _Runs:
    """The words of a text, and the runs of three of them."""

    def __init__(self, words: npt.NDArray[np.uint16]) -> None:
        self.words = words
        self.runs = _places(words)
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._anywhere = self._table.copy()
        self._anywhere[self.runs] = True

    def anywhere(self, ours: Hashes) -> Flags:
        """Which of ``ours`` are among the runs of all words."""
        found: Flags = self._anywhere[ours]
        return found

    def shared(self, ours: Hashes, low: int, high: int) -> tuple[Flags, Flags]:
        """Which of ``ours`` are among the runs of the words from ``low`` to ``high``, and which of these among ours."""
        theirs = self.runs[low : max(low, high - 2)]
        return self._among(ours, theirs), self._among(theirs, ours)

    def _among(self, some: Hashes, others: Hashes) -> Flags:
        self._table[others] = True
        found: Flags = self._table[some]
        self._table[others] = False
        return found


def _compare(
    text: int,
    places: Places,
    whole: _Runs,
    found: list[Region],
    index: Index,
    floor: float,
    *,
    reach: bool = False,
) -> Region:
    """A text of the index beside the stretch of words that holds most of the ``places`` it shares and touches
    nothing that was ``found``; with ``reach`` up to where the text begins and ends, if that is near. Of one whose score is
    not above ``floor`` not all is looked at."""
    bounds = index.text_bounds[text : text + 2].tolist()
    ours = index.text_words[bounds[0] : bounds[1]]
    size = len(ours)
    spread = int(size * _STRETCH) + SHINGLE_WORDS
    held = np.searchsorted(places, places + spread) - np.arange(len(places))
    first = int(np.argmax(held))
    begin, last = int(places[first]), int(places[first + int(held[first]) - 1]) + SHINGLE_WORDS
    floor = max((one.end for one in found if one.end <= begin), default=0)
    roof = min((one.start for one in found if one.start > begin), default=len(whole.words))
    low, high = max(floor, begin - size // 4 - 8), min(roof, last + size // 4 + 8)
    theirs = whole.words[low:high]
    mine, other = whole.shared(_text_runs(text, index), low, high)
    shared_ours, shared_theirs = _covered(mine, size), _covered(other, len(theirs))
    if not shared_theirs.any():
        return Region(text, low, low, 0.0, 0.0, False)
    start, end = _dense(shared_theirs)
    if reach:
        start, end = _reached(whole, _text_runs(text, index), start + low, end + low)
        start, end = max(start - low, 0), min(end - low, len(theirs))
    common = min(int(shared_theirs[start:end].sum()), int(shared_ours.sum()))
    extra, missing = end - start - common, size - common
    score = common - missing - extra / 2
    likeness = 2 * common / (size + end - start)
    if score <= floor:
        return Region(text, low + start, low + end, score, likeness, False)
    telling = int(
        _TELLING[ours[~shared_ours]].sum() + _TELLING[theirs[start:end][~shared_theirs[start:end]]].sum()
    )
    score -= _TELLING_WEIGHT * telling
    changed = any(
        _BINDING[theirs[max(start, start + first - _BESIDE) : min(end, start + last + _BESIDE)]].any()
        for first, last in _foreign(shared_theirs[start:end])
    )
    return Region(text, low + start, low + end, score, likeness, changed)


def _dense(shared: Flags) -> tuple[int, int]:
    """The stretch that gains most, where a shared word gains one and another loses one: words that both use by
    chance, before or behind, are not in it."""
    sums = np.concatenate(([0.0], np.cumsum(np.where(shared, 1.0, -1.0))))
    end = int(np.argmax(sums[1:] - np.minimum.accumulate(sums[:-1]))) + 1
    return int(np.argmin(sums[:end])), end


def _reached(whole: _Runs, ours: Hashes, start: int, end: int) -> tuple[int, int]:
    """A stretch of words made longer to where the first or last words of a text stand, of which ``ours`` are the runs, if
    the stretch lacks them and they are near."""
    held = _twice(whole.shared(ours, start, end)[0])
    if not held.any():
        return start, end
    head, tail = int(held.argmax()), int(held[::-1].argmax())
    if 0 < head < _NEAR_WORDS:
        low = max(0, start - head - _PUT_IN_WORDS)
        before = _twice(whole.shared(ours[: head + 1], low, start)[1])
        start = low + int(before.argmax()) if before.any() else start
    if 0 < tail < _NEAR_WORDS:
        high = min(len(whole.words), end + tail + _PUT_IN_WORDS)
        behind = _twice(whole.shared(ours[-tail - 1 :], end, high)[1])
        end = high - int(behind[::-1].argmax()) if behind.any() else end
    return start, end


def _twice(shared: Flags) -> Flags:
    """Which runs are shared with the next one: a run of three words says little."""
    found: Flags = shared[:-1] & shared[1:]
    return found


def holds(text: int, words: Hashes, index: Index) -> bool:
    """Whether most of ``words`` stand in text ``text`` of the index, in long runs."""
    first, last = index.text_bounds[text : text + 2].tolist()
    runs = _runs(words.astype(np.uint16), _LONG_RUN)
    if not len(runs):
        return True
    return float(np.isin(runs, _runs(index.text_words[first:last], _LONG_RUN)).mean()) >= _HELD


def _runs(words: npt.NDArray[np.uint16], size: int = 3) -> Hashes:
    """A hash of every run of ``size`` words."""
    count = max(0, len(words) - size + 1)
    runs = np.zeros(count, np.uint64)
    for step in range(size):
        runs = (runs + words[step : step + count].astype(np.uint64)) * _FACTOR
    return runs


def _places(words: npt.NDArray[np.uint16]) -> Hashes:
    """The places of the runs of three words in a table of runs."""
    found: Hashes = _runs(words) >> _TABLE_SHIFT
    return found


def _covered(shared: Flags, size: int) -> Flags:
    """Which words stand in a run that is shared."""
    covered = np.zeros(size, np.bool_)
    for step in range(3):
        covered[step : size - 2 + step] |= shared
    return covered


def _foreign(shared: Flags) -> list[tuple[int, int]]:
    """The runs of at least ``_MIN_FOREIGN_WORDS`` words that are not shared."""
    edges = np.flatnonzero(np.diff(np.concatenate(([True], shared, [True]))))
    pairs = zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start, end) for start, end in pairs if end - start >= _MIN_FOREIGN_WORDS]
