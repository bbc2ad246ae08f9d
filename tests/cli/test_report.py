"""What is told of rows that go wrong, and the exit code that follows."""

from __future__ import annotations

import pytest

from gristmill.cli.parts import Done
from gristmill.cli.report import SHOWN, Report

GOOD = {"row": 1, "labels": ["a"]}


def bad(row: int) -> dict[str, object]:
    return {"row": row, "error": "[bold]no\x1b[2J"}


def test_the_first_errors_are_told_and_all_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with Report("a.txt", None) as report:
        report.tell(GOOD)
        for row in range(SHOWN + 5):
            report.tell(bad(row + 2))
    told = capsys.readouterr().err
    assert told.count("[bold]no\\x1b[2J") == SHOWN
    assert "\x1b" not in told
    assert f"a.txt, row {SHOWN + 1}: " in told
    assert f"a.txt, row {SHOWN + 2}: " not in told
    assert told.count("further rows") == 1
    assert f"{SHOWN + 6} rows, 1 classified, {SHOWN + 5} could not be" in told


def test_quiet_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with Report("a.txt", 10, Done(3, 1, 100), quiet=True) as report:
        report.tell(bad(4))
    assert capsys.readouterr().err == ""
    assert (report.rows, report.failed) == (4, 2)


def test_exit_codes() -> None:
    with Report("a.txt", None, quiet=True) as report:
        assert (report.code(strict=False), report.code(strict=True)) == (0, 0)
        report.tell(bad(1))
        assert (report.code(strict=False), report.code(strict=True)) == (1, 1)
        report.tell(GOOD)
        assert (report.code(strict=False), report.code(strict=True)) == (0, 3)


def test_an_interrupted_run_gives_no_summary(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), Report("a.txt", None) as report:
        report.tell(GOOD)
        raise KeyboardInterrupt
    assert "classified" not in capsys.readouterr().err
