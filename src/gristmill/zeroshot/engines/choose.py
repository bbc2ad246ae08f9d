"""Which engine runs a model: what was asked for, or what suits this machine without changing an answer."""

from __future__ import annotations

import logging
import os
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast, get_args

from gristmill.errors import MissingExtraError, ModelError
from gristmill.zeroshot.engines.base import Engine, Pooling, Precision
from gristmill.zeroshot.models.model import Model

ENGINES = ("numpy", "openvino", "torch")
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
QUANTISED = ("int8", "int4")
GPU_SIGNS = ("/proc/driver/nvidia/version", "/dev/nvidia0", "/dev/dxg", "/dev/kfd")
"""Files that are there where torch may find a GPU: looking for them costs nothing, importing torch seconds."""
FAST_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "amx_tile"})
"""Of CPUs on which openvino is the faster one."""

logger = logging.getLogger("gristmill.zeroshot")


def choose_engine(
    model: Model,
    *,
    engine: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    workers: int | None = None,
    pooling: Pooling = "first",
) -> Engine:
    """Make the engine that is asked for, or the one that suits the machine, and log which and why.

    Args:
        engine: numpy, openvino, torch, or auto: torch where there is a GPU (or ``device`` names one), else
            openvino where it is installed and pays (the CPU multiplies bfloat16, or less than float32 is
            wanted), else numpy.
        precision: float32, bfloat16, float16, int8, int4, or auto: what the model is stored as if it is quantised,
            else float32, so that nothing is lost without being asked for.
        device: cpu, cuda, cuda:0 and so on, or auto.
        workers: Packs at the same time; by default what suits the engine.
        pooling: The class token's state, or the mean of all tokens' states.

    Raises: ModelError for what is unknown or cannot be had; MissingExtraError for an engine that is not installed.
    """
    wanted = _precision(model, precision)
    name, why = _engine(model, engine, wanted, device)
    if name != "torch" and device not in ("auto", "cpu"):
        raise ModelError(
            f"device {device[:80]!r}: the {name} engine runs on the CPU; use engine='torch', or cpu"
        )
    made = _create(model, name, wanted, device, workers, pooling)
    logger.info(
        "%s: engine %s on %s, precision %s, %d at a time (%s)",
        *(model.name, made.name, made.device, made.precision, made.workers, why),
    )
    return made


def _precision(model: Model, precision: str) -> Precision:
    if precision == "auto":
        return cast(Precision, model.precision) if model.precision in QUANTISED else "float32"
    if precision not in PRECISIONS:
        raise ModelError(
            f"precision {precision[:80]!r} is not known; use auto or one of {', '.join(PRECISIONS)}"
        )
    return precision


def _engine(model: Model, engine: str, precision: Precision, device: str) -> tuple[str, str]:
    """Name of the engine, and the reason for it."""
    if engine in ENGINES:
        return engine, "asked for"
    if engine != "auto":
        raise ModelError(f"engine {engine[:80]!r} is not known; use auto or one of {', '.join(ENGINES)}")
    if device not in ("auto", "cpu"):
        return "torch", f"for the device {device}"
    if device == "auto" and _installed("torch") and _has_gpu():
        return "torch", "there is a GPU"
    if precision == "float16":
        return "torch", "no other engine computes in float16"
    if _installed("openvino"):
        if precision != "float32":
            return "openvino", f"the fastest on a CPU for {precision}"
        if _cpu_flags() & FAST_FLAGS:
            return "openvino", "installed, and made for this CPU"
    if _numpy_can(model, precision):
        return "numpy", "no GPU, and no engine that would be faster on this CPU is installed"
    if _installed("torch"):
        return "torch", f"openvino is not installed, and numpy cannot make {precision} of {model.precision}"
    return "openvino", f"needed for {precision}"


def _create(
    model: Model, name: str, precision: Precision, device: str, workers: int | None, pooling: Pooling
) -> Engine:
    if name != "numpy" and not _installed(name):
        raise MissingExtraError(
            f"the {name} engine needs {name}, which is not installed: pip install 'gristmill[{name}]'"
        )
    options: dict[str, Any] = {"workers": workers, "pooling": pooling}
    if name != "numpy":
        options["precision"] = precision
    elif not _numpy_can(model, precision):
        raise ModelError(
            f"{model.name} is stored as {model.precision}, and the numpy engine cannot run it in {precision};"
            " use float32, or another engine, or quantise the model first: gristmill quantize"
        )
    if name == "torch":
        options["device"] = device
    # By name, so that what is not used is not imported.
    return cast(Engine, import_module(f"gristmill.zeroshot.engines.{name}").create(model, **options))


def _numpy_can(model: Model, precision: Precision) -> bool:
    return precision == "float32" or (precision == model.precision and precision in QUANTISED)


def _installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return find_spec(package) is not None


def _has_gpu() -> bool:
    """Whether torch can use a GPU; torch is imported only if there are signs of one."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    if hidden or not any(Path(sign).exists() for sign in GPU_SIGNS):
        return False
    return bool(import_module("torch").cuda.is_available())


def _cpu_flags() -> frozenset[str]:
    """The CPU's features as Linux names them; none elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())
