"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from gristmill.workspace import Workspace, open_workspace


def add_workspace(parser: argparse.ArgumentParser) -> None:
    """The option ``--workspace``."""
    parser.add_argument(
        "-w",
        "--workspace",
        type=Path,
        default=Path("workspace"),
        help="workspace folder (default: ./workspace)",
    )


def existing_workspace(options: argparse.Namespace) -> Workspace:
    """The workspace named by ``--workspace``, which must exist."""
    path: Path = options.workspace
    return open_workspace(path, create=False)
