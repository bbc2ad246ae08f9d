"""The text of the SPDX list that a text is most like, for a person who decides what it is."""

from __future__ import annotations

import numpy as np

from gristmill.annotate.licences import index as index_file
from gristmill.annotate.licences import similar
from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.index import SAMPLING, SHINGLE_WORDS, Index
from gristmill.annotate.licences.tokens import tokenise
from gristmill.spdx import texts


def nearest(text: bytes, index: Index | None = None) -> tuple[str, float] | None:
    """The licence of the SPDX list whose text is most like a text.

    Args:
        text: UTF-8; the caller bounds its length.
        index: another than the one that the package ships.

    Returns:
        Its id, and the estimated share of runs of words (Jaccard) that both have in common, 0 to 1; of equals the first by
        id. None if they share no run of words with any.
    """
    chosen = index or index_file.builtin()
    shingles = Grams(tokenise([text]).words).all(SHINGLE_WORDS)
    places, numbers = similar.postings(shingles, chosen)
    pairs = np.unique(np.stack((numbers, shingles[places].astype(np.int64))), axis=1)
    sampled = len(np.unique(shingles[shingles % np.uint64(SAMPLING) == 0]))
    sizes = np.diff(chosen.text_bounds).astype(np.int64)
    best: tuple[float, str] | None = None
    for number, shared in zip(*np.unique(pairs[0], return_counts=True), strict=True):
        identifier = chosen.expressions[chosen.rule_expression[chosen.text_rule[number]]]
        theirs = max(1, int(sizes[number]) - SHINGLE_WORDS + 1) / SAMPLING
        likeness = float(min(1.0, shared / max(1.0, sampled + theirs - shared)))
        if best is not None and (-likeness, identifier) >= best:
            continue
        if texts.text_of(identifier) is not None:
            best = (-likeness, identifier)
    return None if best is None else (best[1], -best[0])
