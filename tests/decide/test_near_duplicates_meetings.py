"""Meetings: what is added to what is known comes to the same as going through all rows at once."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.decide.near_duplicates import band_stages, meetings
from gristmill.decide.near_duplicates.meetings import (
    Items,
    Keys,
    Met,
    add_up,
    by_key,
    meet,
    pack,
    touch,
    unpack,
)
from mill import functions, hashes, make, recipe, rows, tasks, write_files

MOST = 3
ROWS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 12)), max_size=60)


def arrays(found: list[tuple[int, int]]) -> tuple[Keys, Items]:
    keys, items = (
        np.array([key for key, _ in found], np.uint64),
        np.array([item for _, item in found], np.uint32),
    )
    return by_key(keys, items)


def by_definition(found: list[tuple[int, int]]) -> tuple[dict[tuple[int, int], int], set[tuple[int, int]]]:
    counts: dict[tuple[int, int], int] = {}
    crowds = set()
    for key in {key for key, _ in found}:
        members = [item for one, item in found if one == key]
        if len(members) > MOST:
            crowds |= {(key, item) for item in members}
            continue
        for pair in combinations(sorted(members), 2):
            if pair[0] != pair[1]:
                counts[pair] = counts.get(pair, 0) + 1
    return counts, crowds


def told(met: Met) -> dict[tuple[int, int], int]:
    low, high = unpack(met.pairs)
    return dict(zip(zip(low.tolist(), high.tolist(), strict=True), met.counts.tolist(), strict=True))


def crowds_of(keys: Keys, items: Items) -> set[tuple[int, int]]:
    return set(zip(keys.tolist(), items.tolist(), strict=True))


@given(ROWS, ROWS)
def test_changes_and_what_was_known_make_the_whole(
    before: list[tuple[int, int]], new: list[tuple[int, int]]
) -> None:
    """Also where a bucket outgrows the bound, so that what it gave must go again."""
    base = arrays(before)
    known = meet(*base, MOST)
    assert (told(known), crowds_of(known.crowd_keys, known.crowd_items)) == by_definition(before)
    change, touched = touch(base, arrays(new), MOST)
    pairs, counts = add_up(
        np.concatenate([known.pairs, change.pairs]), np.concatenate([known.counts, change.counts])
    )
    none = np.empty(0, np.uint64), np.empty(0, np.uint32)
    stay = ~np.isin(known.crowd_keys, touched)
    crowds = crowds_of(known.crowd_keys[stay], known.crowd_items[stay])
    crowds |= crowds_of(change.crowd_keys, change.crowd_items)
    assert (told(Met(pairs, counts, *none)), crowds) == by_definition([*before, *new])


def test_a_block_of_pairs_ends_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    found = arrays([(key, item) for key in range(4) for item in range(key, 9)])
    whole = meet(*found, 9)
    monkeypatch.setattr(meetings, "_BLOCK_PAIRS", 3)
    assert told(meet(*found, 9)) == told(whole)


def test_pairs_are_packed_without_loss() -> None:
    low, high = np.array([0, 1, 2**32 - 2]), np.array([2**32 - 1, 2, 2**32 - 1])
    assert [side.tolist() for side in unpack(pack(low, high))] == [low.tolist(), high.tolist()]


def sources(folder: Path, numbers: range) -> list[str]:
    """Folders whose files are alike across folders, with one head that more share than a bucket may hold."""
    found = []
    for number in numbers:
        own = functions([*range(40), 1000 + number])
        write_files(
            folder / f"p{number}", {"alike.py": own, "own.py": functions([5000 + number, 6000 + number])}
        )
        found.append(f"dir:{folder}/p{number}")
    return found


@pytest.mark.parametrize("large", [1, 12, 10_000])
def test_small_segments_beside_large_ones_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, large: int
) -> None:
    """A bucket of 31 files grows past the bound; a build from nothing decides the same."""
    monkeypatch.setattr(band_stages, "LARGE", large)
    first, more = sources(tmp_path, range(31)), sources(tmp_path, range(31, 36))
    make(tmp_path / "w", recipe(first))
    before = tasks(tmp_path / "w")
    grown = make(tmp_path / "w", recipe([*first, *more], name="grown"))
    base = {task for task in tasks(tmp_path / "w") - before if task.startswith("meetings/")}
    assert bool(base) is (large == 1)
    fresh = make(tmp_path / "fresh", recipe([*first, *more], name="grown"))
    assert hashes(grown.released.folder) == hashes(fresh.released.folder)
    assert "near_duplicate" in {row["reason"] for row in rows(grown, "stubs")}
