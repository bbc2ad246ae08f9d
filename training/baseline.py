"""The unchanged encoder on the development sets: which label's sentence is nearest to the text by cosine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gristmill.zeroshot.shortlist import Shortlist
from training.development import Choice, choice_accuracy

PHRASINGS = ("{}", "This text is about {}.")


def cosine(base: Path, unseen: Mapping[str, Sequence[Choice]]) -> dict[str, dict[str, float]]:
    """Accuracy by template and task; the better template is the baseline to beat."""
    encoder = Shortlist.load(base)
    found: dict[str, dict[str, float]] = {}
    for template in PHRASINGS:
        for name, asked in unseen.items():
            texts = encoder.embed([one.text for one in asked])
            known = sorted({words for one in asked for words in one.words})
            places = {words: place for place, words in enumerate(known)}
            labels = encoder.embed([template.format(words) for words in known])
            scores = [
                (labels[[places[words] for words in one.words]] @ text).astype(np.float64)
                for text, one in zip(texts, asked, strict=True)
            ]
            found.setdefault(template, {})[name] = choice_accuracy(scores, asked)
    encoder.close()
    return found
