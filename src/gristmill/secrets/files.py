"""The files of folders, single files, and standard input, as documents."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from io import BufferedReader
from pathlib import Path

from gristmill.collect import directory
from gristmill.collect.listing import path_text
from gristmill.collect.reader import Limits
from gristmill.scan.walk import find
from gristmill.secrets.detect import Document

STANDARD_INPUT = "-"


def documents(
    paths: Sequence[Path], exclude: Sequence[str], unread: list[tuple[str, str]], limits: Limits | None = None
) -> Iterator[Document]:
    """The files at some paths, each once, by path; folders of version control and links below a folder are left out.

    A path is told from the current folder if it lies below that, else from the folder that was named. What cannot
    be looked at is added to ``unread``.

    Args:
        exclude: globs below a folder to leave out, see ``scan.walk.look``.
        limits: bounds for outsized folders.

    Raises:
        SourceError: there is nothing to read at a path.
        HostileInputError: a folder passes a limit.
    """
    here = Path.cwd().resolve()
    found: dict[bytes, bytes] = {}
    for path in paths:
        if str(path) == STANDARD_INPUT:
            continue
        one = find(path, exclude, limits or Limits())
        base = len(os.fsencode(here).rstrip(b"/")) + 1 if one.root.is_relative_to(here) else one.base
        unread.extend((str(path), note) for note in one.notes)
        for location, status in one.files:
            if not stat.S_ISLNK(status.st_mode):
                found.setdefault(location, location[base:])
    if Path(STANDARD_INPUT) in paths:
        yield Document(STANDARD_INPUT, _standard_input)
    for location, told in sorted(found.items(), key=lambda one: (one[1], one[0])):
        yield Document(path_text(told)[0], partial(_opened, location))


def _opened(location: bytes) -> BufferedReader:
    return os.fdopen(directory.open_regular(location), "rb")


def _standard_input() -> AbstractContextManager[BufferedReader]:
    return nullcontext(sys.stdin.buffer)  # type: ignore[arg-type]
