"""Monte-Carlo dropout (Gal and Ghahramani, arXiv 1506.02142): seeded zeros, the same whatever a pack holds besides."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Dropout, Pack
from gristmill.zeroshot.models.model import Floats


class Noise:
    """One sample of a pack. Each sequence has a random stream of its own, made of the seed and its tokens."""

    def __init__(self, dropout: Dropout, pack: Pack) -> None:
        for rate in (dropout.hidden, dropout.attention):
            if not 0 <= rate < 1:
                raise ModelError(f"a dropout rate must be 0 or more and less than 1, not {rate}")
        self._hidden, self._attention = dropout.hidden, dropout.attention
        self._bounds = np.concatenate(([0], np.cumsum(pack.lengths, dtype=np.int64))).tolist()
        self._streams = [
            _stream(dropout.seed, pack.ids[start:stop].tobytes() + pack.types[start:stop].tobytes())
            for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True)
        ]
        self._shared = _stream(dropout.seed, b"")

    def hidden(self, x: Floats) -> None:
        """Drop from [rows, width] in place, rows being all of the pack's or one a sequence."""
        if len(x) == len(self._streams):
            for row, stream in zip(x, self._streams, strict=True):
                _drop(row, self._hidden, stream)
            return
        for number, stream in enumerate(self._streams):
            _drop(x[self._bounds[number] : self._bounds[number + 1]], self._hidden, stream)

    def attention(self, weights: Floats, first: int) -> None:
        """Drop from [sequences, ...] in place, the pack's sequences from number ``first`` on."""
        for number, own in enumerate(weights, first):
            _drop(own, self._attention, self._streams[number])

    def shared(self, x: Floats) -> Floats:
        """A copy of what all sequences use, hidden dropout applied."""
        result = x.copy()
        _drop(result, self._hidden, self._shared)
        return result


def _stream(seed: int, tokens: bytes) -> np.random.Generator:
    own = int.from_bytes(blake2b(tokens, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed % (1 << 64), own])))


def _drop(x: Floats, rate: float, stream: np.random.Generator) -> None:
    if rate:
        x *= stream.random(x.shape, np.float32) >= np.float32(rate)
        x *= np.float32(1 / (1 - rate))
