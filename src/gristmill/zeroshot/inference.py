"""Natural language inference on pairs: texts in, logits or class-token states out, tokenised and computed once each."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar

import numpy as np

from gristmill.zeroshot import head
from gristmill.zeroshot.engines.base import Dropout, Engine, Pack
from gristmill.zeroshot.engines.threads import one_blas_thread
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats, Model
from gristmill.zeroshot.tokens import PairEncoder
from gristmill.zeroshot.workers import Workers

T = TypeVar("T")

HYPOTHESES = 65_536
"""Hypotheses of which the tokens are kept."""
AT_ONCE = 1024
"""Hypotheses tokenised in one call, which holds more of each than its ids."""


@dataclass(frozen=True)
class Tokens:
    """A text's token ids without special tokens, and a key that is equal for equal ids."""

    ids: Ids
    key: bytes


class PairRow:
    """Each premise with each hypothesis: all of the first premise, then all of the second."""

    def __init__(
        self, encoder: PairEncoder, premises: Sequence[Tokens], hypotheses: Sequence[Tokens]
    ) -> None:
        self._encoder, self._premises, self._hypotheses = encoder, premises, hypotheses

    def __len__(self) -> int:
        return len(self._premises) * len(self._hypotheses)

    def key(self, number: int) -> Hashable:
        """See ``schedule.Row``."""
        premise, hypothesis = divmod(number, len(self._hypotheses))
        return self._premises[premise].key + self._hypotheses[hypothesis].key

    def tokens(self, number: int) -> tuple[Ids, Ids]:
        """See ``schedule.Row``."""
        premise, hypothesis = divmod(number, len(self._hypotheses))
        return self._encoder.join(self._premises[premise].ids, self._hypotheses[hypothesis].ids)


class Inference:
    """A model, its tokenizer and an engine, ready for pairs. Threads may share it."""

    def __init__(self, model: Model, engine: Engine) -> None:
        self.model = model
        self.engine = engine
        self.encoder = PairEncoder(model.folder, model.encoder)
        self._workers = Workers(engine)
        self._kept: OrderedDict[str, Tokens] = OrderedDict()
        self._lock = threading.Lock()

    def hypotheses(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each hypothesis, from memory where it was there before.

        Raises: LabelError for one that leaves no room for a text.
        """
        found: dict[str, Tokens] = {}
        with self._lock:
            for text in texts:
                tokens = self._kept.get(text)
                if tokens is not None:
                    found[text] = tokens
                    self._kept.move_to_end(text)
        missing = list(dict.fromkeys(text for text in texts if text not in found))
        for start in range(0, len(missing), AT_ONCE):
            part = missing[start : start + AT_ONCE]
            for text, ids in zip(part, self.encoder.hypotheses(part), strict=True):
                found[text] = _tokens(ids)
        with self._lock:
            for text in missing:
                self._kept[text] = found[text]
            while len(self._kept) > HYPOTHESES:
                self._kept.popitem(last=False)
        return [found[text] for text in texts]

    def premises(self, texts: Sequence[str], limit_tokens: int | None = None) -> list[Ids]:
        """The first ``limit_tokens`` ids of each text, by default as many as a pair has; equal texts are read once."""
        limit = self.encoder.max_tokens if limit_tokens is None else limit_tokens
        distinct = list(dict.fromkeys(texts))
        ids = dict(zip(distinct, self.encoder.premises(distinct, limit_tokens=limit), strict=True))
        return [ids[text] for text in texts]

    def pairs(self, premises: Sequence[Ids], hypotheses: Sequence[Tokens]) -> PairRow:
        """The row of each premise with each hypothesis."""
        return PairRow(self.encoder, [_tokens(ids) for ids in premises], hypotheses)

    def room(self, hypotheses: Sequence[Tokens]) -> int:
        """How many tokens of a premise fit beside the longest of the hypotheses."""
        return min(self.encoder.room(hypothesis.ids) for hypothesis in hypotheses)

    def logits(self, rows: Iterable[tuple[PairRow, T]]) -> Iterator[tuple[Floats, T]]:
        """Logits [pairs, classes] of each row, in order."""
        return self._workers.stream(rows, self._logits, self.model.head.classes)

    def states(
        self, rows: Iterable[tuple[PairRow, T]], dropout: Dropout | None = None
    ) -> Iterator[tuple[Floats, T]]:
        """Class-token states [pairs, width] of each row, in order; with ``dropout`` one sample of them."""

        def states(pack: Pack) -> Floats:
            return self.engine.states(pack, dropout)

        return self._workers.stream(rows, states, self.model.encoder.width)

    def close(self) -> None:
        """End the threads and free the engine."""
        self._workers.close()
        self.engine.close()

    def _logits(self, pack: Pack) -> Floats:
        states = self.engine.states(pack)
        # One BLAS thread, as in the engine: with more, the last digits depend on what the other workers do just then.
        # What is not finite is told of by its row.
        with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
            return head.logits(self.model, states)


def _tokens(ids: Ids) -> Tokens:
    # Ids are not kept as keys: those of a long text would be held as long as its results are remembered.
    return Tokens(ids, blake2b(np.ascontiguousarray(ids).tobytes(), digest_size=16).digest())
