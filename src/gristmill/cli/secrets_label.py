"""The action ``label`` of ``gristmill secrets``."""

from __future__ import annotations

import argparse
import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from gristmill.annotate.findings.rule import Hit
from gristmill.annotate.findings.sensitivity import THRESHOLDS
from gristmill.cli.options import positive, printable
from gristmill.collect.listing import visit_date
from gristmill.secrets import corpus, files
from gristmill.secrets.detect import Finding, Wanted, detect
from gristmill.secrets.fingerprint import Subject, fingerprints
from gristmill.secrets.marks import Answer, Mark, add_mark, read_marks, tallies
from gristmill.secrets.sample import Drawn, draw, path_class
from gristmill.workspace import open_workspace
from gristmill.zeroshot.evaluate.intervals import wilson

_AROUND = 200
_VALUE = 400
_ANSWERS: dict[str, Answer] = {"t": "true", "f": "false", "s": "skipped"}
_KEYS = "t true, f false, s skip, u undo, q quit"


class _Excerpt(NamedTuple):
    """A value and what stands before and behind it on its lines, as text."""

    before: str
    value: str
    behind: str


class _Question(NamedTuple):
    """A finding to ask about, and how it looks."""

    drawn: Drawn
    excerpt: _Excerpt


def label(options: argparse.Namespace, types: dict[str, float]) -> int:
    """Show findings one by one, add what the person says of them to the file, and print the precision.

    The text around a finding goes to a terminal only: where standard output is none, its place alone is told.
    """
    shown: dict[str, tuple[Subject, _Excerpt]] = {}

    def show(finding: Finding, text: bytes, hit: Hit) -> None:
        subject = Subject(finding.path, hit.rule, text[hit.start : hit.end])
        shown[finding.fingerprint] = subject, _excerpt(text, hit)

    wanted = Wanted(dict.fromkeys(types, THRESHOLDS["high"]))
    if (options.subject / "workspace.json").is_file():
        found = corpus.documents(open_workspace(options.subject, create=False))
    else:
        found = files.documents([options.subject], options.exclude, [])
    # A corpus may have a hundred thousand findings: fingerprints are made of those only that are drawn.
    findings = detect(found, wanted, once=True, quick=True, show=show).findings
    marked = read_marks(options.marks)
    drawn = draw(findings, types, options.count, options.seed)
    questions = list(_questions(drawn, shown))
    due = [one for one in questions if one.drawn.finding.fingerprint not in marked]
    _say(f"{len(findings):,} findings, {len(drawn):,} drawn, {len(drawn) - len(due):,} marked already")
    with _keys() as keys:
        _ask(due, keys, options)
    _print_precision(options.marks)
    return 0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action's arguments, but for those that say which findings count."""
    parser.add_argument("subject", type=Path, metavar="PATH", help="workspace, folder or file")
    parser.add_argument("--marks", type=Path, required=True, metavar="FILE", help="file of marks, added to")
    parser.add_argument("--count", type=positive, default=100, metavar="N", help="findings (default: 100)")
    parser.add_argument("--seed", type=int, default=0, help="of the draw (default: 0)")
    parser.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="paths to leave out")
    parser.add_argument(
        "--reviewer",
        default=os.environ.get("USER", "unknown"),
        metavar="NAME",
        help="who marks (default: USER)",
    )


def _questions(drawn: list[Drawn], shown: dict[str, tuple[Subject, _Excerpt]]) -> Iterator[_Question]:
    """What was drawn, under its fingerprint in place of its digest."""
    known: dict[Subject, str] = {}
    fingerprints((shown[one.finding.fingerprint][0] for one in drawn), known)
    for one in drawn:
        subject, excerpt = shown[one.finding.fingerprint]
        yield _Question(replace(one, finding=replace(one.finding, fingerprint=known[subject])), excerpt)


def _ask(due: list[_Question], keys: Iterator[str], options: argparse.Namespace) -> None:
    number = 0
    while number < len(due):
        one = due[number]
        _show(one.drawn.finding, one.excerpt, f"{number + 1}/{len(due)}")
        key = next(keys, "q")
        if key == "q":
            return
        if key in _ANSWERS:
            add_mark(options.marks, _mark(one.drawn, _ANSWERS[key], options.reviewer))
            number += 1
        elif key == "u" and number:
            number -= 1
            add_mark(options.marks, _mark(due[number].drawn, "undone", options.reviewer))


def _mark(one: Drawn, answer: Answer, reviewer: str) -> Mark:
    found = one.finding
    where = path_class(found.path)
    score, day = round(found.score, 4), visit_date().date()
    return Mark(found.fingerprint, found.rule, found.type, score, where, one.way, answer, reviewer, day)


def _show(finding: Finding, excerpt: _Excerpt, number: str) -> None:
    _say(
        f"\n{number} {finding.path}:{finding.start.line}:{finding.start.column} {finding.type} ({finding.rule})"
    )
    if sys.stdout.isatty():
        _say(f"  {excerpt.before}>>>{excerpt.value}<<<{excerpt.behind}")
    _say(f"  {_KEYS}")


def _excerpt(text: bytes, hit: Hit) -> _Excerpt:
    before = text[max(0, hit.start - _AROUND) : hit.start].rpartition(b"\n")[2]
    behind = text[hit.end : hit.end + _AROUND].partition(b"\n")[0]
    value = text[hit.start : hit.end]
    if len(value) > _VALUE:
        value = value[: _VALUE // 2] + b" ... " + value[-_VALUE // 2 :]
    return _Excerpt(*(part.decode("utf-8", "replace") for part in (before, value, behind)))


@contextmanager
def _keys() -> Iterator[Iterator[str]]:
    """Keys as they are hit, or where there is no terminal the first letters of lines."""
    if not sys.stdin.isatty():
        yield (line.strip()[:1].lower() for line in sys.stdin)
        return
    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        # From before the first question on, and keeping what was typed ahead.
        tty.setcbreak(number, termios.TCSADRAIN)
        yield iter(lambda: os.read(number, 1).decode("ascii", "replace").lower(), "")
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)


def _print_precision(marks: Path) -> None:
    rows = list(tallies(read_marks(marks).values()))
    if not rows:
        _say("\nno finding drawn at random is marked true or false yet")
        return
    _say("\nprecision of findings drawn at random, with 95 % intervals (Wilson)")
    for kind, sensitivity, hits, total in rows:
        share = wilson(hits, total)
        _say(
            f"{kind:12} {sensitivity:8} {share.value:.3f} ({share.low:.3f} to {share.high:.3f}) of {total:,}"
        )


def _say(text: str) -> None:
    sys.stdout.write(f"{printable(text)}\n")
    sys.stdout.flush()
