"""The command line: one thin module a command; the work is done elsewhere."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys
from collections.abc import Sequence

import duckdb

from gristmill import __version__
from gristmill.errors import GristmillError

COMMANDS = (
    "init", "build", "status", "explain", "query", "verify", "tables",
    "licences", "secrets", "classify", "quantize", "calibrate", "compare", "evaluate", "model-card",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit code: 0 fine, 1 an error of the input, 2 wrong usage."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    # Only the command that is asked for is loaded: the others would double the time to start.
    parser = make_parser(words[:1] if words[:1] and words[0] in COMMANDS else COMMANDS)
    options = parser.parse_args(arguments)
    try:
        code = options.run(options)
        assert isinstance(code, int)
        return code
    except GristmillError as error:
        print(f"gristmill: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        mend = "; free some space and run again: finished work is kept" if error.errno == errno.ENOSPC else ""
        print(f"gristmill: {error}{mend}", file=sys.stderr)  # noqa: T201
        return 1
    except duckdb.Error as error:
        print(f"gristmill: {error}; if a file is missing or damaged, run: gristmill build", file=sys.stderr)  # noqa: T201
        return 1
    except KeyboardInterrupt:
        print("gristmill: interrupted; run the same command again to go on", file=sys.stderr)  # noqa: T201
        return 130


def make_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """The parser with the commands of these names."""
    parser = argparse.ArgumentParser(
        prog="gristmill",
        description="From software repositories to governed, labelled, training-ready code datasets.",
    )
    parser.add_argument("--version", action="version", version=f"gristmill {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in names:
        module = importlib.import_module(f"gristmill.cli.{name.replace('-', '_')}")
        text = (module.__doc__ or "").strip()
        command = commands.add_parser(name, help=text.splitlines()[0].rstrip("."), description=text)
        module.add_arguments(command)
        command.set_defaults(run=module.run)
    return parser
