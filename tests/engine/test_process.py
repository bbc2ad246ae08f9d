"""Settings of the program's own processes."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import gc, sys
import pyarrow as pa
from gristmill.engine.process import COLLECT_EVERY, begin_process
begin_process()
table = pa.table({"a": pa.array([1, 2])})
assert "pandas" not in sys.modules, "loaded"
assert gc.isenabled() and gc.get_threshold()[0] == COLLECT_EVERY
assert table.to_pandas()["a"].tolist() == [1, 2]
"""


def test_arrow_does_not_load_pandas_but_finds_it() -> None:
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
