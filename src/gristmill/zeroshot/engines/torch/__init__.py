"""The torch engine: CPU and CUDA, float32 to int4, one replica of the model on each device.

Importing this package loads no torch; ``create`` does. The arithmetic is tested on the CPU against transformers, padded
blocks and the variable-length path included; the kernels that exist on CUDA alone (flash attention, bitsandbytes' own)
are covered by tests that run where torch sees a CUDA device, and only there.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from gristmill.errors import MissingExtraError
from gristmill.zeroshot.engines.base import Engine, Pooling, Precision
from gristmill.zeroshot.models.model import Model


def create(
    model: Model,
    *,
    precision: Precision,
    device: str = "auto",
    workers: int | None = None,
    pooling: Pooling = "first",
) -> Engine:
    """Put ``model`` on one or more devices, ready to run.

    Args:
        precision: float32, float16, bfloat16; int8 and int4 through bitsandbytes for a checkpoint of floats. A
            quantised checkpoint runs on its own integers when asked for its own precision, else it is widened.
        device: ``auto`` (all CUDA devices, or the CPU where there is none), ``cpu``, ``cuda`` (all of them),
            ``cuda:1``, or several, as ``cuda:0,cuda:1``.
        workers: Packs to run at the same time; by default one a processor core on the CPU, two a CUDA device.
        pooling: The class token's state, or the mean of all tokens' states.

    Raises: MissingExtraError without torch (or bitsandbytes where it is needed); ModelError for a device or a
    precision that cannot be had.
    """
    try:
        import_module("torch")
    except ImportError as error:
        raise MissingExtraError(
            f"the torch engine needs torch, and importing it failed ({error});"
            " install it: pip install 'gristmill[torch]'"
        ) from error
    # By its name, so that neither importing this package nor choosing an engine loads torch.
    engine = import_module("gristmill.zeroshot.engines.torch.engine")
    return cast(Engine, engine.create_engine(model, precision, device, workers, pooling))
