"""Thresholds: one a type, in the order of the names, switched off where that is said."""

from __future__ import annotations

from gristmill.annotate.findings.rule import TYPES
from gristmill.annotate.findings.sensitivity import OFF, THRESHOLDS, thresholds


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
