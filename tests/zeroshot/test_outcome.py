"""Clocks run, rates are of what was done, and no rate is of nothing."""

from __future__ import annotations

from gristmill.zeroshot.evaluate.outcome import Timing, timed


def test_a_clock_holds_what_the_block_took() -> None:
    with timed() as clock:
        assert (clock.wall, clock.cpu) == (0, 0)
        sum(range(200_000))
    assert clock.wall > 0
    assert clock.cpu > 0


def test_rates() -> None:
    assert Timing(2.0, 4.0, 10, 60, 1).rates() == {
        "texts_per_second": 5.0,
        "texts_per_cpu_second": 2.5,
        "pairs_per_second": 30.0,
        "pairs_per_cpu_second": 15.0,
    }
    assert Timing(0.0, 0.0, 0, 0, 1).rates()["pairs_per_second"] == 0
