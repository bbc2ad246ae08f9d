"""The detector ``patterns``: our own validated rules, in pure Python behind a vectorised gate."""

from __future__ import annotations

import pyarrow as pa

from gristmill.annotate.findings import (
    accounts,
    addresses,
    assignments,
    credentials,
    mail,
    numbers,
    people,
    phones,
    providers,
)
from gristmill.annotate.findings.gate import candidates, compile_gate, texts_of
from gristmill.annotate.findings.rule import Hit

RULES = (
    *credentials.RULES,
    *providers.RULES,
    *mail.RULES,
    *addresses.RULES,
    *numbers.RULES,
    *phones.RULES,
    *people.RULES,
    *accounts.RULES,
    *assignments.RULES,
)
_GATE = compile_gate(RULES)
# Rules that find a value by its surroundings yield to those that know more of it: names to headers, both to forms.
_NAMES = frozenset(("assignment", "assignment-uuid"))
_HEADERS = frozenset(("authorization-basic", "authorization-bearer", "authorization-header", "key-header"))
# ... unless that rule is less sure than this.
_SURE = 0.5
# Hits in order of their starts on either side that one is compared with.
_BESIDE = 8


def find(column: pa.Array) -> list[tuple[int, Hit]]:
    """The findings in a column of texts.

    Args:
        column: UTF-8 text, binary or string (or the large variant of either); null if not text.

    Returns:
        ``(row, hit)`` pairs, in ascending order of row, start, end and rule. Spans are byte offsets in the
        row's text. A generic finding that overlaps a specific one is left out, unless that one is hardly sure.

    Raises:
        TypeError: the column has another type.
    """
    texts = texts_of(column)
    found: dict[int, set[Hit]] = {}
    current, text = -1, b""
    for row, position, rule in candidates(_GATE, texts):
        if row != current:
            current, text = row, texts.row(row)
        hit = RULES[rule].find(text, position)
        if hit is not None:
            found.setdefault(row, set()).add(hit)
    return [(row, hit) for row in sorted(found) for hit in _without_echoes(sorted(found[row]))]


def _without_echoes(hits: list[Hit]) -> list[Hit]:
    """Drops hits that overlap one whose rule knows more of the value; ``hits`` are sorted by start."""
    ranks = [0 if hit.rule in _NAMES else 1 if hit.rule in _HEADERS else 2 for hit in hits]
    if min(ranks, default=2) == max(ranks, default=2):
        return hits
    kept: list[Hit] = []
    for place, (hit, rank) in enumerate(zip(hits, ranks, strict=True)):
        low, high = max(0, place - _BESIDE), place + _BESIDE + 1
        if rank == 2 or not any(
            other_rank > rank
            and other.start < hit.end
            and other.end > hit.start
            and other.score >= min(hit.score, _SURE)
            for other, other_rank in zip(hits[low:high], ranks[low:high], strict=True)
        ):
            kept.append(hit)
    return kept
