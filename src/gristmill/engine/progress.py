"""Progress of a build: a bar a stage with rate and time left on a terminal, a line a stage elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.progress import Task as BarTask
from rich.text import Text

from gristmill.engine.tasks import TaskReport


@dataclass
class StageTotals:
    """What one stage did in this run: tasks run and reused, rows by output, CPU and wall seconds."""

    tasks: int = 0
    reused: int = 0
    rows: dict[str, int] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0

    def add(self, report: TaskReport) -> None:
        """Count a task."""
        self.tasks += 1
        for name, rows in report.rows.items():
            self.rows[name] = self.rows.get(name, 0) + rows
        if report.reused:
            self.reused += 1
        else:
            self.cpu_seconds += report.cpu_seconds


class _RateColumn(ProgressColumn):
    """Tasks a second, once one has ended."""

    def render(self, task: BarTask) -> Text:
        return Text(f"{task.speed:.1f}/s" if task.speed else "")


class StageBar:
    """The display of one stage that is under way."""

    def __init__(self, totals: StageTotals, bars: Bars | None, name: str, total: int, done: int) -> None:
        self._totals = totals
        self._bars = bars
        self._id = bars.add_task(name, total=total, completed=done) if bars else None

    def reuse(self, report: TaskReport) -> None:
        """Count a task that an earlier run finished; the display already has it."""
        self._totals.add(report)

    def advance(self, report: TaskReport | None = None) -> None:
        """One more task has ended."""
        if report is not None:
            self._totals.add(report)
        if self._bars is not None and self._id is not None:
            self._bars.advance(self._id)


class Progress:
    """Shows stages as they run and keeps their totals for the run report.

    ``quiet`` shows nothing. A stage whose tasks were all done before is counted and not shown.
    """

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self.console = console or Console(stderr=True)
        self.quiet = quiet
        self.totals: dict[str, StageTotals] = {}

    @contextmanager
    def stage(self, name: str, total: int, *, done: int = 0) -> Iterator[StageBar]:
        """A stage of ``total`` tasks of which ``done`` were finished by an earlier run."""
        totals = self.totals.setdefault(name, StageTotals())
        started = time.perf_counter()
        bars = self._bars() if total > done and not self.quiet and self.console.is_terminal else None
        try:
            if bars is None:
                yield StageBar(totals, None, name, total, done)
            else:
                with bars:
                    yield StageBar(totals, bars, name, total, done)
        finally:
            seconds = time.perf_counter() - started
            totals.wall_seconds += seconds
            if total > done and not self.quiet and bars is None:
                self.console.print(
                    f"{name}: {total - done} tasks in {seconds:.1f} s" + (f", {done} known" if done else ""),
                    highlight=False,
                )

    def note(self, text: str) -> None:
        """Print one line for the user, unless quiet."""
        if not self.quiet:
            self.console.print(text, highlight=False, markup=False, soft_wrap=True)

    def _bars(self) -> Bars:
        return Bars(
            TextColumn("{task.description:<22}"),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self.console,
            transient=False,
        )
