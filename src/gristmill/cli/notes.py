"""Notes on standard error about rows that are left out."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from gristmill.cli.options import printable

SHOWN = 20


def note_bad_rows(source: str, bad: Sequence[tuple[int, str]]) -> None:
    """Tell of the first rows, numbered from 1, that are left out, why, and how many there are."""
    for number, error in bad[:SHOWN]:
        _say(f"{source}, row {number}: {error}")
    if bad:
        _say(f"{source}: rows left out: {len(bad):,}")


def _say(text: str) -> None:
    print(f"gristmill: {printable(text)}", file=sys.stderr)  # noqa: T201
