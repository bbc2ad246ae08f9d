"""Licences: scan a folder or file, review the texts that a build did not understand.

``scan`` needs no workspace. ``review`` lists what waits for a person; ``decide`` records what the person says.
"""

from __future__ import annotations

import argparse
import datetime as dt
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from gristmill.cli import licence_review
from gristmill.cli.options import plain_console, positive, printable
from gristmill.collect.listing import visit_date
from gristmill.errors import GristmillError
from gristmill.recipe import load_recipe
from gristmill.scan import policy as policies
from gristmill.scan.policy import Policy
from gristmill.scan.report import File, Report, refused_by, summary, to_json
from gristmill.scan.run import scan
from gristmill.scan.spdx2 import to_spdx2
from gristmill.scan.spdx3 import to_spdx3

FORMATS = ("table", "json", "spdx-2.3", "spdx-3")
_TOLD = frozenset({"restricted", "unknown"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "Tell the licences of a folder or file; with a policy, say by the exit code whether it is met."
    one = actions.add_parser("scan", help=text.split(";")[0], description=text)
    one.add_argument("path", type=Path, help="folder or file")
    one.add_argument("--format", choices=FORMATS, default="table", help="what to print (default: table)")
    one.add_argument("--json", action="store_const", const="json", dest="format", help="--format json")
    one.add_argument("--output", type=Path, metavar="FILE", help="write it to a file, not to standard output")
    one.add_argument(
        "--allow", type=_terms, metavar="TERM,...", help="classes and licences that may be there"
    )
    one.add_argument("--deny", type=_terms, metavar="TERM,...", help="classes and licences that may not")
    one.add_argument("--recipe", type=Path, metavar="FILE", help="take policy.licences of a recipe")
    one.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="paths to leave out")
    one.add_argument(
        "--created",
        type=_moment,
        metavar="TIME",
        help="creation of an SPDX document, ISO 8601 (default: SOURCE_DATE_EPOCH, or now)",
    )
    one.add_argument("--limit", type=positive, default=20, help="files to name in the table (default: 20)")
    one.set_defaults(action=_scan)
    licence_review.add_actions(actions)


def run(options: argparse.Namespace) -> int:
    """Do what is asked. Returns 0 if all is fine, 1 if a policy is not met, 2 for what cannot be read."""
    try:
        code = options.action(options)
    except BrokenPipeError:
        raise
    except (GristmillError, OSError) as error:
        _tell(str(error))
        return 2
    assert isinstance(code, int)
    return code


def _scan(options: argparse.Namespace) -> int:
    policy, mode = _policy(options)
    report = scan(options.path, exclude=options.exclude, mode=mode)
    for one in report.unread:
        _tell(f"{one.path}: {one.why}" if one.path else one.why)
    refused = [] if policy is None else refused_by(policy, report.files)
    if options.format == "table":
        if options.output is None:
            _print(plain_console(), report, policy, refused, options.limit)
        else:
            with options.output.open("w", encoding="utf-8") as file:
                console = Console(file=file, markup=False, emoji=False, highlight=False, width=160)
                _print(console, report, policy, refused, options.limit)
    else:
        _write(_document(report, policy, options), options.output)
        _tell_refused(refused, options.limit)
    return 1 if refused else 0


def _document(report: Report, policy: Policy | None, options: argparse.Namespace) -> str:
    if options.format == "json":
        return to_json(report, policy)
    make = to_spdx2 if options.format == "spdx-2.3" else to_spdx3
    return make(report, options.created or visit_date())


def _write(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.buffer.write(text.encode("utf-8"))
        sys.stdout.buffer.flush()
    else:
        output.write_text(text, encoding="utf-8")


def _policy(options: argparse.Namespace) -> tuple[Policy | None, str]:
    """The policy of the options, None without any, and how licences spread."""
    allow, deny, mode = options.allow or [], options.deny or [], "nearest"
    if options.recipe is not None:
        licences = load_recipe(options.recipe).policy.licences
        allow = [*licences.allow, *licences.allow_expressions, *allow]
        deny = [*licences.deny_expressions, *deny]
        mode = licences.propagation
    return (policies.make(allow, deny) if allow or deny else None), mode


def _print(
    console: Console, report: Report, policy: Policy | None, refused: Sequence[File], limit: int
) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("licence", overflow="fold")
    table.add_column("class", no_wrap=True)
    table.add_column("files", justify="right", no_wrap=True)
    for expression, licence_class, count in summary(report.files):
        table.add_row(printable(expression or "none found"), licence_class, f"{count:,}")
    console.print(table)
    seen = {one.path for one in refused}
    told = [one for one in report.files if one.licence.licence_class in _TOLD and one.path not in seen]
    _print_files(console, "restricted or unknown" + (", yet allowed" if policy else ""), told, limit)
    if policy is not None:
        _print_files(console, "not allowed by the policy", refused, limit)
        if not refused:
            console.print("\nthe policy is met", soft_wrap=True)


def _print_files(console: Console, title: str, files: Sequence[File], limit: int) -> None:
    if not files:
        return
    _say(console, f"\n{title}: {len(files):,} file{'s' * (len(files) != 1)}")
    for one in files[:limit]:
        _say(console, f"  {one.path}: {one.licence.expression or 'none found'}")
        for evidence in one.licence.evidence[:3]:
            _say(console, f"    {evidence}")
    if len(files) > limit:
        _say(console, f"  {len(files) - limit:,} more; see --limit")


def _tell_refused(refused: Sequence[File], limit: int) -> None:
    for one in refused[:limit]:
        _tell(f"{one.path}: {one.licence.expression or 'no licence found'}: not allowed by the policy")
    if len(refused) > limit:
        _tell(f"{len(refused) - limit:,} more files are not allowed by the policy; see --limit")


def _say(console: Console, text: str) -> None:
    console.print(printable(text), soft_wrap=True)


def _tell(text: str) -> None:
    print(f"gristmill: {printable(text)}", file=sys.stderr)  # noqa: T201


def _terms(text: str) -> list[str]:
    terms = [term.strip() for term in text.split(",")]
    if not all(terms):
        raise argparse.ArgumentTypeError(f"{text!r}: write terms with commas between them")
    return terms


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
        return moment.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a time; write for example 2026-01-31T12:00:00Z"
        ) from None
