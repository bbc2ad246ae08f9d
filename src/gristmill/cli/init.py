"""Write a commented recipe to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.console import Console

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
    Console().print(
        f"wrote {path}; name your sources in it, then run: gristmill build {path}", highlight=False
    )
    return 0
