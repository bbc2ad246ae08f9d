"""The engine: one compiled graph, a request of its own for each thread."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import openvino as ov

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Dropout, Pack, Pooling, Precision
from gristmill.zeroshot.engines.openvino.feed import feed
from gristmill.zeroshot.engines.openvino.graph import build_graph
from gristmill.zeroshot.engines.openvino.weights import weights_of
from gristmill.zeroshot.engines.threads import usable_cores
from gristmill.zeroshot.models.model import Encoder, Floats, Model

TOKEN_BUDGET = 512


class OpenvinoEngine:
    """See ``Engine``. Each calling thread runs its pack on one thread, with no pool to wait for."""

    name = "openvino"
    device = "cpu"
    token_budget = TOKEN_BUDGET

    def __init__(self, model: Model, precision: Precision, workers: int | None, pooling: Pooling) -> None:
        if workers is not None and workers < 1:
            raise ModelError(f"workers={workers}: give at least 1")
        self.precision: Precision = precision
        self.workers = workers or usable_cores()
        self._encoder: Encoder = model.encoder
        graph = build_graph(model, weights_of(model, precision), pooling)
        settings: dict[str, Any] = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": self.workers,
            "INFERENCE_NUM_THREADS": self.workers,
            "INFERENCE_PRECISION_HINT": "f32" if precision == "float32" else "bf16",
            "ENABLE_CPU_PINNING": False,
            # Rounding activations too would gain a tenth in speed and double the error.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
        }
        self._compiled: Any = ov.Core().compile_model(graph, "CPU", settings)
        self._names = {name for port in self._compiled.inputs for name in port.names}
        self._local = threading.local()

    def states(self, pack: Pack, dropout: Dropout | None = None) -> Floats:
        """See ``Engine``. Raises: ModelError for dropout, or a pack that does not fit the model."""
        if dropout is not None:
            raise ModelError("the openvino engine has no dropout; use engine='numpy' or 'torch'")
        check_pack(pack, self._encoder)
        if self._compiled is None:
            raise ModelError("the engine is closed")
        request = getattr(self._local, "request", None)
        if request is None:
            request = self._local.request = self._compiled.create_infer_request()
        inputs = {name: values for name, values in feed(pack, self._encoder).items() if name in self._names}
        result: Floats = np.array(request.infer(inputs)[0], np.float32)
        return result

    def close(self) -> None:
        """Free the graph."""
        self._compiled = None
        self._local = threading.local()


def check_pack(pack: Pack, encoder: Encoder) -> None:
    """Raise ModelError where ids, types or lengths do not fit the model: a gather would read elsewhere."""
    lengths = pack.lengths
    if int(lengths.min()) < 1 or int(lengths.sum()) != len(pack.ids) or len(pack.ids) != len(pack.types):
        raise ModelError(
            f"a pack of {len(pack.ids)} ids and {len(pack.types)} types does not match its lengths, which add "
            f"up to {lengths.sum()}"
        )
    for values, rows, what in (
        (pack.ids, encoder.vocabulary, "token id"),
        (pack.types, encoder.token_types or 1 << 30, "token type"),
    ):
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= rows:
            raise ModelError(
                f"{what} {low if low < 0 else high} is outside the model's {rows}; the tokenizer and the weights "
                "do not belong together"
            )
    if int(lengths.max()) > encoder.max_tokens:
        raise ModelError(
            f"a sequence of {lengths.max()} tokens is longer than the model's {encoder.max_tokens}"
        )
