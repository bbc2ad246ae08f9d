"""The OpenVINO engine: the fastest on most CPUs, in float32, bfloat16, int8 and int4.

Importing this package loads no openvino; ``create`` does.
"""

from __future__ import annotations

from importlib import import_module
from typing import cast

from gristmill.errors import MissingExtraError
from gristmill.zeroshot.engines.base import Engine, Pooling, Precision
from gristmill.zeroshot.models.model import Model


def create(
    model: Model, *, precision: Precision, workers: int | None = None, pooling: Pooling = "first"
) -> Engine:
    """Build and compile the model's graph, straight from its tensors.

    Args:
        precision: float32, bfloat16, int8 or int4. A checkpoint of floats is rounded to int8 a channel; int4
            needs one that ``gristmill quantize`` made; a quantised checkpoint keeps its own integers.
        workers: Packs to run at the same time, each on one thread; by default one a usable core.
        pooling: The class token's state, or the mean of all tokens' states.

    Raises: MissingExtraError without openvino; ModelError for a precision that cannot be had.
    """
    try:
        import_module("openvino")
    except ImportError as error:
        raise MissingExtraError(
            f"the openvino engine needs openvino, and importing it failed ({error}); "
            "install it: pip install 'gristmill[openvino]'"
        ) from error
    # By its name, so that neither importing this package nor choosing an engine loads openvino.
    engine = import_module("gristmill.zeroshot.engines.openvino.engine")
    return cast(Engine, engine.OpenvinoEngine(model, precision, workers, pooling))
