"""The one door to enry, which holds GitHub linguist's rules (languages, generated, vendored, test, docs).

enry is a Go library. Its runtime starts when the module is imported and does not survive a fork, so the
import waits for the first use, and a use in a forked child is refused instead of hanging.
"""

from __future__ import annotations

import functools
import importlib
import os
from types import ModuleType

from gristmill.errors import StageError

MAX_NAME_BYTES = 4096


def library() -> ModuleType:
    """The module ``enry``.

    Raises:
        StageError: this process was forked from one that had used enry.
    """
    module, owner = _load()
    if owner != os.getpid():
        raise StageError(
            f"enry was loaded in process {owner} and cannot be used in its fork {os.getpid()}: "
            "start worker processes with 'spawn' or 'forkserver', or before languages are annotated"
        )
    return module


def languages_by_extension(name: str) -> list[str]:
    """All languages that the extension of a name stands for; ``name`` is ``plain``."""
    library()
    # enry's Python functions give only the first of them, so this calls the C function behind.
    definitions, binding = (importlib.import_module(f"enry.{part}") for part in ("definitions", "utils"))
    found = definitions.lib.GetLanguagesByExtension(name.encode(), b"", 0, definitions.ffi.NULL)
    languages: list[str] = binding.go_str_slice_to_py(definitions.lib, found)
    return languages


def plain(name: str) -> str:
    """A file name or path as enry can take it.

    Go receives a C string: it ends at the first NUL, which no real path holds, so NULs are cut out. Of a
    name longer than ``MAX_NAME_BYTES`` the end is kept, since that is where the extension stands.
    """
    name = name.replace("\0", "")
    raw = name.encode("utf-8", "replace")
    return raw[-MAX_NAME_BYTES:].decode("utf-8", "replace")


@functools.cache
def _load() -> tuple[ModuleType, int]:
    return importlib.import_module("enry"), os.getpid()
