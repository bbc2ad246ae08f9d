"""Show the last build of a workspace again: its funnel and what failed."""

from __future__ import annotations

import argparse
import json

from gristmill.cli.funnel import print_funnel
from gristmill.cli.options import add_workspace, existing_workspace, plain_console, printable
from gristmill.errors import WorkspaceError
from gristmill.release.statistics import read_statistics


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_workspace(parser)
    parser.add_argument("--json", action="store_true", help="print the run report as JSON")


def run(options: argparse.Namespace) -> int:
    """Print the report of the last run."""
    workspace = existing_workspace(options)
    path = workspace.runs / "last.json"
    try:
        text = path.read_text()
        report = json.loads(text)
    except (OSError, ValueError) as error:
        raise WorkspaceError(f"{path}: no report of a run ({error}); run: gristmill build") from error
    console = plain_console()
    if options.json:
        console.print(text, soft_wrap=True, end="")
        return 0
    print_funnel(console, read_statistics(workspace.releases / report["release"]))
    for failure in report["failures"]:
        console.print(printable(f"failed: {failure['source']}: {failure['message']}"), soft_wrap=True)
    return 0
