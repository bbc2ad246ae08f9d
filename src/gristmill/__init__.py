"""Gristmill: software repositories in, governed, labelled, training-ready code datasets out.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.engine.progress import Progress
    from gristmill.pipeline import build
    from gristmill.recipe import load_recipe
    from gristmill.release.open import open_release
    from gristmill.settings import make_settings
    from gristmill.workspace import open_workspace

__version__ = "0.1.0"
__all__ = ["Progress", "build", "load_recipe", "make_settings", "open_release", "open_workspace"]

_HOMES = {
    "Progress": "gristmill.engine.progress",
    "build": "gristmill.pipeline",
    "load_recipe": "gristmill.recipe",
    "make_settings": "gristmill.settings",
    "open_release": "gristmill.release.open",
    "open_workspace": "gristmill.workspace",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gristmill' has no attribute {name!r}")
