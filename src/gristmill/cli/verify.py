"""Check a release against its manifest: every file, every row, every hash."""

from __future__ import annotations

import argparse
from pathlib import Path

from gristmill.cli.options import plain_console, printable
from gristmill.release.verify import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("release", type=Path, help="release folder")
    parser.add_argument(
        "--quick", action="store_true", help="hashes of files and shards, but do not check every row"
    )


def run(options: argparse.Namespace) -> int:
    """Verify; exit code 1 if anything is wrong."""
    report = verify(options.release, deep=not options.quick)
    console = plain_console()
    for problem in report.problems:
        console.print(printable(str(problem)), soft_wrap=True)
    if report.ok:
        console.print(f"{options.release}: ok", soft_wrap=True)
    return 0 if report.ok else 1
