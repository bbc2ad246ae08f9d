"""Zero-shot classification by natural language inference; imports nothing of the mill's rooms.

The names below are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier
    from gristmill.zeroshot.results import Level, Result
    from gristmill.zeroshot.shortlist import Shortlist

__all__ = ["Level", "Result", "Shortlist", "ZeroShotClassifier"]

_HOMES = {
    "Level": "gristmill.zeroshot.results",
    "Result": "gristmill.zeroshot.results",
    "Shortlist": "gristmill.zeroshot.shortlist",
    "ZeroShotClassifier": "gristmill.zeroshot.classifier",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'gristmill.zeroshot' has no attribute {name!r}")
