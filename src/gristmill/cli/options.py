"""Options that several commands share."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from rich.console import Console

from gristmill.workspace import Workspace, open_workspace

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


def add_workspace(parser: argparse.ArgumentParser) -> None:
    """The option ``--workspace``."""
    parser.add_argument(
        "-w",
        "--workspace",
        type=Path,
        default=Path("workspace"),
        help="workspace folder (default: ./workspace)",
    )


def plain_console() -> Console:
    """A console for text that comes from repositories: brackets and colons are no markup, nothing is styled."""
    return Console(markup=False, emoji=False, highlight=False)


def printable(text: str) -> str:
    """Text whose control characters, which could drive the terminal, are written \\xNN; line feeds stay."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def positive(text: str) -> int:
    """An option's value that must be a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be at least 1")
    return number


def existing_workspace(options: argparse.Namespace) -> Workspace:
    """The workspace named by ``--workspace``, which must exist."""
    path: Path = options.workspace
    return open_workspace(path, create=False)
