"""The language of a text, among those that have a hypothesis template.

By py3langid (Lui and Baldwin, ACL 2012; BSD licence): naive Bayes over byte n-grams, 139 languages, its model in the
package as plain arrays; no download, no pickle, the same answer everywhere. It needs the extra ``languages``.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol

from gristmill.errors import MissingExtraError
from gristmill.zeroshot.templates import canonical

FALLBACK = "en"
CONFIDENCE = 0.2
"""Least probability; below it the text is too short or too mixed to tell."""
CHARACTERS = 2000
"""Of the text's beginning are read: enough to be sure, and a bound on the time that a long text takes."""


class Identifier(Protocol):
    """What is used of py3langid."""

    def rank(self, text: str) -> list[tuple[str, float]]:
        """All languages with their probabilities."""
        ...


@dataclass(frozen=True)
class Detection:
    """A language to choose a template by, and how it came about."""

    language: str
    """A subtag that has a template."""
    confidence: float
    """Probability of the language that was found, 0 to 1, also where the fallback stands in for it."""
    reason: str
    """Why ``language`` is the fallback; empty where it is the language that was found."""


def detect(text: str, *, fallback: str = FALLBACK, least: float = CONFIDENCE) -> Detection:
    """The language of ``text``, by its first 2,000 characters.

    Args:
        fallback: For texts whose language cannot be told, and for languages without a template.
        least: Least probability to trust, 0 to 1. Words alone often stay below; a sentence rarely does.

    Raises: MissingExtraError without py3langid.
    """
    identifier = _identifier()
    sample = text[:CHARACTERS]
    if not any(map(str.isalpha, sample)):
        return Detection(fallback, 0.0, "the text has no letters")
    # Dialects and spellings that share a template must not weaken each other.
    scores: defaultdict[str, float] = defaultdict(float)
    for code, score in identifier.rank(sample):
        scores[canonical(code) or code] += score
    ranked = sorted(scores.items(), key=lambda item: (-item[1], item[0]))
    best, confidence = ranked[0]
    # A language without a template often runs close before a sister that has one (Aragonese before Spanish).
    language, own = next((item for item in ranked if canonical(item[0])), (fallback, 0.0))
    if best == "zxx" and confidence >= least:
        return Detection(fallback, confidence, "the text is not natural language")
    if own >= least:
        return Detection(language, own, "")
    if confidence >= least:
        return Detection(fallback, confidence, f"there is no template for {best}")
    reason = f"the text is too short or too mixed to tell ({best} at {confidence:.2f})"
    return Detection(fallback, confidence, reason)


def detect_language(text: str) -> str:
    """The subtag of the text's language if it is clear and has a template, else ``en``; ``detect`` says why.

    Raises: MissingExtraError without py3langid.
    """
    return detect(text).language


@cache
def _identifier() -> Identifier:
    """The one identifier of this process; loading it takes about half a second of CPU time."""
    try:
        module = import_module("py3langid.langid")
    except ImportError as error:
        raise MissingExtraError(
            "detecting a text's language needs py3langid; install it: pip install 'gristmill[languages]',"
            " or name the language yourself"
        ) from error
    found: Identifier = module.LanguageIdentifier.from_model_file(module.MODEL_FILE, norm_probs=True)
    return found
