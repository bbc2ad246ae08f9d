"""The error of model cards."""

from __future__ import annotations

from gristmill.errors import GristmillError


class CardError(GristmillError):
    """A card cannot be made: its facts or evaluations cannot be read, or its file cannot be written."""
