"""Find secrets and personal data in files, a repository's history or its index; mark findings by hand."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from gristmill.annotate.findings.rule import TYPES
from gristmill.annotate.findings.sensitivity import THRESHOLDS
from gristmill.cli import secrets_label
from gristmill.cli.options import printable
from gristmill.errors import GristmillError, RecipeError
from gristmill.scan.walk import left_out
from gristmill.secrets import files, history, staged
from gristmill.secrets.allow import read_allow_list
from gristmill.secrets.baseline import read_baseline, write_baseline
from gristmill.secrets.detect import SECRETS, Scan, Wanted, detect
from gristmill.secrets.report import lines, to_json
from gristmill.secrets.sarif import to_sarif

FORMATS = ("table", "json", "sarif")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    text = "Tell where secrets stand in files, a repository's history or its index; values are never told."
    scan = actions.add_parser("scan", help=text.split(";")[0], description=text)
    scan.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="folders, files, or - (default: .)")
    where = scan.add_mutually_exclusive_group()
    where.add_argument(
        "--git-history", action="store_true", help="search all contents ever committed at PATH"
    )
    where.add_argument("--staged", action="store_true", help="search what is staged in the index of PATH")
    scan.add_argument("--exclude", action="append", default=[], metavar="GLOB", help="paths to leave out")
    add_selection(scan)
    scan.add_argument("--config", type=Path, metavar="FILE", help="allow-list of paths and rules, TOML")
    scan.add_argument("--baseline", type=Path, metavar="FILE", help="do not tell the findings in this file")
    scan.add_argument(
        "--update-baseline", action="store_true", help="write what is found to the baseline, and tell nothing"
    )
    scan.add_argument("--format", choices=FORMATS, default="table", help="what to print (default: table)")
    scan.add_argument(
        "--output", type=Path, metavar="FILE", help="write it to a file, not to standard output"
    )
    scan.add_argument("--exit-zero", action="store_true", help="exit code 0 also if something was found")
    scan.set_defaults(action=_scan)

    text = "Mark findings as true or false by hand; says how precise the sensitivities are."
    label = actions.add_parser("label", help=text.split(";")[0], description=text)
    secrets_label.add_arguments(label)
    add_selection(label)
    label.set_defaults(action=lambda options: secrets_label.label(options, selected(options)))


def add_selection(parser: argparse.ArgumentParser) -> None:
    """The options that say which findings count."""
    parser.add_argument(
        "--sensitivity",
        choices=tuple(THRESHOLDS),
        default="medium",
        help="low tells the surest findings only, high nearly all (default: medium)",
    )
    parser.add_argument(
        "--personal-data",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="search for personal data, too (default: secrets only)",
    )
    parser.add_argument(
        "--types", type=_types, metavar="TYPE,...", help=f"search for these types only, of {', '.join(TYPES)}"
    )


def selected(options: argparse.Namespace) -> dict[str, float]:
    """The threshold of each type that is wanted, by ``add_selection``'s options."""
    types = options.types or (TYPES if options.personal_data else SECRETS)
    return dict.fromkeys(types, THRESHOLDS[options.sensitivity])


def run(options: argparse.Namespace) -> int:
    """Do what is asked. Returns 0 if nothing is found, 1 if something is, 2 for wrong usage."""
    try:
        code = options.action(options)
    except BrokenPipeError:
        raise
    except (GristmillError, OSError) as error:
        tell(str(error))
        return 2
    assert isinstance(code, int)
    return code


def tell(text: str) -> None:
    """Say something on standard error."""
    print(f"gristmill: {printable(text)}", file=sys.stderr)  # noqa: T201


def _scan(options: argparse.Namespace) -> int:
    if options.update_baseline and (options.baseline is None or options.staged):
        raise RecipeError("--update-baseline needs --baseline FILE and a whole scan, not one of --staged")
    allow = read_allow_list(options.config) if options.config is not None else []
    fresh = options.update_baseline or options.baseline is None
    known = frozenset() if fresh else read_baseline(options.baseline)
    scan = search(options, Wanted(selected(options), allow))
    for path, why in scan.unread:
        tell(f"{path}: {why}")
    if options.update_baseline:
        write_baseline(options.baseline, scan.findings)
        tell(
            f"{options.baseline}: {len({one.fingerprint for one in scan.findings}):,} findings are known now"
        )
        return 0
    left = [one for one in scan.findings if one.fingerprint not in known]
    count = len(scan.findings) - len(left)
    _write(_document(replace(scan, findings=left), count, options.format), options.output)
    return 1 if left and not options.exit_zero else 0


def search(options: argparse.Namespace, wanted: Wanted) -> Scan:
    """Search what the options name."""
    paths = options.paths or [Path()]
    unread: list[tuple[str, str]] = []
    if not options.git_history and not options.staged:
        scan = detect(files.documents(paths, options.exclude, unread), wanted)
    else:
        if len(paths) != 1:
            raise RecipeError("--git-history and --staged take one PATH: that of a repository")
        source = history if options.git_history else staged
        with tempfile.TemporaryDirectory(prefix="gristmill-") as cache:
            found = source.documents(paths[0], Path(cache), unread)
            excluded = left_out(options.exclude)
            scan = detect((one for one in found if not excluded(one.path)), wanted, once=options.git_history)
    scan.unread[:0] = unread
    return scan


def _document(scan: Scan, known: int, form: str) -> str:
    if form == "json":
        return to_json(scan, known)
    if form == "sarif":
        return to_sarif(scan)
    # A line feed in a path must not begin a line that looks like another finding.
    return "".join(printable(line).replace("\n", "\\x0a") + "\n" for line in lines(scan, known))


def _write(text: str, output: Path | None) -> None:
    data = text.encode("utf-8", "backslashreplace")
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        output.write_bytes(data)


def _types(text: str) -> tuple[str, ...]:
    types = tuple(part.strip() for part in text.split(","))
    for one in types:
        if one not in TYPES:
            raise argparse.ArgumentTypeError(f"{one!r} is no type of finding; choose of {', '.join(TYPES)}")
    return types
