"""The one contract of all engines: packs of token ids in, class-token states out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.models.model import Floats

Precision = Literal["float32", "bfloat16", "float16", "int8", "int4"]
Pooling = Literal["first", "mean"]


@dataclass(frozen=True)
class Pack:
    """Token ids of several sequences, one after another without padding; equal lengths stand together."""

    ids: NDArray[np.int32]
    """[tokens]"""
    types: NDArray[np.int32]
    """[tokens] token types (segments): 0, or 1 for the hypothesis where the tokenizer says so."""
    lengths: NDArray[np.int32]
    """[sequences], ascending; their sum is the number of tokens."""


@dataclass(frozen=True)
class Dropout:
    """Monte-Carlo dropout inside the encoder (Gal and Ghahramani 2016): one sample of a seeded stream."""

    seed: int
    hidden: float
    attention: float


class Engine(Protocol):
    """Runs an encoder. Threads may call ``states`` at once, each with its own pack, up to ``workers`` of them."""

    name: str
    """numpy, openvino, torch."""
    device: str
    """cpu, or cuda:0 and so on."""
    precision: Precision
    workers: int
    """How many packs to run at the same time."""
    token_budget: int
    """Tokens of a pack that suit this engine; one sequence may be longer."""

    def states(self, pack: Pack, dropout: Dropout | None = None) -> Floats:
        """The last layer's state of each sequence's first token, or the mean over tokens: [sequences, width].

        A sequence's state does not depend on the others in its pack, but for float rounding (1e-5 relative).
        Raises: ModelError if the engine cannot do dropout.
        """
        ...

    def close(self) -> None:
        """Free threads and device memory."""
        ...
