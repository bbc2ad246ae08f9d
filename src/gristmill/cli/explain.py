"""Tell why a path, a SWHID or a repository is in or out: which rule, which evidence."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from rich.console import Console

from gristmill.cli.options import add_workspace, existing_workspace, plain_console, positive, printable
from gristmill.decide.explain import Story, explain
from gristmill.decide.rules import REASONS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("subject", help="path, SWHID, or repository (URL or name)")
    add_workspace(parser)
    parser.add_argument("--limit", type=positive, default=10, help="entries to tell of (default: 10)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print the story."""
    story = explain(existing_workspace(options), options.subject, limit=options.limit)
    console = plain_console()
    if options.json:
        text = json.dumps(asdict(story), default=str, indent=1, ensure_ascii=False)
        console.print(text, soft_wrap=True)
    else:
        _print_story(console, story)
    return 0


def _print_story(console: Console, story: Story) -> None:
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in story.counts.items())
    _say(console, f"{story.subject}: {story.total:,} entries: {counts}")
    for entry in story.entries:
        _say(console, "")
        _print_entry(console, entry)
    if story.total > len(story.entries):
        _say(console, f"\n{story.total - len(story.entries):,} more; see --limit")


def _print_entry(console: Console, entry: dict[str, Any]) -> None:
    verdict = "IN " if entry["kept"] else "OUT"
    _say(console, f"{verdict} {entry['path']}")
    _say(console, f"    from      {entry['url']} {entry['branch'] or ''} ({entry['anchor']})")
    _say(
        console, f"    content   swh:1:cnt:{entry['content_id']}, {entry['length']:,} bytes, {entry['type']}"
    )
    _say(console, f"    language  {entry['language'] or 'unknown'}, encoding {entry['encoding'] or 'none'}")
    licence = entry["expression"] or "none found"
    scope = f", from the {entry['licence_scope']}" if entry["licence_scope"] else ""
    _say(console, f"    licence   {licence} ({entry['licence_class']}{scope})")
    for evidence in entry["licence_evidence"][:3]:
        _say(console, f"              {evidence}")
    if len(entry["licences"]) > 1:
        told = ", ".join(
            f"{one['expression'] or 'none found'} in {one['origins']:,}" for one in entry["licences"]
        )
        _say(console, f"    elsewhere the same content is under other licences; by origins: {told}")
    for reason in entry["reasons"]:
        _say(console, f"    because   {reason['reason']}: {REASONS.get(reason['reason'], '')}")
        _say(console, f"              {reason['evidence']}  [{reason['rule']}]")
    if entry["kept"] and entry["cluster_id"]:
        _say(console, "    stands    for a group of near duplicates")
    others = len(entry["occurrences"]) - 1
    if others > 0:
        _say(
            console,
            f"    also at   {entry['occurrences'][0]}" + (f" and {others} more" if others > 1 else ""),
        )


def _say(console: Console, text: str) -> None:
    console.print(printable(text), soft_wrap=True)
