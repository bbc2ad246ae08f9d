"""What running a classifier over a labelled set gave: measures, texts that failed, and the time it took."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gristmill.zeroshot.evaluate.measures import Measures

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier

WARM_UP = 8
"""Texts or pairs that are run before the clock starts: they page weights in and let engines compile."""
Progress = Callable[[int], None]
"""Told how many texts or pairs are done."""


@dataclass
class Clock:
    """Seconds, filled in by ``timed``."""

    wall: float = 0.0
    cpu: float = 0.0
    """Of all threads."""


@dataclass(frozen=True)
class Timing:
    """How fast it went, on which machine; the one part of an outcome that no two runs share."""

    wall_seconds: float
    cpu_seconds: float
    texts: int
    pairs: int
    workers: int
    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    machine: str = field(default_factory=platform.machine)

    def rates(self) -> dict[str, float]:
        """Texts and pairs per second, by the wall clock and by CPU time."""
        wall, cpu = max(self.wall_seconds, 1e-9), max(self.cpu_seconds, 1e-9)
        return {
            "texts_per_second": self.texts / wall,
            "texts_per_cpu_second": self.texts / cpu,
            "pairs_per_second": self.pairs / wall,
            "pairs_per_cpu_second": self.pairs / cpu,
        }


@dataclass(frozen=True)
class Temperature:
    """What the scores were divided by, and where that comes from."""

    value: float
    source: Literal["stored", "given", "none"]


@dataclass(frozen=True)
class Outcome:
    """A labelled set, measured."""

    task: Literal["classification", "multi_label", "nli"]
    labels: tuple[str, ...]
    measures: Measures
    temperature: Temperature
    template: str | None
    """Hypothesis template; None where the hypotheses were given."""
    threshold: float | None
    failed: tuple[tuple[int, str], ...]
    """Places of texts or pairs that could not be scored, and why."""
    timing: Timing
    notes: tuple[str, ...] = ()


@contextmanager
def timed() -> Iterator[Clock]:
    """A clock that holds, afterwards, the seconds that the block took."""
    clock = Clock()
    wall, cpu = time.perf_counter(), time.process_time()
    yield clock
    clock.wall, clock.cpu = time.perf_counter() - wall, time.process_time() - cpu


def choose_temperature(
    classifier: ZeroShotClassifier, mode: Literal["single", "multi"], given: float | None
) -> Temperature:
    """The temperature given, else the one stored beside the model for this mode, else none."""
    if given is not None:
        return Temperature(given, "given")
    calibration = classifier.calibration
    if calibration is None or mode not in calibration.fits:
        return Temperature(1.0, "none")
    return Temperature(calibration.fits[mode].temperature, "stored")
