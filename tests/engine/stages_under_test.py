"""Stage functions for the engine's tests; a module of its own, so that other processes can import it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from gristmill.engine.stages import Inputs, Output, Stage

NUMBERS = pa.schema(
    [pa.field("key", pa.uint64(), nullable=False), pa.field("value", pa.int64(), nullable=False)]
)


def scaled(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    """Values times ``factor``; counts its calls in a folder, and does what ``mischief`` says."""
    if params.get("calls"):
        (Path(params["calls"]) / f"{os.getpid()}-{time.monotonic_ns()}").touch()
    for batch in inputs.batches("numbers"):
        if params.get("die_on") in batch["value"].to_pylist():
            os.kill(os.getpid(), signal.SIGKILL)
        if params.get("fail_on") in batch["value"].to_pylist():
            raise ValueError("the value that fails")
        if params.get("pause"):
            time.sleep(params["pause"])
        values = pc.multiply(batch["value"], params["factor"])
        yield "numbers", pa.RecordBatch.from_arrays([batch["key"], values], schema=NUMBERS)


def summed(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    """Sum of the values of every key."""
    table = inputs.table("numbers", NUMBERS).group_by("key", use_threads=False).aggregate([("value", "sum")])
    table = table.rename_columns(["key", "value"]).sort_by("key")
    for batch in table.cast(NUMBERS).combine_chunks().to_batches():
        yield "sums", batch


def looked_for(inputs: Inputs, params: Mapping[str, Any]) -> Iterator[Output]:
    """Makes an array of a list, then tells in ``value`` whether pandas is loaded."""
    pa.array(["made"])
    loaded = [int("pandas" in sys.modules)]
    yield (
        "numbers",
        pa.RecordBatch.from_arrays([pa.array([0], pa.uint64()), pa.array(loaded)], schema=NUMBERS),
    )


def scale_stage(factor: int = 2, **private: object) -> Stage:
    """The stage of ``scaled``."""
    return Stage("scaled", 1, scaled, {"numbers": NUMBERS}, {"factor": factor}, private)


def sum_stage() -> Stage:
    """The stage of ``summed``."""
    return Stage("summed", 1, summed, {"sums": NUMBERS})


def look_stage() -> Stage:
    """The stage of ``looked_for``."""
    return Stage("looked", 1, looked_for, {"numbers": NUMBERS})
