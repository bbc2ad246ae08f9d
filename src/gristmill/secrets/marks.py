"""What people said of findings: a file of marks, without values, and the precision that follows from it.

The file is JSON Lines. It is only ever added to, a line a mark, so work can be interrupted at any time; of the marks
of one finding the last counts, and ``undone`` takes it back.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

import msgspec

from gristmill.annotate.findings.sensitivity import THRESHOLDS, Sensitivity
from gristmill.errors import RecipeError
from gristmill.secrets.sample import Way

Answer = Literal["true", "false", "skipped", "undone"]


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What ``reviewer`` said of a finding: ``true`` if it is a real one. ``path_class`` and ``drawn`` as in ``sample``."""

    fingerprint: str
    rule: str
    type: str
    score: float
    path_class: str
    drawn: Way
    mark: Answer
    reviewer: str
    date: dt.date


def read_marks(path: Path) -> dict[str, Mark]:
    """The mark that counts of each fingerprint; a last line that was not finished is left out.

    Raises:
        RecipeError: the file cannot be read, or a line of it is no mark.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise RecipeError(f"{path}: marks cannot be read: {error}") from error
    found: dict[str, Mark] = {}
    for number, line in enumerate(lines[:-1], 1):
        try:
            one = msgspec.json.decode(line, type=Mark)
        except msgspec.MsgspecError as error:
            # Where a write was cut off, the next one began a new line.
            if not line.endswith(b"}"):
                continue
            raise RecipeError(f"{path}, line {number}: no mark: {error}; mend or remove the line") from error
        found.pop(one.fingerprint, None)
        if one.mark != "undone":
            found[one.fingerprint] = one
    return found


def add_mark(path: Path, mark: Mark) -> None:
    """Add a mark to the file, which is made if it is missing, and see it to the disk. Raises OSError."""
    with path.open("a+b") as file:
        if file.tell():
            file.seek(-1, os.SEEK_END)
            cut_off = file.read(1) != b"\n"
        else:
            cut_off = False
        file.write(b"\n" * cut_off + msgspec.json.encode(mark) + b"\n")
        file.flush()
        os.fsync(file.fileno())


def tallies(marks: Iterable[Mark]) -> Iterator[tuple[str, Sensitivity, int, int]]:
    """Type (``all`` for all of them), sensitivity, and how many of the findings that count there are real, of how many.

    Only marks of findings drawn at random: those at the threshold are not like the others.
    """
    judged = [one for one in marks if one.drawn == "random" and one.mark in ("true", "false")]
    kinds = [*sorted({one.type for one in judged}), "all"] if judged else []
    for kind in kinds:
        for sensitivity, threshold in THRESHOLDS.items():
            chosen = [one for one in judged if kind in (one.type, "all") and one.score >= threshold]
            if chosen:
                yield kind, sensitivity, sum(one.mark == "true" for one in chosen), len(chosen)
