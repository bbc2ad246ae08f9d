"""Wilson's interval against published values; bootstrap samples against drawing texts one by one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.evaluate import intervals
from gristmill.zeroshot.evaluate.counts import Counts, macro_f1
from gristmill.zeroshot.evaluate.intervals import Estimate, bootstrap, resample_cells, resample_flags, wilson
from gristmill.zeroshot.evaluate.measures import confusion_cells


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [  # Newcombe 1998, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_the_published_intervals(hits: int, total: int, low: float, high: float) -> None:
    found = wilson(hits, total)
    assert (found.value, found.interval) == (hits / total, "wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(1, 10_000), st.data())
def test_wilson_stays_within_bounds(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    found = wilson(hits, total)
    assert 0 <= found.low <= found.value <= found.high <= 1
    other = wilson(total - hits, total)
    assert (1 - other.high, 1 - other.low) == pytest.approx((found.low, found.high), abs=1e-12)


def test_wilson_refuses_what_is_no_share() -> None:
    for hits, total in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="there must be one at least"):
            wilson(hits, total)


def answers(texts: int = 300, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    true = random.integers(0, labels, texts)
    said = np.where(random.random(texts) < 0.7, true, random.integers(0, labels, texts))
    return true[:, None] == np.arange(labels), said[:, None] == np.arange(labels)


def test_samples_of_cells_are_those_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    truth, found = answers()
    cells = confusion_cells(truth, found)
    counts = Counts((truth & found).sum(0), truth.sum(0), found.sum(0), len(truth))

    def estimate(samples: Iterator[Counts]) -> Estimate:
        return bootstrap({"f1": macro_f1}, counts, samples)["f1"]

    by_cells = estimate(resample_cells(cells, 4, 1))
    by_texts = estimate(resample_flags(truth, found, 1))
    assert by_cells.value == by_texts.value
    assert (by_cells.low, by_cells.high) == pytest.approx((by_texts.low, by_texts.high), abs=0.01)
    assert 0.05 < by_cells.high - by_cells.low < 0.15
    assert by_cells == estimate(resample_cells(cells, 4, 1))
    assert by_cells != estimate(resample_cells(cells, 4, 2))
    monkeypatch.setattr(intervals, "CELLS", 1700)  # a few samples at a time
    pieces = list(resample_cells(cells, 4, 1))
    assert len(pieces) > 2
    assert sum(len(one.hits) for one in pieces) == intervals.SAMPLES


@pytest.mark.parametrize("kind", ["cells", "flags"])
def test_each_sample_has_as_many_texts(kind: str) -> None:
    truth, found = answers(50, 3)
    cells = confusion_cells(truth, found)
    samples = resample_cells(cells, 3, 0) if kind == "cells" else resample_flags(truth, found, 0)
    for one in samples:
        assert (one.truths.sum(axis=1) == 50).all()
        assert (one.founds.sum(axis=1) == 50).all()
        assert (one.hits <= np.minimum(one.truths, one.founds)).all()
        assert len(np.unique(one.hits.sum(axis=1))) > 5


def test_no_right_answer_at_all() -> None:
    cells = np.array([[0, 1, 3], [2, 0, 4]])
    for one in resample_cells(cells, 3, 0):
        assert not one.hits.any()
        np.testing.assert_array_equal(one.truths[:, 0], one.founds[:, 1])
        np.testing.assert_array_equal(one.truths[:, 2], one.founds[:, 0])
