"""The funnel for a person to read: files in, dropped by reason, kept, by language and licence."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from gristmill.decide.rules import REASONS
from gristmill.release.statistics import Statistics, funnel

SHOWN = 12


def print_funnel(console: Console, statistics: Statistics) -> None:
    """Print the funnel and the largest languages and licences of a release."""
    steps = Table(title="files", title_justify="left", box=None, pad_edge=False)
    steps.add_column("step")
    steps.add_column("files", justify="right")
    steps.add_column("left", justify="right")
    steps.add_column("what it says", style="dim")
    for step in funnel(statistics, tuple(REASONS)):
        sign = "-" if step.label in REASONS else ""
        steps.add_row(step.label, f"{sign}{step.entries:,}", f"{step.left:,}", REASONS.get(step.label, ""))
    console.print(steps)
    _print_counts(
        console, "languages", [(c.language or "unknown", c.files, c.bytes) for c in statistics.by_language]
    )
    _print_counts(
        console,
        "licences",
        [(c.licence_expression or "none", c.files, c.bytes) for c in statistics.by_licence],
    )


def _print_counts(console: Console, title: str, rows: list[tuple[str, int, int]]) -> None:
    table = Table(title=f"kept, by {title}", title_justify="left", box=None, pad_edge=False)
    table.add_column(title)
    table.add_column("files", justify="right")
    table.add_column("bytes", justify="right")
    for name, files, size in rows[:SHOWN]:
        table.add_row(name, f"{files:,}", f"{size:,}")
    if len(rows) > SHOWN:
        table.add_row(
            f"{len(rows) - SHOWN} more",
            f"{sum(r[1] for r in rows[SHOWN:]):,}",
            f"{sum(r[2] for r in rows[SHOWN:]):,}",
        )
    console.print()
    console.print(table)
