"""Which of the rules and texts that were found in a text are its statements.

A licence's text accounts for every name and notice within it. Names of licences beside texts say little: they
head them, list them or compare them. What names a family only ("GPL", "BSD") gives way to what names one of it.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from gristmill.annotate.licences import index as index_file
from gristmill.annotate.licences import similar
from gristmill.annotate.licences.index import Index
from gristmill.annotate.licences.rules import Hits
from gristmill.annotate.licences.similar import Region
from gristmill.annotate.licences.tokens import Flags, Hashes
from gristmill.spdx import agreement, expressions

# How a text is read: a licence file; a page, where a name or link alone states nothing; a source file, where
# short labels may be code besides.
Reading = Literal["licence", "page", "source"]

_KINDS = {
    index_file.TEXT: "text",
    index_file.NOTICE: "notice",
    index_file.TAG: "notice",
    index_file.REFERENCE: "notice",
    index_file.POINTER: "reference",
}
_MIN_RELEVANCE = 80
# A rule that is a text or notice of fewer words proves as little as a name.
_MIN_STRONG_WORDS = 8
_MIN_NESTED_WORDS = 40
_MIN_SOURCE_WORDS = 4
_MIN_SOURCE_RELEVANCE = 95
# More licences than these, and nothing but their names, is a list of licences.
_MAX_NAMED = 8
_LEAST, _LEAST_SHORT, _LEAST_SEVERAL = 0.78, 0.85, 0.95
_SHORT_WORDS = 60
_ABOUT_LICENCE = 0.8
_TAKES_EXCEPTIONS = ("GPL-", "LGPL-", "AGPL-", "Apache-2.0")
_VAGUE = re.compile(
    r"LicenseRef-scancode-(?:unknown|free-unknown|other-|generic-|warranty-disclaimer|see-license|patent-disclaimer"
    r"|license-file-reference|unknown-spdx|no-license|unpublished-source|commercial-option|proprietary-license$"
    r"|commercial-license$|proprietary$|public-domain)"
)


class Piece(NamedTuple):
    """A rule or text that was found: the half-open range of words, and what it says."""

    kind: str
    expression: str
    rule: str
    start: int
    end: int
    score: float
    strong: bool


def select(hits: Hits, regions: list[Region], words: Hashes, reading: Reading, index: Index) -> list[Piece]:
    """The statements of one text, by start.

    Args:
        hits: rules that stand in it word for word, as ``rules.find`` gives them.
        regions: what is like a text, as ``similar.find`` gives them.
        words: of the text.
        reading: what the text is.
        index: of the rules.
    """
    if reading == "source" and int((hits[:, 2] - hits[:, 1]).sum()) >= _ABOUT_LICENCE * len(words):
        reading = "licence"  # Whatever its name, it is about a licence and little else.
    pieces = _joined(_exact(hits, reading, index), regions, words, index)
    return _without_lesser([piece for piece in pieces if piece.kind])


def strong(hits: Hits, index: Index) -> Flags:
    """Which hits are texts or notices of more words than a name has."""
    kinds = index.rule_kind[hits[:, 0]]
    flags: Flags = (kinds == index_file.TEXT) | (kinds == index_file.NOTICE)
    flags &= hits[:, 2] - hits[:, 1] >= _MIN_STRONG_WORDS
    return flags


def _exact(hits: Hits, reading: Reading, index: Index) -> list[Piece]:
    """A piece for every hit, of no kind if it states nothing: it still accounts for its words."""
    found = []
    for (rule, start, end), proves in zip(hits.tolist(), strong(hits, index).tolist(), strict=True):
        kind, relevance = int(index.rule_kind[rule]), int(index.rule_relevance[rule])
        counts = relevance >= _MIN_RELEVANCE and (
            proves or reading == "licence" or _says_enough(kind, relevance, end - start, reading)
        )
        expression = index.expressions[index.rule_expression[rule]]
        found.append(
            Piece(
                _KINDS.get(kind, "") if counts else "", expression, index.name(rule), start, end, 1.0, proves
            )
        )
    return found


def _says_enough(kind: int, relevance: int, words: int, reading: Reading) -> bool:
    """Whether a short rule states a licence outside of licence files."""
    if kind == index_file.POINTER:
        return True
    if kind not in (index_file.TAG, index_file.NOTICE):
        return False
    return reading == "page" or (words >= _MIN_SOURCE_WORDS and relevance >= _MIN_SOURCE_RELEVANCE)


def _joined(exact: list[Piece], regions: list[Region], words: Hashes, index: Index) -> list[Piece]:
    """Exact pieces and regions, none overlapping another: a region stands if it accounts for more words."""
    for region in sorted(regions, key=lambda one: -one.score):
        rule = int(index.text_rule[region.text])
        expression = index.expressions[index.rule_expression[rule]]
        if region.likeness < _least(expression, region.end - region.start):
            continue
        met = [one for one in exact if one.start < region.end and region.start < one.end]
        if any(one.strong and one.end - one.start >= region.score for one in met):
            continue
        # Another licence's text that somebody put into this one.
        nested = [
            one
            for one in met
            if one.kind == "text"
            and one.end - one.start >= _MIN_NESTED_WORDS
            and not similar.holds(region.text, words[one.start : one.end], index)
        ]
        met = [one for one in met if one not in nested]
        kind = _KINDS[int(index.rule_kind[rule])]
        if region.changed and not nested:
            expression = expressions.conjunction([expression, expressions.UNKNOWN]) or expression
        exact = [one for one in exact if one not in met]
        exact.append(
            Piece(
                kind, expression, index.name(rule), region.start, region.end, round(region.likeness, 4), True
            )
        )
    return sorted(exact, key=lambda one: one.start)


def _least(expression: str, words: int) -> float:
    """The likeness that a region needs: short ones change their meaning with few words; rules for several
    licences together are of one project's file."""
    if " AND " in expression or " OR " in expression:
        return _LEAST_SEVERAL
    return _LEAST_SHORT if words < _SHORT_WORDS else _LEAST


def _without_lesser(pieces: list[Piece]) -> list[Piece]:
    strong = [piece for piece in pieces if piece.strong and not _VAGUE.search(piece.expression)]
    named = {one for piece in strong for one in expressions.licences(piece.expression)}
    kept = []
    for piece in pieces:
        if _VAGUE.search(piece.expression):
            continue
        if not piece.strong and named and piece.kind != "reference":
            continue
        kept.append(piece)
    if not named and len({piece.expression for piece in kept}) > _MAX_NAMED:
        return []
    names = {one for piece in kept for one in expressions.licences(piece.expression)}
    return _with_exceptions(
        [piece for piece in kept if not any(agreement.is_family(piece.expression, name) for name in names)]
    )


def _with_exceptions(pieces: list[Piece]) -> list[Piece]:
    """Exceptions that stand by themselves joined to the licence that they stand nearest to, before or behind."""
    exceptions = [piece for piece in pieces if expressions.is_exception(piece.expression)]
    for exception in exceptions:
        bases = [
            place
            for place, piece in enumerate(pieces)
            if piece.expression.startswith(_TAKES_EXCEPTIONS) and " " not in piece.expression
        ]
        if bases:
            nearest = min(bases, key=lambda place: abs(pieces[place].start - exception.start))
            joined = f"{pieces[nearest].expression} WITH {exception.expression}"
            pieces[nearest] = pieces[nearest]._replace(expression=joined)
            pieces = [piece for piece in pieces if piece is not exception]
    return pieces
