from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.secrets.detect import Finding
from gristmill.secrets.sample import draw, path_class
from gristmill.secrets.windows import Place

THRESHOLDS = {"key": 0.5, "password": 0.5}


def finding(number: int, score: float, kind: str = "key") -> Finding:
    name = hashlib.sha256(str(number).encode()).hexdigest()[:32]
    return Finding(f"p{number}", Place(0, 1, 1), Place(4, 1, 5), "rule", kind, score, name)


@given(
    st.lists(st.floats(0.3, 1.0), max_size=30),
    st.integers(1, 40),
    st.integers(0, 3),
    st.randoms(use_true_random=False),
)
def test_a_draw_is_half_by_chance_and_half_nearest(
    scores: list[float], count: int, seed: int, order: st.DataObject
) -> None:
    findings = [finding(*one) for one in enumerate(scores)]
    drawn = draw(findings, THRESHOLDS, count, seed)
    order.shuffle(findings)  # type: ignore[attr-defined]
    assert draw([*findings, *findings], THRESHOLDS, count, seed) == drawn
    names = [one.finding.fingerprint for one in drawn]
    assert len(set(names)) == len(names) == min(count, len(scores))
    chance = {one.finding.fingerprint for one in drawn if one.way == "random"}
    near = [abs(one.finding.score - 0.5) for one in drawn if one.way == "borderline"]
    assert len(chance) == min((count + 1) // 2, len(scores))
    left = [abs(one.score - 0.5) for one in findings if one.fingerprint not in chance]
    assert sorted(near) == sorted(left)[: len(near)]


def test_seeds_draw_differently_and_what_is_gone_changes_nothing_else() -> None:
    findings = [finding(number, 0.9) for number in range(40)]
    first = [one.finding for one in draw(findings, THRESHOLDS, 20, 1)]
    assert first != [one.finding for one in draw(findings, THRESHOLDS, 20, 2)]
    chosen = [one.finding for one in draw(findings, THRESHOLDS, 20, 1) if one.way == "random"]
    left = [one for one in findings if one != chosen[0]]
    again = {one.finding.fingerprint for one in draw(left, THRESHOLDS, 20, 1) if one.way == "random"}
    assert {one.fingerprint for one in chosen[1:]} <= again


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/a.py", "other"),
        ("tests/test_a.py", "test"),
        ("node_modules/x/index.js", "vendored"),
        ("docs/guide.md", "documentation"),
        ("nul\0/x" * 2_000, "other"),
    ],
)
def test_path_class(path: str, kind: str) -> None:
    assert path_class(path) == kind
