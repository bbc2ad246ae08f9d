"""What training data is, whatever set it came from: pairs of natural language inference, and texts with labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ENTAILMENT, NEUTRAL, CONTRADICTION = 0, 1, 2
CLASSES = {"entailment": ENTAILMENT, "neutral": NEUTRAL, "contradiction": CONTRADICTION}

_NOT_WORDS = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class NliPair:
    """Does ``hypothesis`` follow from ``premise``? ``label`` is one of the three classes."""

    premise: str
    hypothesis: str
    label: int
    source: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes two pairs the same: letters and digits alone, in lower case."""
        return plain(self.premise), plain(self.hypothesis)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text with the labels that are true of it, and those that are false but near (hard negatives)."""

    text: str
    labels: tuple[str, ...]
    near: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """Texts and the labels they are told apart by.

    Attributes:
        phrasings: By label the words it may be shown as, the plainest first.
        templates: Hypotheses that suit these labels, beside those that suit all.
        kin: By label those that are easily taken for it.
        quota: How many texts an epoch shows, at most.
        cap: How many texts of a label are used, at most.
    """

    name: str
    source: str
    texts: Sequence[LabelledText]
    phrasings: Mapping[str, tuple[str, ...]]
    templates: tuple[str, ...] = ()
    kin: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quota: int = 5000
    cap: int = 500


def plain(text: str) -> str:
    """Lower-cased, without punctuation, with single spaces: by this texts are compared across sets."""
    return " ".join(_NOT_WORDS.sub(" ", text.lower()).split())
