"""Write a commented recipe to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from gristmill.cli.options import plain_console
from gristmill.errors import RecipeError
from gristmill.recipe import recipe_template
from gristmill.workspace import write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("recipe", type=Path, nargs="?", default=Path("recipe.toml"), help="file to write")


def run(options: argparse.Namespace) -> int:
    """Write the recipe; an existing file is never touched."""
    path: Path = options.recipe
    if path.exists():
        raise RecipeError(f"{path}: exists; choose another name or remove it")
    write_text(path, recipe_template())
    plain_console().print(
        f"wrote {path}; name your sources in it, then run: gristmill build {path}", soft_wrap=True
    )
    return 0
