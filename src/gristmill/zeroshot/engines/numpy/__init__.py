"""The numpy engine: float32 on the CPU, always there; every checkpoint runs on it, quantised ones widened."""

from __future__ import annotations

from gristmill.zeroshot.engines.base import Engine, Pooling
from gristmill.zeroshot.models.model import Model


def create(model: Model, *, workers: int | None = None, pooling: Pooling = "first") -> Engine:
    """Lay out ``model`` for numpy.

    Args:
        workers: Packs to run at the same time, each on one thread; by default one a usable core.
        pooling: The class token's state, or the mean of all tokens' states.

    A quantised checkpoint's layers are widened to float32 now: it answers as its integers say, at the speed and in
    the memory of float32; only its tables of embeddings stay integers.

    Raises: ModelError for fewer than one worker.
    """
    from gristmill.zeroshot.engines.numpy.engine import NumpyEngine

    return NumpyEngine(model, workers=workers, pooling=pooling)
