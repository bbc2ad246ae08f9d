"""What a verification finds."""

from __future__ import annotations

from dataclasses import dataclass

FETCH = "fetch this file again, or build the release again"
BUILD = "do not use the release; build it again"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and how to mend it. ``warning``: worth knowing, not a fault."""

    file: str
    what: str
    mend: str
    warning: bool = False

    def __str__(self) -> str:
        return f"{'warning: ' if self.warning else ''}{self.file}: {self.what}; {self.mend}"
