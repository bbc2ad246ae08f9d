"""The detector ``patterns``: our own validated rules, in pure Python behind a vectorised gate."""

from __future__ import annotations

import pyarrow as pa

from gristmill.annotate.findings import addresses, assignments, credentials, providers
from gristmill.annotate.findings.gate import candidates, compile_gate, texts_of
from gristmill.annotate.findings.rule import Hit

RULES = (*credentials.RULES, *providers.RULES, *addresses.RULES, *assignments.RULES)
_GATE = compile_gate(RULES)
# Rules that find a value by its surroundings: they yield to a rule that knows the value itself.
_GENERIC = frozenset(
    (
        "assignment",
        "assignment-uuid",
        "authorization-basic",
        "authorization-bearer",
        "authorization-header",
        "key-header",
    )
)


def find(column: pa.Array) -> list[tuple[int, Hit]]:
    """The findings in a column of texts.

    Args:
        column: UTF-8 text, binary or string (or the large variant of either); null if not text.

    Returns:
        ``(row, hit)`` pairs, in ascending order of row, start, end and rule. Spans are byte offsets in the
        row's text. A generic finding that overlaps a specific one at least as sure is left out.

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
    """Drops generic hits that overlap a specific one; ``hits`` are sorted by start."""
    specific = [hit for hit in hits if hit.rule not in _GENERIC]
    if not specific or len(specific) == len(hits):
        return hits
    kept: list[Hit] = []
    first = 0
    for hit in hits:
        if hit.rule in _GENERIC:
            while first < len(specific) and specific[first].end <= hit.start:
                first += 1
            if any(
                s.start < hit.end and s.end > hit.start and s.score >= hit.score
                for s in specific[first : first + 8]
            ):
                continue
        kept.append(hit)
    return kept
