"""Write a model card from a model's folder, its evaluations, and what its maker says.

MODEL_CARD.md has the front matter that the Hugging Face Hub reads; the same values stand beside it as JSON.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from gristmill.cli import models
from gristmill.cli.options import plain_console, printable


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--model", metavar="M", help="folder, or id on the hub (default: the one that comes with Gristmill)"
    )
    parser.add_argument(
        "--evaluations",
        nargs="+",
        action="extend",
        type=Path,
        default=[],
        metavar="PATH",
        help="evaluation.json files, folders that evaluate wrote, or folders of them",
    )
    parser.add_argument(
        "--facts",
        type=Path,
        metavar="FILE",
        help="TOML file of what no measurement tells: licence, use, limits",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=Path("MODEL_CARD.md"),
        metavar="FILE",
        help="file to write (default: MODEL_CARD.md)",
    )
    parser.add_argument(
        "--replace", action="store_true", help="write over a file that this command did not make"
    )
    parser.add_argument(
        "--revision", metavar="R", help="branch, tag or commit of the hub; digest of a folder"
    )
    parser.add_argument("--offline", action="store_true", default=None, help="touch no network")
    parser.add_argument("-q", "--quiet", action="store_true", help="do not tell what was written")


def run(options: argparse.Namespace) -> int:
    """Gather, write and tell."""
    from gristmill.zeroshot.card.card import check_target, make_card, write_card
    from gristmill.zeroshot.card.facts import Facts, read_facts

    check_target(options.to, replace=options.replace)
    facts = read_facts(options.facts) if options.facts is not None else Facts()
    values = make_card(
        models.named_or_default(options.model),
        options.evaluations,
        facts,
        revision=options.revision,
        offline=options.offline,
    )
    written = write_card(options.to, values, replace=options.replace)
    if not options.quiet:
        own = sum(one["relation"] == "this" for one in values["evaluations"])
        others = len(values["evaluations"]) - own
        plain_console().print(
            printable(
                f"wrote {written[0]} and {written[1].name}: {own} evaluations of this model, {others} of others"
            ),
            soft_wrap=True,
        )
    return 0
