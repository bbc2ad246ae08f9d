"""DeBERTa's disentangled attention (He et al., arXiv 2006.03654 and 2111.09543) as terms of attention scores.

A term depends on the distance of two tokens alone, so it is one product with all distances -(L-1) to L-1. Seen as
one row of numbers, element (i, j) of the term is number i * (2L-2) + j + L-1 of the [L, 2L-1] product: leaving out
the first L-1 numbers and cutting rows one shorter turns distances into positions without a gather of each score.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from openvino import opset13 as ops

from gristmill.zeroshot.models.model import Floats, RelativeAttention

if TYPE_CHECKING:
    from gristmill.zeroshot.engines.openvino.graph import _Builder

Node = Any


class Relative:
    """Relative terms of all layers; keys and queries of distances are computed once, here."""

    def __init__(self, builder: _Builder) -> None:
        form = builder.encoder.relative
        assert form is not None
        self._builder, self._form = builder, form
        self._table = _normalised(builder)

    def add(self, name: str, scores: Node, query: Node, key: Node, first: bool, scale: np.float32) -> Node:
        """Scores [sequences, heads, rows, longest] with the relative terms; ``query`` is scaled."""
        own = not self._form.shared_keys
        if self._form.content_to_position:
            keys = self._distances(f"{name}.position_key" if own else f"{name}.key", np.float32(1))
            scores = ops.add(scores, self._by_distance(query, keys, first))
        if self._form.position_to_content:
            queries = self._distances(f"{name}.position_query" if own else f"{name}.query", scale)
            if first:  # one distance for each key: the first token's to it
                near = ops.gather(queries, self._builder.input("first_distances", 1), constant(1))
                products = ops.multiply(key, ops.unsqueeze(near, constant(0)))
                term = ops.unsqueeze(ops.reduce_sum(products, constant([3]), False), constant(2))
            else:
                shifted = self._shift(ops.matmul(key, queries, False, True))
                term = ops.transpose(shifted, constant([0, 1, 3, 2]))
            scores = ops.add(scores, term)
        return scores

    def _distances(self, linear: str, scale: np.float32) -> Node:
        """Keys or queries of the pack's distances, from -(L-1) up: [heads, 2L-1, size]."""
        model = self._builder.model
        rows = self._table @ model.floats(f"{linear}.weight").T + model.floats(f"{linear}.bias")
        split = (rows * scale).reshape(len(rows), model.encoder.heads, -1).transpose(1, 0, 2)
        return ops.gather(constant(split), self._builder.input("distances", 1), constant(1))

    def _by_distance(self, query: Node, keys: Node, first: bool) -> Node:
        if first:
            near = ops.gather(keys, self._builder.input("first_distances", 1), constant(1))
            return ops.matmul(query, near, False, True)
        # Score (i, j) needs distance i - j, the shift gives j - i + L-1: so the distances go the other way.
        falling = ops.gather(keys, self._builder.input("falling", 1), constant(1))
        return self._shift(ops.matmul(query, falling, False, True))

    def _shift(self, products: Node) -> Node:
        """[n, h, L, 2L-1] -> [n, h, L, L]: element (i, j) is (i, j - i + L-1)."""
        shape = ops.shape_of(products, "i64")
        length = ops.gather(shape, constant([2]), constant(0))
        columns = ops.subtract(ops.multiply(length, constant([2])), constant([2]))
        start = ops.subtract(length, constant([1]))
        stop = ops.add(start, ops.multiply(length, columns))
        flat = ops.reshape(products, constant([0, 0, -1]), True)
        part = ops.slice(flat, start, stop, constant([1]), constant([2]))
        cut = ops.reshape(part, ops.concat([constant([0, 0]), length, columns], 0), True)
        return ops.slice(cut, constant([0]), length, constant([1]), constant([3]))


def distance_rows(relative: RelativeAttention, longest: int) -> NDArray[np.int32]:
    """Row of the relative table for the distances -(longest - 1) to longest - 1."""
    distances = np.arange(-(longest - 1), longest)
    span = relative.buckets if relative.buckets > 0 else relative.distance
    return np.clip(_buckets(distances, relative) + span, 0, 2 * span - 1).astype(np.int32)


def constant(values: Any) -> Node:
    """A constant; Python integers as int64."""
    array = np.asarray(values)
    return ops.constant(np.ascontiguousarray(array) if array.ndim else array)


def _normalised(builder: _Builder) -> Floats:
    table = builder.model.floats("relative.weight")
    form = builder.encoder.relative
    if form is None or not form.normalised:
        return table
    centred = table - table.mean(axis=1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + builder.encoder.epsilon)
    result: Floats = scaled * builder.floats("relative.norm.weight") + builder.floats("relative.norm.bias")
    return result.astype(np.float32)


def _buckets(distances: NDArray[np.int64], relative: RelativeAttention) -> NDArray[np.int64]:
    """Near distances as they are, far ones in log-spaced buckets; float32, so that ties round as in training."""
    if relative.buckets <= 0:
        return distances
    middle = relative.buckets // 2
    far = np.maximum(np.abs(distances), middle).astype(np.float32)
    span = np.log(np.float32((relative.distance - 1) / middle))
    steps = np.ceil(np.log(far / np.float32(middle)) / span * np.float32(middle - 1))
    logarithmic = (steps + middle).astype(np.int64)
    return np.where(np.abs(distances) <= middle, distances, logarithmic * np.sign(distances))
