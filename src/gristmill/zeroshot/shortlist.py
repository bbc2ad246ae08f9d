"""Large label sets: a bi-encoder ranks all labels for a text, so that inference need only score the nearest few.

Text and label are embedded apart (mean over tokens, Reimers and Gurevych 2019, arXiv 1908.10084) and compared by
cosine. It is an approximation: a label that is cut has no score, so every result says which were cut.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot.engines.base import Engine
from gristmill.zeroshot.layout import Ids
from gristmill.zeroshot.models.model import Floats, Model
from gristmill.zeroshot.scores import ranking
from gristmill.zeroshot.tokens import PairEncoder
from gristmill.zeroshot.workers import Workers

KEEP = 10
LABEL_SETS = 4
"""Label sets of which the embeddings are kept."""


@dataclass(frozen=True)
class Choice:
    """Places of the labels for one text, and the cosine similarity of every label."""

    kept: tuple[int, ...]
    """In the order of the labels."""
    cut: tuple[int, ...]
    """The nearest first."""
    similarities: Floats


class _TextRow:
    """One text as a row of one sequence."""

    def __init__(self, ids: Ids, types: Ids) -> None:
        self._ids, self._types = ids, types
        self._key = blake2b(ids.tobytes(), digest_size=16).digest()

    def __len__(self) -> int:
        return 1

    def key(self, number: int) -> Hashable:
        """See ``schedule.Row``."""
        return self._key

    def tokens(self, number: int) -> tuple[Ids, Ids]:
        """See ``schedule.Row``."""
        return self._ids, self._types


class Shortlist:
    """Keeps the ``keep`` labels nearest to a text. Made by ``load``, or of an encoder and a mean-pooling engine.

    Raises on creation: LabelError for a ``keep`` below 1.
    """

    def __init__(self, model: Model, engine: Engine, *, keep: int = KEEP) -> None:
        if isinstance(keep, bool) or keep < 1:
            raise LabelError(f"keep={keep}: a shortlist keeps at least one label")
        self.model = model
        self.engine = engine
        self.keep = keep
        self._encoder = PairEncoder(model.folder, model.encoder)
        self._workers = Workers(engine)
        self._labels: OrderedDict[tuple[str, ...], Floats] = OrderedDict()
        self._lock = threading.Lock()

    @classmethod
    def load(
        cls,
        name: str | Path,
        *,
        keep: int = KEEP,
        revision: str | None = None,
        cache: Path | None = None,
        offline: bool | None = None,
        engine: str = "auto",
        precision: str = "auto",
        device: str = "auto",
        workers: int | None = None,
    ) -> Shortlist:
        """A shortlist by a sentence encoder, from a folder or the hub; see ``ZeroShotClassifier.from_pretrained``."""
        from gristmill.zeroshot.engines.choose import choose_engine
        from gristmill.zeroshot.models.load import load_model

        model = load_model(name, revision=revision, cache=cache, offline=offline, classifier=False)
        chosen = choose_engine(
            model, engine=engine, precision=precision, device=device, workers=workers, pooling="mean"
        )
        return cls(model, chosen, keep=keep)

    def embed(self, texts: Sequence[str]) -> Floats:
        """Embeddings [texts, width] of length 1; of a long text its beginning counts.

        Raises: ModelError if one is not finite.
        """
        rows = ((_TextRow(*self._encoder.single(text)), None) for text in texts)
        states = [
            state for state, _ in self._workers.stream(rows, self.engine.states, self.model.encoder.width)
        ]
        found = np.concatenate(states) if states else np.zeros((0, self.model.encoder.width), np.float32)
        if not np.isfinite(found).all():
            bad = int(np.flatnonzero(~np.isfinite(found).all(axis=1))[0])
            raise ModelError(f"{self.model.name}: the embedding of {texts[bad][:60]!r} is not finite")
        norms = np.linalg.norm(found, axis=1, keepdims=True)
        result: Floats = (found / np.maximum(norms, 1e-12)).astype(np.float32, copy=False)
        return result

    def choose(self, texts: Sequence[str], labels: Sequence[str]) -> Iterator[Choice]:
        """For each text the labels to keep and to cut; labels of equal similarity in their own order."""
        names = tuple(labels)
        if not texts:
            return
        embedded = self._label_embeddings(names)
        for vector in self.embed(texts):
            similarities = embedded @ vector
            order = ranking(similarities.astype(np.float64)).tolist()
            yield Choice(tuple(sorted(order[: self.keep])), tuple(order[self.keep :]), similarities)

    def close(self) -> None:
        """End the threads and free the engine."""
        self._workers.close()
        self.engine.close()

    def _label_embeddings(self, labels: tuple[str, ...]) -> Floats:
        with self._lock:
            found = self._labels.get(labels)
        if found is None:
            found = self.embed(labels)
        with self._lock:
            self._labels[labels] = found
            self._labels.move_to_end(labels)
            if len(self._labels) > LABEL_SETS:
                self._labels.popitem(last=False)
        return found
