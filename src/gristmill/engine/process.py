"""What a process of the program's own does when it starts: settings of the interpreter that save time."""

from __future__ import annotations

import gc
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa

COLLECT_EVERY = 50_000
"""Objects more, after which Python looks for cycles. Its own 700 suits programs that make more of them: here a tenth
of a small build would be looking."""


def begin_process() -> None:
    """Look for cycles seldom, and keep Arrow from loading pandas.

    Call it in processes that are the program's own, when they start; not in a library that a user calls.
    """
    gc.set_threshold(COLLECT_EVERY, 20, 20)
    _without_pandas()


def _without_pandas() -> None:
    """Have Arrow take pandas for missing in this process; ``to_pandas`` finds it all the same.

    Arrow looks for it once, at the first array that is made of anything but Arrow data, and remembers; to load it
    takes longer than to load all the rest. Where a user's code makes arrays of data frames it must find pandas.
    """
    absent = _Absent()
    sys.meta_path.insert(0, absent)
    try:
        pa.array([0])
    finally:
        sys.meta_path.remove(absent)


class _Absent(MetaPathFinder):
    def find_spec(self, fullname: str, path: object, target: ModuleType | None = None) -> ModuleSpec | None:
        if fullname == "pandas":
            raise ModuleNotFoundError("not looked for", name=fullname)
        return None
