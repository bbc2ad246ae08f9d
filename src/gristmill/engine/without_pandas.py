"""Keep Arrow from loading pandas, which nothing here uses and which takes longer to load than all the rest."""

from __future__ import annotations

import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

import pyarrow as pa


def without_pandas() -> None:
    """Have Arrow take pandas for missing in this process; ``to_pandas`` finds it all the same.

    Arrow looks for it once, at the first array that is made of anything but Arrow data, and remembers. Call it
    in processes that are the program's own, when they start: where a user's code makes arrays of data frames
    it must find pandas.
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
