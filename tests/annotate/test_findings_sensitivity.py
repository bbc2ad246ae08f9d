"""Thresholds: one a type, in the order of the names, switched off where that is said."""

from __future__ import annotations

from typing import get_args

from gristmill.annotate.findings.rule import TYPES
from gristmill.annotate.findings.sensitivity import OFF, THRESHOLDS, thresholds
from gristmill.recipe import FindingType, Sensitivity


def test_the_more_sensitive_the_lower() -> None:
    assert 1 > THRESHOLDS["low"] > THRESHOLDS["medium"] > THRESHOLDS["high"] > 0


def test_every_type_has_one_and_types_can_differ() -> None:
    found = thresholds("medium", {"email": "high", "ip_address": "off"})
    assert set(found) == set(TYPES)
    assert (found["email"], found["ip_address"], found["key"]) == (
        THRESHOLDS["high"],
        OFF,
        THRESHOLDS["medium"],
    )


def test_recipes_have_the_same_names() -> None:
    assert get_args(FindingType) == TYPES
    assert get_args(Sensitivity) == tuple(THRESHOLDS)
