"""All linear layers of a model rounded one after another, each with the inputs that the rounded ones before it give.

Two states of the calibration tokens go through the layers side by side: the exact one and the rounded one. GPTQ
(arXiv 2210.17323) then makes good not only a layer's own rounding but, in part, the errors that reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from gristmill.zeroshot.activations import activate
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.models.model import Floats, Model, Quantised, Tensor
from gristmill.zeroshot.quantise.forward import (
    Weights,
    attend,
    convolve,
    embed,
    linear,
    normalise,
    relative_table,
)
from gristmill.zeroshot.quantise.gptq import Doubles, gptq, refit_scales
from gristmill.zeroshot.quantise.rounding import find_scales, round_to_nearest

WORDS = "embeddings.word.weight"
ROWS = 2048
"""Tokens whose widest states are in memory at a time."""


@dataclass(frozen=True)
class Plan:
    """How weights are rounded."""

    bits: int
    group: int
    """Columns that share a scale; 0: all columns."""
    method: str = "gptq"
    """``gptq``, or ``nearest``, which needs no calibration and is only fit for comparisons."""
    damping: float = 0.05
    embeddings: bool = False
    """Round the word table too, to 8 bits, a scale a row."""
    refit: bool = True
    """Fit the scales anew once the integers are found."""
    correction: float = 0.5
    """Share of the incoming error's best linear correction that goes into the weights before they are rounded."""


@dataclass
class Moments:
    """What is remembered of a linear layer's inputs: sums over the tokens."""

    count: int
    squares: Doubles
    """Of ``x x^T``, x the inputs of the rounded model."""
    crossed: Doubles
    """Of ``y x^T``, y the inputs of the exact model."""
    rounded: Doubles
    exact: Doubles
    """Sums of x and of y."""

    def add(self, rounded: Floats, exact: Floats) -> None:
        """Count the inputs of some tokens: [tokens, in] each."""
        self.count += len(rounded)
        self.squares += rounded.T @ rounded
        self.crossed += exact.T @ rounded
        self.rounded += rounded.sum(axis=0, dtype=np.float64)
        self.exact += exact.sum(axis=0, dtype=np.float64)


@dataclass
class States:
    """The tokens' states of both models at one place: [tokens, width] each."""

    rounded: Floats
    exact: Floats


def quantise_layers(
    model: Model, pack: Pack, plan: Plan, progress: Callable[[int, int], None] = lambda done, layers: None
) -> dict[str, Tensor]:
    """Round the linear layers of ``model``'s encoder.

    Args:
        pack: Calibration sequences.
        plan: How.
        progress: Called with the number of layers done and of all layers.

    Returns: The weights as Quantised, and the biases that changed (they take up the mean of what rounding shifts),
    by our names. Norms, convolution and head stay as they are, and tables but for words.
    """
    return _Calibration(model, pack, plan).run(progress)


