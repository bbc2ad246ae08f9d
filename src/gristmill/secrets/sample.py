"""Findings for a person to judge: some at random, which say how good the scores are, and some at the threshold."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gristmill.annotate import linguist
from gristmill.secrets.detect import Finding

Way = Literal["random", "borderline"]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A finding, and the way in which it was drawn."""

    finding: Finding
    way: Way


def draw(findings: Iterable[Finding], thresholds: Mapping[str, float], count: int, seed: int) -> list[Drawn]:
    """At most ``count`` findings: one half at random, the other those whose scores are nearest the threshold.

    Chance is a hash of seed and fingerprint, so the same findings give the same draw, and one that went away does not
    change what becomes of the others. Both halves come mixed, so that a reviewer cannot tell them apart.

    Args:
        findings: equal fingerprints count once.
        thresholds: by type, which must be that of every finding.
        count: of findings, at least 1.
        seed: any number.
    """
    chance = {one.fingerprint: one for one in findings}
    order = sorted(chance, key=lambda name: hashlib.sha256(f"{seed}:{name}".encode()).digest())
    half = (count + 1) // 2
    near = sorted(order[half:], key=lambda name: abs(chance[name].score - thresholds[chance[name].type]))[
        : count - half
    ]
    ways: dict[str, Way] = dict.fromkeys(order[:half], "random")
    ways.update((name, "borderline") for name in near)
    mixed = sorted(ways, key=lambda name: hashlib.sha256(f"{seed}:shown:{name}".encode()).digest())
    return [Drawn(chance[name], ways[name]) for name in mixed]


def path_class(path: str) -> str:
    """What linguist counts a path as: test, vendored, documentation, or other; the first of these that holds."""
    enry, name = linguist.library(), linguist.plain(path)
    classes = (("test", enry.is_test), ("vendored", enry.is_vendor), ("documentation", enry.is_documentation))
    return next((kind for kind, holds in classes if holds(name)), "other")
