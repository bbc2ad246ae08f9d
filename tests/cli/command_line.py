"""What the tests of the classifier's commands share: the command line, and a small model for it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gristmill import cli

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "zeroshot"))


def command(*words: object) -> int:
    """Run the command line and give its exit code."""
    return cli.main([str(word) for word in words])


def small_model(factory: pytest.TempPathFactory) -> Path:
    """The folder of a random model."""
    from tiny_models import make_checkpoint

    return make_checkpoint(factory.mktemp("commands") / "model", "distilbert", seed=7)
