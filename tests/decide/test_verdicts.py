"""Verdicts: one survivor of every content by the documented order, conflicts of licences, near duplicates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from facts_under_test import day, decide, fact, policy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gristmill.decide.opt_out import OptOut

GPL: dict[str, Any] = {"licence_class": "restricted", "expression": "GPL-3.0-only"}
BOTH = '[policy.licences]\nallow = ["permissive", "restricted"]\nconflict = "any"'
PAIRS = [(a, b) for a in range(8) for b in range(a + 1, 8)]


@pytest.mark.parametrize(
    ("better", "worse", "text"),
    [
        ({"created_at": day(9)}, {"created_at": day(1), **GPL}, BOTH),
        ({"created_at": day(1), "stars": 1}, {"created_at": day(2), "stars": 9}, ""),
        ({"created_at": day(1), "committer_date": day(9)}, {"committer_date": day(2)}, ""),
        ({"committer_date": day(9)}, {"stars": 9}, ""),
        ({"stars": 2}, {"stars": 1, "forks": 9}, ""),
        ({"stars": 0}, {"forks": 9}, ""),
        ({"forks": 2}, {"forks": 1}, ""),
    ],
)
def test_the_order_of_survivors(
    tmp_path: Path, better: dict[str, Any], worse: dict[str, Any], text: str
) -> None:
    for first, second in (("a", "b"), ("b", "a")):  # whatever the order of the origins
        rows = [fact("x.py", "1", first, **better), fact("y.py", "1", second, **worse)]
        found = decide(tmp_path, rows, policy(text))
        assert found[first, "x.py"]["kept"]
        assert found[second, "y.py"]["reason"] == "exact_duplicate"
        assert f"https://host.example/{first}/tool x.py" in found[second, "y.py"]["reasons"][0]["evidence"]


def test_ties_go_by_origin_and_path(tmp_path: Path) -> None:
    rows = [fact("x.py", "1", "b"), fact("z.py", "1", "a"), fact("y.py", "1", "a")]
    found = decide(tmp_path, rows, policy())
    assert [key for key, row in found.items() if row["kept"]] == [("a", "y.py")]


def test_what_is_dropped_stands_for_nothing(tmp_path: Path) -> None:
    """The survivor is chosen among the entries that pass the rules, so a dropped one takes no copy with it."""
    rows = [fact("a/test_x.py", "1", test=True, stars=9), fact("b.py", "1")]
    found = decide(tmp_path, rows, policy('[policy.quality]\ntests = "drop"'))
    assert found["a", "b.py"]["kept"]
    assert [reason["reason"] for reason in found["a", "a/test_x.py"]["reasons"]] == ["test"]


def test_without_exact_all_copies_stay(tmp_path: Path) -> None:
    rows = [fact("a.py", "1"), fact("b.py", "1"), fact("c.py", "2")]
    found = decide(tmp_path, rows, policy("[policy.duplicates]\nexact = false"))
    assert all(row["kept"] for row in found.values())


def test_without_exact_all_copies_of_a_near_duplicate_go(tmp_path: Path) -> None:
    rows = [fact("a.py", "1", stars=9), fact("b.py", "2"), fact("c.py", "2")]
    found = decide(tmp_path, rows, policy("[policy.duplicates]\nexact = false"), alike=[("1", "2", 0.9)])
    assert [row["reason"] for row in found.values()] == [None, "near_duplicate", "near_duplicate"]


def test_all_reasons_are_told_in_the_order_of_the_rules(tmp_path: Path) -> None:
    rows = [fact("a.py", "1", lines=200_000, generated=True, head=False, **GPL)]
    (row,) = decide(tmp_path, rows, policy()).values()
    assert [reason["reason"] for reason in row["reasons"]] == [
        "history", "licence", "generated", "too_many_lines",
    ]  # fmt: skip
    assert row["reason"] == "history"


def test_opt_out_of_an_origin_and_of_paths(tmp_path: Path) -> None:
    rows = [fact("a.py", "1", "a"), fact("c.py", "3", "b"), fact("k.pem", "2", "b")]
    found = decide(tmp_path, rows, policy(), [OptOut("account", "a"), OptOut("path", "*.pem")])
    assert [row["reasons"][0]["evidence"] if row["reasons"] else None for row in found.values()] == [
        "account:a", None, "path:*.pem",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("conflict", "kept"), [("earliest", {"b"}), ("any", {"a", "b"}), ("all", set[str]())]
)
def test_conflicts_of_licences(tmp_path: Path, conflict: str, kept: set[str]) -> None:
    """Content 1 is GPL first, content 2 is MIT first."""
    rows = [
        fact("1.py", "1", "a", committer_date=day(2)), fact("1.py", "1", "c", committer_date=day(1), **GPL),
        fact("2.py", "2", "b", committer_date=day(1)), fact("2.py", "2", "c", committer_date=day(2), **GPL),
    ]  # fmt: skip
    found = decide(tmp_path, rows, policy(f'[policy.licences]\nconflict = "{conflict}"'))
    assert {origin for (origin, _), row in found.items() if row["kept"]} == kept
    for origin in {"a", "b"} - kept:
        (row,) = [row for (where, _), row in found.items() if where == origin]
        assert row["reason"] == "licence_conflict"
        assert "GPL-3.0-only; MIT" in row["reasons"][0]["evidence"]
    assert {row["reason"] for (origin, _), row in found.items() if origin == "c"} == {"licence"}


@pytest.mark.parametrize(("more", "kept"), [(1, False), (2, True)])
def test_most_origins_decide_by_majority(tmp_path: Path, more: int, kept: bool) -> None:
    """GPL in one origin, twice and first, and MIT in one or two others: copies within an origin do not count."""
    rows = [fact(f"{n}.py", "1", "a", committer_date=day(1), **GPL) for n in range(2)]
    rows += [fact("1.py", "1", origin, committer_date=day(2)) for origin in "bc"[:more]]
    found = decide(tmp_path, rows, policy('[policy.licences]\nconflict = "majority"'))
    assert any(row["kept"] for row in found.values()) is kept


@pytest.mark.parametrize(("history", "kept"), [("head", True), ("all", False)])
def test_history_has_a_say_only_if_it_may_be_in(tmp_path: Path, history: str, kept: bool) -> None:
    """A file whose first version stood under another licence of the same project."""
    rows = [
        fact("a.py", "1", "a", committer_date=day(2)),
        fact("a.py", "1", "b", committer_date=day(1), head=False, **GPL),
    ]
    found = decide(tmp_path, rows, policy(f'[policy]\nhistory = "{history}"'))
    assert found["a", "a.py"]["kept"] is kept


@pytest.mark.parametrize(("jaccard", "gone"), [(0.7, True), (0.6999, False), (1.0, True)])
def test_the_threshold_of_near_duplicates(tmp_path: Path, jaccard: float, gone: bool) -> None:
    rows = [fact("a.py", "1", stars=2), fact("b.py", "2", stars=1)]
    found = decide(tmp_path, rows, policy(), alike=[("1", "2", jaccard)])
    one, other = found["a", "a.py"], found["a", "b.py"]
    assert one["kept"]
    assert other["kept"] is not gone
    if gone:
        assert other["reason"] == "near_duplicate"
        assert (other["cluster_id"], other["similarity"]) == ("1" * 40, jaccard)
    assert one["cluster_id"] == ("1" * 40 if gone else None)


def test_switched_off(tmp_path: Path) -> None:
    rows = [fact("a.py", "1"), fact("b.py", "2")]
    found = decide(tmp_path, rows, policy("[policy.duplicates]\nnear = false"), alike=[("1", "2", 0.9)])
    assert all(row["kept"] for row in found.values())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.permutations(range(8)),
    st.dictionaries(st.sampled_from(PAIRS), st.floats(0.5, 1.0), max_size=14),
)
def test_near_duplicates_are_greedy_and_never_chained(
    tmp_path: Path, stars: list[int], pairs: dict[tuple[int, int], float]
) -> None:
    rows = [fact(f"{n}.py", str(n), stars=stars[n]) for n in range(8)]
    alike = [(str(a), str(b), value) for (a, b), value in sorted(pairs.items())]
    found = decide(tmp_path, rows, policy(), alike=alike)
    kept: list[int] = []
    for number in sorted(range(8), key=lambda n: -stars[n]):  # the definition, one file after the other
        near = {k: pairs.get((min(k, number), max(k, number)), 0.0) for k in kept}
        row = found["a", f"{number}.py"]
        assert row["kept"] is (max(near.values(), default=0.0) < 0.7)
        if row["kept"]:
            kept.append(number)
        else:
            assert row["similarity"] == max(near.values()) == near[int(row["cluster_id"][0])]
