"""Collect, annotate, decide and release, as a recipe says; what is done already is not done again."""

from __future__ import annotations

import argparse
from pathlib import Path

from gristmill.cli.funnel import print_funnel
from gristmill.cli.options import add_workspace, plain_console, positive
from gristmill.engine.process import begin_process
from gristmill.engine.progress import Progress
from gristmill.pipeline import build, read_inputs
from gristmill.recipe import load_recipe
from gristmill.settings import make_settings
from gristmill.workspace import open_workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("recipe", type=Path, help="recipe file (TOML)")
    add_workspace(parser)
    parser.add_argument("--memory", help="memory for everything together, for example 2GB (default: half)")
    parser.add_argument(
        "--workers", type=positive, help="worker processes (default: all cores that memory allows)"
    )
    parser.add_argument("--engine", choices=("local", "ray"), default="local", help="where stages run")
    parser.add_argument("--replace", action="store_true", help="publish over a release of the same version")
    parser.add_argument("--strict", action="store_true", help="exit with 3 if a source could not be read")
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress, no funnel")


def run(options: argparse.Namespace) -> int:
    """Build, then print the funnel."""
    begin_process()
    recipe = load_recipe(options.recipe)
    settings = make_settings(options.memory, options.workers, options.engine)
    base = options.recipe.resolve().parent
    read_inputs(recipe, base)  # before a workspace is made: a mistake leaves nothing behind
    workspace = open_workspace(options.workspace)
    progress = Progress(quiet=options.quiet)
    built = build(recipe, workspace, settings, progress, base=base, replace=options.replace)
    if not options.quiet:
        print_funnel(plain_console(), built.released.statistics)
        plain_console().print(f"\nrelease: {built.released.folder}", soft_wrap=True)
    return 3 if options.strict and built.failures else 0
