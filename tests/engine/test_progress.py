"""Progress: totals for the report, a line a stage where there is no terminal, and nothing when quiet."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from gristmill.engine.progress import Progress
from gristmill.engine.tasks import TaskReport


def console(*, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=terminal, width=100), out


def test_totals_add_up_over_runs_of_a_stage() -> None:
    progress = Progress(quiet=True)
    for _ in range(2):
        with progress.stage("text", 3, done=1) as bar:
            bar.reuse(TaskReport("a", {"text": 5}, 9.0, 9.0, reused=True))
            bar.advance(TaskReport("b", {"text": 2, "more": 1}, 0.5, 0.7))
            bar.advance()
    totals = progress.totals["text"]
    assert (totals.tasks, totals.reused, totals.rows) == (4, 2, {"text": 14, "more": 2})
    assert totals.cpu_seconds == 1.0  # what an earlier run spent is not this run's


def test_a_line_a_stage_and_none_for_what_was_done() -> None:
    plain, out = console()
    progress = Progress(plain)
    with progress.stage("text", 3, done=1) as bar:
        bar.advance(TaskReport("b"))
    with progress.stage("facts", 2, done=2):
        pass
    progress.note("warning: [x] :smile:")
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("text: 2 tasks in ")
    assert lines[0].endswith(", 1 known")
    assert lines[1].startswith("warning: [x]")


def test_bars_on_a_terminal() -> None:
    terminal, out = console(terminal=True)
    with Progress(terminal).stage("text", 2) as bar:
        bar.advance(TaskReport("a"))
        bar.advance(TaskReport("b"))
    assert "text" in out.getvalue()
    assert "2/2" in out.getvalue()


def test_quiet_says_nothing() -> None:
    terminal, out = console(terminal=True)
    progress = Progress(terminal, quiet=True)
    with progress.stage("text", 2) as bar:
        bar.advance()
    progress.note("warning")
    assert out.getvalue() == ""


def test_a_failed_stage_is_counted_and_its_error_goes_on() -> None:
    plain, out = console()
    progress = Progress(plain)
    with pytest.raises(ValueError, match="broken"), progress.stage("text", 2):
        raise ValueError("broken")
    assert progress.totals["text"].wall_seconds >= 0
    assert out.getvalue()