class _Calibration:
    """The two models, and where their states are."""

    def __init__(self, model: Model, pack: Pack, plan: Plan) -> None:
        self._encoder = model.encoder
        self._pack = pack
        self._plan = plan
        self._exact: Weights = {name: model.floats(name) for name in model.tensors}
        self._rounded: dict[str, Floats] = dict(self._exact)
        self._table = relative_table(self._exact, model.encoder)
        self._result: dict[str, Tensor] = {}

    def run(self, progress: Callable[[int, int], None]) -> dict[str, Tensor]:
        """See ``quantise_layers``."""
        if self._plan.embeddings:
            words = self._exact[WORDS]
            table = self._result[WORDS] = round_to_nearest(words, find_scales(words, 8, words.shape[1]), 8)
            self._rounded[WORDS] = table.dequantise()
        embedded = States(
            embed(self._rounded, self._encoder, self._pack), embed(self._exact, self._encoder, self._pack)
        )
        states = embedded
        for number in range(self._encoder.layers):
            states = self._layer(f"layers.{number}", states)
            relative = self._encoder.relative
            if number == 0 and relative and relative.convolution:
                # Its own weights stay as they are in both.
                states = States(
                    convolve(self._exact, self._encoder, embedded.rounded, states.rounded, self._pack),
                    convolve(self._exact, self._encoder, embedded.exact, states.exact, self._pack),
                )
            progress(number + 1, self._encoder.layers)
        return self._result

    def _layer(self, layer: str, states: States) -> States:
        self._projections(layer, states)
        mixed = States(
            attend(self._rounded, self._encoder, layer, states.rounded, self._pack, self._table),
            attend(self._exact, self._encoder, layer, states.exact, self._pack, self._table),
        )
        self._round(f"{layer}.attention", self._moments([mixed]))
        attended = self._add(layer, "attention", mixed, states)
        del mixed
        self._round(f"{layer}.up", self._moments([attended]))
        self._round(f"{layer}.down", self._moments(self._widened(layer, attended)))
        parts = [self._finish(layer, part) for part in _cut(attended)]
        return States(
            np.concatenate([part.rounded for part in parts]), np.concatenate([part.exact for part in parts])
        )

    def _projections(self, layer: str, states: States) -> None:
        moments = self._moments([states])
        relative, table = self._encoder.relative, self._table
        if relative and table is not None and not relative.shared_keys:
            positions = self._moments([States(table, table)])
            for part in ("position_key", "position_query"):
                if f"{layer}.{part}.weight" in self._exact:
                    self._round(f"{layer}.{part}", positions, bias=False)
        for part in ("query", "key", "value"):
            seen = moments
            if relative and relative.shared_keys and table is not None and part != "value":
                seen = _joined(moments, self._moments([States(table, table)]))
            # A key's bias cancels in the softmax; a query's also meets relative positions, which are not shifted.
            self._round(
                f"{layer}.{part}", seen, bias=part == "value" or (part == "query" and relative is None)
            )

    def _moments(self, parts: list[States] | Iterator[States]) -> Moments:
        moments: Moments | None = None
        for part in parts:
            if moments is None:
                size = part.rounded.shape[1]
                empty = (np.zeros((size, size)), np.zeros((size, size)), np.zeros(size), np.zeros(size))
                moments = Moments(0, *empty)
            for piece in _cut(part):
                moments.add(piece.rounded, piece.exact)
        assert moments is not None
        return moments

    def _round(self, name: str, moments: Moments, *, bias: bool = True) -> None:
        weight = self._exact[f"{name}.weight"]
        group = self._plan.group or weight.shape[1]
        rounded: Quantised
        if self._plan.method == "nearest":
            rounded = round_to_nearest(weight, find_scales(weight, self._plan.bits, group), self._plan.bits)
            bias = False
        else:
            hessian = moments.squares / moments.count
            target = weight
            if self._plan.correction:
                target = _corrected(weight, hessian, moments.crossed / moments.count, self._plan)
            rounded = gptq(target, hessian, self._plan.bits, group, damping=self._plan.damping)
            if self._plan.refit:
                rounded = refit_scales(target, rounded, hessian, self._plan.damping)
        self._result[f"{name}.weight"] = rounded
        floats = self._rounded[f"{name}.weight"] = rounded.dequantise()
        if bias:
            shift = moments.exact @ weight.T.astype(np.float64) - moments.rounded @ floats.T.astype(
                np.float64
            )
            changed = (self._exact[f"{name}.bias"] + shift / moments.count).astype(np.float32)
            self._rounded[f"{name}.bias"] = self._result[f"{name}.bias"] = changed

    def _add(self, layer: str, part: str, x: States, residual: States) -> States:
        """The part's linear layer, its residual, and the norm behind."""
        norm = f"{layer}.attention_norm" if part == "attention" else f"{layer}.norm"
        name, epsilon = f"{layer}.{part}", self._encoder.epsilon
        return States(
            normalise(
                self._rounded, norm, linear(self._rounded, name, x.rounded) + residual.rounded, epsilon
            ),
            normalise(self._exact, norm, linear(self._exact, name, x.exact) + residual.exact, epsilon),
        )

    def _widened(self, layer: str, attended: States) -> Iterator[States]:
        """The inputs of the layer's last linear layer, a part at a time: they are the widest of all."""
        for part in _cut(attended):
            yield States(
                activate(self._encoder.activation, linear(self._rounded, f"{layer}.up", part.rounded)),
                activate(self._encoder.activation, linear(self._exact, f"{layer}.up", part.exact)),
            )

    def _finish(self, layer: str, attended: States) -> States:
        (widened,) = self._widened(layer, attended)
        return self._add(layer, "down", widened, attended)


def _cut(states: States) -> Iterator[States]:
    for start in range(0, len(states.rounded), ROWS):
        rows = slice(start, start + ROWS)
        yield States(states.rounded[rows], states.exact[rows])


def _joined(content: Moments, positions: Moments) -> Moments:
    """Content's moments with those of the relative positions added, at equal weight."""
    share = content.count / positions.count
    return Moments(
        content.count * 2,
        content.squares + positions.squares * share,
        content.crossed + positions.crossed * share,
        content.rounded + positions.rounded * share,
        content.exact + positions.exact * share,
    )


def _corrected(weight: Floats, hessian: Doubles, crossed: Doubles, plan: Plan) -> Floats:
    """The weight moved towards the one whose products with the rounded inputs are nearest to the exact outputs."""
    size = len(hessian)
    damped = hessian + np.eye(size) * (plan.damping * np.trace(hessian) / size + 1e-12)
    change = np.linalg.solve(damped, (crossed - hessian).T @ weight.T.astype(np.float64)).T
    result: Floats = (weight + plan.correction * change).astype(np.float32)
    return result
