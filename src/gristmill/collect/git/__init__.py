"""Git repositories, local or remote, bare or not, SHA-1 or SHA-256: read with git's plumbing, never checked out."""

from __future__ import annotations

from gristmill.collect.git.contents import read_contents
from gristmill.collect.git.listing import list_objects
from gristmill.collect.git.source import resolve

__all__ = ["list_objects", "read_contents", "resolve"]
