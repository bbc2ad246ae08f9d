"""Gristmill: software repositories in, governed, labelled, training-ready code datasets out."""

from __future__ import annotations

__version__ = "0.1.0"
