"""Whole licence texts, by the licenseclassifier package (a port of Google's licensecheck).

It reports a region where a text fits the whole template of a licence, word by word. This module bounds what
it may cost, puts its ids into SPDX form and its offsets into bytes. It is the seam for another engine:
nothing else in Gristmill knows licenseclassifier.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from licenseclassifier import identify_license
from licenseclassifier._engine import builtin_scanner

from gristmill.annotate.licences.match import Match
from gristmill.spdx import expressions

ENGINE = "licenseclassifier"
# Longer texts are read to here. The longest bundles of licences that packages ship are near 200 kB.
MAX_BYTES = 262_144
MAX_REGIONS = 512
# Below this many characters a region is a statement about a licence, not its text (the 0BSD has 640).
_SHORT_REGION = 480
# The matcher looks for the end of some Markdown from each place where it may begin, up to the next white
# space: quadratic in the length of a word. No licence has words of this length.
_LONG_WORD = re.compile(r"\S{512,}")
# States of the matcher's automaton that it keeps, about 1 kB each: it never drops one by itself.
_MAX_STATES = 200_000
# Names of licensecheck's that SPDX does not list.
_ENGINE_IDS = {
    "CommonsClause": expressions.ADDED_RESTRICTION,
    "GPL-2.0-or-3.0": "GPL-2.0-only OR GPL-3.0-only",
}


class Region(NamedTuple):
    """A licence text: expression, and the half-open range of characters that it covers."""

    expression: str
    start: int
    end: int
    url: bool


def regions(text: str) -> list[Region]:
    """Where licence texts, well-known notices and links to licences stand in a text, in order.

    Args:
        text: any text; only the first ``MAX_BYTES`` characters are read.
    """
    text = _LONG_WORD.sub(lambda match: " " * len(match[0]), text[:MAX_BYTES])
    found = [
        Region(
            _ENGINE_IDS.get(one.id) or expressions.normalise(one.id) or expressions.UNKNOWN,
            one.start,
            one.end,
            text[one.start : one.start + 4].lower() == "http",
        )
        for one in identify_license(text, coverage_threshold=0.0)[:MAX_REGIONS]
        if one.start < one.end
    ]
    states = builtin_scanner().re._info
    if len(states) > _MAX_STATES:
        states.clear()
    return found


def find(data: bytes, *, links: bool) -> list[Match]:
    """The licence texts in a content.

    Args:
        data: UTF-8.
        links: take a link to a licence for a statement, where there is no text. A README links to much.

    Returns:
        Matches with rule ``licenseclassifier/<id>``, of kind "text", or "notice" where the region is short or
        but a link. Score: the share of the content that the regions
        cover, white space apart.
    """
    text = data[:MAX_BYTES].decode("utf-8", "surrogateescape")
    found = regions(text)
    shown = [region for region in found if not region.url] or (found if links else [])
    offsets = _byte_offsets(text, (place for region in found for place in (region.start, region.end)))
    visible = len("".join(text.split())) or 1
    share = min(1.0, sum(len("".join(text[r.start : r.end].split())) for r in shown) / visible)
    return [
        Match(
            "notice" if region.url or region.end - region.start < _SHORT_REGION else "text",
            region.expression,
            f"{ENGINE}/{region.expression}",
            offsets[region.start],
            offsets[region.end],
            round(share, 4),
        )
        for region in shown
    ]


@lru_cache(maxsize=2048)
def identify_terms(words: str) -> str | None:
    """The licence whose terms stand in a header, as ``headers`` cuts it out; None if it is not known.

    Answers are kept, since headers repeat from file to file.
    """
    return expressions.conjunction(region.expression for region in regions(words) if not region.url)


def _byte_offsets(text: str, positions: Iterable[int]) -> dict[int, int]:
    """The byte offset in UTF-8 of each character offset, in one pass."""
    offsets: dict[int, int] = {}
    done = size = 0
    for position in sorted(set(positions)):
        part = text[done:position]
        size += len(part) if part.isascii() else len(part.encode("utf-8", "surrogateescape"))
        done = position
        offsets[position] = size
    return offsets
