"""How sure a finding must be to count: thresholds of its score, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from gristmill.annotate.findings.rule import TYPES

Sensitivity = Literal["low", "medium", "high"]

THRESHOLDS: Mapping[Sensitivity, float] = {"low": 0.8, "medium": 0.5, "high": 0.3}
"""Score from which a finding counts. ``low`` finds little that is none, ``high`` misses little that is one."""
OFF = 2.0
"""A threshold that no score reaches."""


def thresholds(
    sensitivity: Sensitivity, types: Mapping[Any, Sensitivity | Literal["off"]] | None = None
) -> dict[str, float]:
    """The threshold of every type of finding.

    Args:
        sensitivity: of all types that ``types`` does not name.
        types: others by type; ``off`` means that no finding of the type counts.
    """
    named = types or {}
    return {
        kind: OFF if (level := named.get(kind, sensitivity)) == "off" else THRESHOLDS[level] for kind in TYPES
    }
