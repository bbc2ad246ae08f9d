"""The engine that is always there."""

from __future__ import annotations

import numpy as np

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Dropout, Pack, Pooling, Precision
from gristmill.zeroshot.engines.numpy.forward import encode
from gristmill.zeroshot.engines.numpy.layout import lay_out
from gristmill.zeroshot.engines.numpy.network import Network, build_network
from gristmill.zeroshot.engines.numpy.noise import Noise
from gristmill.zeroshot.engines.numpy.scratch import Scratch
from gristmill.zeroshot.engines.numpy.tools import Tools
from gristmill.zeroshot.engines.threads import one_blas_thread, usable_cores
from gristmill.zeroshot.models.model import Floats, Model

TOKEN_BUDGET = 512
"""On a core a matrix product is at full speed from 256 rows on, and larger packs leave its cache."""

QUANTISED: dict[str, Precision] = {"int8": "int8", "int4": "int4"}


class NumpyEngine:
    """An ``Engine`` on numpy; ``states`` may be called by several threads at once, each uses one core."""

    name = "numpy"
    device = "cpu"
    token_budget = TOKEN_BUDGET

    def __init__(self, model: Model, *, workers: int | None, pooling: Pooling) -> None:
        if workers is not None and workers < 1:
            raise ModelError(f"workers must be 1 or more, not {workers}")
        self.workers = workers or usable_cores()
        # Numbers are float32 always; a quantised model's answers are those of its integers all the same.
        self.precision: Precision = QUANTISED.get(model.precision, "float32")
        self._network: Network | None = build_network(model)
        self._pooling: Pooling = pooling
        self._scratch = Scratch()

    def states(self, pack: Pack, dropout: Dropout | None = None) -> Floats:
        """See ``Engine.states``. With dropout, a sequence's noise depends on the seed and its own tokens alone.

        Raises: ModelError for a pack that does not fit the model, a dropout rate outside 0 to 1, or a closed engine.
        """
        network = self._network
        if network is None:
            raise ModelError("this numpy engine is closed; create another")
        if not len(pack.lengths):
            return np.zeros((0, network.encoder.width), np.float32)
        layout = lay_out(pack, network.encoder)
        noise = Noise(dropout, pack) if dropout else None
        tools = Tools(self._scratch, noise)
        # What overflows shows in the logits, which are looked at.
        with one_blas_thread(), np.errstate(all="ignore"):
            return encode(network, layout, self._pooling, tools)

    def close(self) -> None:
        """Forget the weights, so that their memory is freed."""
        self._network = None
        self._scratch = Scratch()
