"""Which labels and pairs training never sees, so that skill on unseen labels can be measured.

Labels are left out whole. Sets that overlap leave out the same subjects (music, lights and shopping lists of CLINC150
and of HWU64), else one would teach what the other is to test.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from training.examples import NliPair, Task, plain

LABELS: Mapping[str, frozenset[str]] = {
    "clinc_domains": frozenset({"home", "travel"}),
    "hwu_scenarios": frozenset({"iot", "lists", "music", "transport"}),
    "encyclopedia": frozenset({"transport", "plant", "film", "politician"}),
    "emotions": frozenset({"fear", "gratitude", "amusement", "sadness", "curiosity", "disgust"}),
    "commits": frozenset({"docs", "perf", "test"}),
    "comments": frozenset({"deprecation", "ownership", "example", "collaborators"}),
    "files": frozenset({"tests", "changelog", "build script"}),
}
"""Labels left out by task. Intents go with their domain or scenario; topics and headings are drawn by a hash."""

DRAWN = {"awesome_lists": 0.15, "topics": 0.2}
"""Share of the labels left out of sets with very many."""

NLI_SHARE = {"mnli_hw2": 0.04, "mnli_llmsknow": 0.12}
"""Share of the premises of MultiNLI left out."""


def held_out(task: Task) -> frozenset[str]:
    """The labels of a task that training never sees.

    Raises: ValueError if one that is named here is not of the task.
    """
    if task.name in DRAWN:
        return frozenset(label for label in task.phrasings if _place(label) < DRAWN[task.name])
    if task.name == "clinc_intents":
        return frozenset(_with_kin(task, ("play_music", "book_flight")))
    if task.name == "hwu_intents":
        prefixes = tuple(f"{one}_" for one in LABELS["hwu_scenarios"])
        return frozenset(label for label in task.phrasings if label.startswith((*prefixes, "play_music")))
    labels = LABELS.get(task.name, frozenset())
    if unknown := labels - set(task.phrasings):
        raise ValueError(f"{task.name} has no labels {sorted(unknown)}")
    return labels


def split_pairs(
    pairs: Mapping[str, Sequence[NliPair]], forbidden: Sequence[NliPair]
) -> tuple[list[NliPair], list[NliPair]]:
    """Pairs for training and pairs of MultiNLI for development; each once, and no premise in both.

    Args:
        pairs: Pairs by set, those of better sets first: the first of equal pairs counts.
        forbidden: Pairs that training must not see.
    """
    seen = {pair.key for pair in forbidden}
    training: list[NliPair] = []
    development: list[NliPair] = []
    kept_back: set[str] = set()
    for name, share in NLI_SHARE.items():
        kept_back |= {plain(pair.premise) for pair in pairs[name] if _place(plain(pair.premise)) < share}
    for name, part in pairs.items():
        for pair in part:
            if pair.key in seen or not all(pair.key):
                continue
            seen.add(pair.key)
            if pair.key[0] not in kept_back:
                training.append(pair)
            elif name in NLI_SHARE:
                development.append(pair)
    return training, development


def _with_kin(task: Task, labels: Sequence[str]) -> set[str]:
    return {one for label in labels for one in (label, *task.kin[label])}


def _place(text: str) -> float:
    """A number from 0 to 1 that depends on the text alone."""
    return int.from_bytes(hashlib.sha256(f"held out {text}".encode()).digest()[:6], "big") / (1 << 48)
