"""What a person sees of many rows on their way: a progress bar, the rows that went wrong, and a count at the end."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from gristmill.cli.options import printable
from gristmill.cli.parts import Done

SHOWN = 20


class Report:
    """Counts rows and tells of them on standard error; use it in a ``with`` block."""

    def __init__(
        self, source: str, total: int | None, done: Done | None = None, *, quiet: bool = False
    ) -> None:
        """``total``: rows of the source, if that is known; ``done``: those that an earlier run has done."""
        self.rows, self.failed = (done.rows, done.failed) if done else (0, 0)
        self._source, self._quiet, self._shown = "standard input" if source == "-" else source, quiet, 0
        self._console = Console(stderr=True, markup=False, emoji=False, highlight=False, soft_wrap=True)
        # Answers that go to the same screen would be torn by a bar.
        bar = self._console.is_terminal and not quiet and not sys.stdout.isatty()
        self._bar = Progress(
            TextColumn("classified"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
            console=self._console, redirect_stdout=False, redirect_stderr=False, transient=True, disable=not bar,
        )  # fmt: skip
        self._task = self._bar.add_task("", total=total, completed=self.rows)
        if self.rows:
            self._say(f"{self.rows:,} rows are done; going on")

    def tell(self, answer: Mapping[str, Any]) -> None:
        """Count one row, and tell of it if it has an error."""
        self.rows += 1
        self._bar.update(self._task, completed=self.rows)
        error = answer.get("error")
        if error is None:
            return
        self.failed += 1
        self._shown += 1
        if self._shown <= SHOWN:
            self._say(f"{self._source}, row {answer['row']}: {error}")
        elif self._shown == SHOWN + 1:
            self._say(
                "... further rows that could not be classified are counted, and have their error in the output"
            )

    def code(self, *, strict: bool) -> int:
        """The exit code: 1 if no row could be classified, with ``strict`` 3 if one could not, else 0."""
        if self.failed and self.failed == self.rows:
            return 1
        return 3 if strict and self.failed else 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if kind is None:
            failed = f", {self.failed:,} could not be" if self.failed else ""
            self._say(f"{self.rows:,} rows, {self.rows - self.failed:,} classified{failed}")

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._console.print(f"gristmill: {printable(text)}")
