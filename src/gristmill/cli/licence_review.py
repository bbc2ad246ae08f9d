"""The actions ``review`` and ``decide`` of ``gristmill licences``."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from gristmill.annotate.licences.nearest import nearest
from gristmill.cli.models import share
from gristmill.cli.options import add_workspace, existing_workspace, plain_console, positive, printable
from gristmill.collect.listing import visit_date
from gristmill.decide.licence_decisions import parse_decisions, read_decisions, record
from gristmill.decide.licence_review import LOW_SCORE, Cluster, queue
from gristmill.spdx.differences import differences
from gristmill.spdx.texts import text_of

LEAST_LIKENESS = 0.2
"""a text of the SPDX list that is less like the text than this is not shown beside it"""
_WIDTH = 100
_ENDS = 8
_MARKS = {"both": "  ", "known": "- ", "text": "+ "}


def add_actions(actions: Any) -> None:
    """Declare the actions and their arguments; ``actions`` are argparse's subparsers."""
    text = "List the licence texts of a build that wait for a person, the largest effect first."
    review = actions.add_parser("review", help=text.rstrip("."), description=text)
    add_workspace(review)
    review.add_argument(
        "--decisions", type=Path, metavar="FILE", help="leave out what is decided in this file"
    )
    review.add_argument(
        "--low", type=share, default=LOW_SCORE, metavar="SCORE", help=f"low likeness (default: {LOW_SCORE})"
    )
    review.add_argument("--limit", type=positive, default=10, help="clusters to show (default: 10)")
    review.add_argument("--lines", type=positive, default=20, help="lines of each text (default: 20)")
    review.add_argument("--json", action="store_true", help="print JSON")
    review.set_defaults(action=_review)

    text = "Record what a person decided about licence texts, for builds to honour."
    decide = actions.add_parser("decide", help=text.rstrip("."), description=text)
    decide.add_argument("contents", nargs="+", metavar="CONTENT", help="SWHID or id of a content")
    decide.add_argument("--decisions", type=Path, required=True, metavar="FILE", help="file of decisions")
    decide.add_argument("--expression", required=True, help="SPDX expression, or NONE")
    decide.add_argument("--reviewer", required=True, metavar="NAME", help="who decides")
    decide.add_argument("--reason", required=True, metavar="TEXT", help="why")
    decide.add_argument("--id", help="name of the decision (default: from the first content)")
    decide.add_argument("--date", type=_day, help="day of the decision (default: today)")
    decide.set_defaults(action=_decide)


def _review(options: argparse.Namespace) -> int:
    decisions = read_decisions(options.decisions) if options.decisions is not None else []
    waiting = queue(existing_workspace(options), decisions, low=options.low)
    shown = waiting.clusters[: options.limit]
    console = plain_console()
    if options.json:
        clusters = [{"entries": one.entries, "nearest": _nearest(one), **asdict(one)} for one in shown]
        document = {"total": waiting.total, "clusters": clusters}
        console.print(json.dumps(document, indent=1, ensure_ascii=False), soft_wrap=True)
        return 0
    _say(console, f"{waiting.total:,} contents wait, in {len(waiting.clusters):,} clusters")
    for number, one in enumerate(shown, 1):
        _print_cluster(console, number, one, options.lines)
    if len(waiting.clusters) > len(shown):
        _say(console, f"\n{len(waiting.clusters) - len(shown):,} more clusters; see --limit")
    return 0


def _print_cluster(console: Console, number: int, cluster: Cluster, lines: int) -> None:
    first = cluster.contents[0]
    _say(console, f"\n{number}. {cluster.entries:,} entries rest on {len(cluster.contents):,} contents")
    for one in cluster.contents:
        _say(console, f"   swh:1:cnt:{one.content_id}  {one.place}")
    _say(console, f"   found: {first.expression} ({first.rule}, score {first.score:.2f})")
    near = _nearest(cluster)
    if near is not None:
        _say(
            console,
            f"   nearest: {near['id']} (alike {near['likeness']:.2f}); - stands only there, + only here",
        )
        shown = list(_beside(text_of(near["id"]) or "", first.text))
    else:
        shown = [f"| {line[:200]}" for line in first.text.splitlines()]
    for line in shown[:lines]:
        _say(console, f"   {line}")
    if len(shown) > lines:
        _say(console, f"   ... {len(shown) - lines:,} more lines; see --lines")


def _nearest(cluster: Cluster) -> dict[str, Any] | None:
    """The text of the SPDX list that a cluster's first text is most like, if it is like any."""
    near = nearest(cluster.contents[0].text.encode("utf-8", "replace"))
    if near is None or near[1] < LEAST_LIKENESS:
        return None
    return {"id": near[0], "likeness": round(near[1], 4)}


def _beside(known: str, text: str) -> Iterator[str]:
    """The lines of a text beside a known one; of long stretches that both hold only the ends."""
    for stretch in differences(known, text):
        words = list(stretch.words)
        if stretch.side == "both" and len(words) > 4 * _ENDS:
            words[_ENDS:-_ENDS] = [f"[... {len(words) - 2 * _ENDS} words ...]"]
        for line in textwrap.wrap(" ".join(words), _WIDTH):
            yield _MARKS[stretch.side] + line[:200]


def _decide(options: argparse.Namespace) -> int:
    row = {
        "id": options.id or options.contents[0].removeprefix("swh:1:cnt:")[:12],
        "contents": options.contents,
        "expression": options.expression,
        "reviewer": options.reviewer,
        "date": options.date or visit_date().date(),
        "reason": options.reason,
    }
    (decision,) = parse_decisions({"version": 1, "decision": [row]}, "licences decide")
    record(options.decisions, decision)
    _say(
        plain_console(),
        f"{options.decisions}: {decision.id}: {decision.expression or 'NONE'} for {len(decision.contents):,} contents",
    )
    return 0


def _say(console: Console, text: str) -> None:
    console.print(printable(text), soft_wrap=True)


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write for example 2026-11-23") from None
