"""The engine itself: replicas on devices, packs shared out among them."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from threading import Lock

import numpy as np
import torch

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Dropout, Engine, Pack, Pooling, Precision
from gristmill.zeroshot.engines.torch.bits import load_bitsandbytes
from gristmill.zeroshot.engines.torch.blocks import lay_out
from gristmill.zeroshot.engines.torch.devices import (
    FLOATS,
    compute_type,
    default_workers,
    find_devices,
    one_thread,
    token_budget,
)
from gristmill.zeroshot.engines.torch.forward import encode, make_noise
from gristmill.zeroshot.engines.torch.linears import Place
from gristmill.zeroshot.engines.torch.network import Network, build_network
from gristmill.zeroshot.models.model import Floats, Model


class TorchEngine:
    """An ``Engine`` on torch; ``states`` may be called by several threads at once."""

    name = "torch"

    def __init__(
        self, networks: tuple[Network, ...], precision: Precision, workers: int, pooling: Pooling
    ) -> None:
        devices = tuple(network.place.device for network in networks)
        self.device = ",".join(str(device) for device in devices)
        self.precision: Precision = precision
        self.workers = workers
        self.token_budget = token_budget(devices)
        self._networks = networks
        self._pooling: Pooling = pooling
        self._running = [0] * len(networks)
        self._lock = Lock()

    def states(self, pack: Pack, dropout: Dropout | None = None) -> Floats:
        """See ``Engine.states``. A dropout's seed gives the same states again for the same pack and device type.

        Raises: ModelError for a pack that does not fit the model, a sequence that does not fit into the device's
        memory, float16 states that overflow, or a closed engine.
        """
        number = self._take()
        try:
            return self._run(self._networks[number], pack, dropout)
        finally:
            with self._lock:
                if self._running:
                    self._running[number] -= 1

    def close(self) -> None:
        """Forget the replicas, so that their memory is freed."""
        with self._lock:
            used_cuda = any(network.place.device.type == "cuda" for network in self._networks)
            self._networks, self._running = (), []
        if used_cuda:
            torch.cuda.empty_cache()

    def _take(self) -> int:
        """The number of the least busy replica, the first of several."""
        with self._lock:
            if not self._networks:
                raise ModelError("this torch engine is closed; create another")
            number = self._running.index(min(self._running))
            self._running[number] += 1
            return number

    def _run(self, network: Network, pack: Pack, dropout: Dropout | None) -> Floats:
        if not len(pack.lengths):
            return np.zeros((0, network.encoder.width), np.float32)
        try:
            return self._encode(network, pack, dropout)
        except torch.OutOfMemoryError as error:
            if len(pack.lengths) == 1:
                raise ModelError(
                    f"a sequence of {pack.lengths[0]} tokens does not fit into the memory of"
                    f" {network.place.device}; use a smaller precision, or device='cpu'"
                ) from error
        # Outside the handler, whose traceback holds on to the tensors of the attempt.
        halves = (self._run(network, half, dropout) for half in _halve(pack))
        return np.concatenate(list(halves))

    def _encode(self, network: Network, pack: Pack, dropout: Dropout | None) -> Floats:
        device = network.place.device
        threads: AbstractContextManager[None] = one_thread() if device.type == "cpu" else nullcontext()
        with threads, torch.inference_mode():
            layout = lay_out(pack, network.encoder, device)
            noise = make_noise(dropout, device) if dropout else None
            states: Floats = encode(network, layout, self._pooling, noise).float().cpu().numpy()
        if network.place.dtype == torch.float16 and not np.isfinite(states).all():
            raise ModelError(
                f"this model's states overflow float16 on {device} (precision {self.precision});"
                " use bfloat16 or float32"
            )
        return states


def create_engine(
    model: Model, precision: Precision, device: str, workers: int | None, pooling: Pooling
) -> Engine:
    """See ``gristmill.zeroshot.engines.torch.create``."""
    if precision not in (*FLOATS, "int8", "int4"):
        raise ModelError(f"precision {precision!r} is not float32, float16, bfloat16, int8 or int4")
    if workers is not None and workers < 1:
        raise ModelError(f"workers must be 1 or more, not {workers}")
    quantised = model.precision in ("int8", "int4")
    if quantised and precision not in (*FLOATS, model.precision):
        raise ModelError(
            f"{model.name} is quantised to {model.precision} and cannot run in {precision};"
            f" use {model.precision} or a float precision, or the model it was made from"
        )
    integers = precision not in FLOATS
    if integers and not quantised:
        load_bitsandbytes()
    devices = find_devices(device)
    networks = tuple(
        build_network(
            model,
            Place(
                device=found,
                dtype=compute_type(precision, found, bitsandbytes=integers and not quantised),
                precision=precision,
                keep_integers=integers and quantised,
                bitsandbytes=integers and not quantised,
            ),
        )
        for found in devices
    )
    return TorchEngine(networks, precision, workers or default_workers(devices), pooling)


def _halve(pack: Pack) -> tuple[Pack, Pack]:
    """The pack's first and second half of sequences."""
    middle = len(pack.lengths) // 2
    row = int(pack.lengths[:middle].sum())
    return (
        Pack(pack.ids[:row], pack.types[:row], pack.lengths[:middle]),
        Pack(pack.ids[row:], pack.types[row:], pack.lengths[middle:]),
    )
