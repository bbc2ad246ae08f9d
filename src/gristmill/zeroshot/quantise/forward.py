"""A layer of the encoder in steps, in float32 numpy: the input of each linear layer can be looked at in between.

For calibration alone: the engines run the same mathematics much faster, and cannot be stopped half-way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gristmill.zeroshot.activations import activate
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.engines.numpy.relative import distance_rows
from gristmill.zeroshot.models.model import Encoder, Floats, RelativeAttention

Weights = Mapping[str, Floats]
"""Tensors by the names that ``models.model`` gives, all of floats."""
SCORES = 1 << 22
"""Attention scores in memory at a time, but for one sequence."""


@dataclass(frozen=True)
class Run:
    """Neighbouring sequences of one length."""

    start: int
    """Row of the first token."""
    count: int
    length: int

    @property
    def rows(self) -> slice:
        """Rows of all its tokens."""
        return slice(self.start, self.start + self.count * self.length)


def runs(pack: Pack, heads: int) -> Iterator[Run]:
    """The pack in runs, each small enough for its attention scores to stay in memory."""
    sizes, counts = np.unique(pack.lengths, return_counts=True)
    start = 0
    for length, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        step = max(1, SCORES // (heads * length * length))
        for first in range(0, count, step):
            part = Run(start, min(step, count - first), length)
            yield part
            start += part.count * length


def linear(weights: Weights, name: str, x: Floats) -> Floats:
    """``x W^T + b``."""
    result: Floats = x @ weights[f"{name}.weight"].T
    result += weights[f"{name}.bias"]
    return result


def normalise(weights: Weights, name: str, x: Floats, epsilon: float) -> Floats:
    """Layer norm (Ba et al., arXiv 1607.06450)."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    result: Floats = centred / np.sqrt(variance + np.float32(epsilon))
    return result * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def embed(weights: Weights, encoder: Encoder, pack: Pack) -> Floats:
    """States before the first layer: [tokens, width]."""
    x = weights["embeddings.word.weight"][pack.ids]
    if encoder.absolute_positions:
        starts = np.repeat(np.cumsum(pack.lengths) - pack.lengths, pack.lengths)
        places = np.arange(len(pack.ids)) - starts + encoder.position_offset
        x = x + weights["embeddings.position.weight"][places]
    if encoder.token_types:
        x = x + weights["embeddings.type.weight"][pack.types]
    if encoder.embedding_width:
        x = x @ weights["embeddings.projection.weight"].T
    return normalise(weights, "embeddings.norm", x, encoder.epsilon)


def relative_table(weights: Weights, encoder: Encoder) -> Floats | None:
    """Embeddings of relative positions as the layers read them: [2 * span, width]; None without such."""
    if encoder.relative is None:
        return None
    table = weights["relative.weight"]
    if encoder.relative.normalised:
        return normalise(weights, "relative.norm", table, encoder.epsilon)
    return table


def attend(
    weights: Weights, encoder: Encoder, layer: str, x: Floats, pack: Pack, table: Floats | None
) -> Floats:
    """What the attention of a layer mixes, before its output projection: [tokens, width]."""
    relative = encoder.relative
    parts = (
        1 + bool(relative and relative.content_to_position) + bool(relative and relative.position_to_content)
    )
    scale = np.float32((encoder.width // encoder.heads * parts) ** -0.5)
    query, key, value = (linear(weights, f"{layer}.{part}", x) for part in ("query", "key", "value"))
    query *= scale
    keys, queries = _positions(weights, encoder, layer, table, scale)
    mixed = np.empty_like(x)
    for run in runs(pack, encoder.heads):
        q, k, v = (_by_head(part[run.rows], run, encoder.heads) for part in (query, key, value))
        scores = q @ k.swapaxes(2, 3)
        if relative is not None:
            _add_relative(scores, q, k, keys, queries, relative, run.length)
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed[run.rows] = (scores @ v).swapaxes(1, 2).reshape(-1, encoder.width)
    return mixed


def convolve(weights: Weights, encoder: Encoder, embedded: Floats, x: Floats, pack: Pack) -> Floats:
    """The first layer's states with DeBERTa v2's convolution over the embeddings added."""
    relative = encoder.relative
    assert relative is not None
    kernel = weights["convolution.weight"]
    size = encoder.width // relative.convolution_groups
    mixed = np.empty_like(x)
    for run in runs(pack, encoder.heads):
        spaced = embedded[run.rows].reshape(run.count, run.length, relative.convolution_groups, 1, size)
        padding = (relative.convolution - 1) // 2
        padded = np.pad(spaced, ((0, 0), (padding, padding), (0, 0), (0, 0), (0, 0)))
        total = np.zeros((run.count, run.length, relative.convolution_groups, 1, size), np.float32)
        for place in range(relative.convolution):
            matrix = kernel[:, :, place].reshape(relative.convolution_groups, size, size)
            total += padded[:, place : place + run.length] @ matrix.swapaxes(1, 2)
        mixed[run.rows] = total.reshape(-1, encoder.width)
    mixed += weights["convolution.bias"]
    added = x + activate(relative.convolution_activation, mixed)
    return normalise(weights, "convolution.norm", added, encoder.epsilon)


def _by_head(x: Floats, run: Run, heads: int) -> Floats:
    """[tokens, width] -> [count, heads, length, size]"""
    return x.reshape(run.count, run.length, heads, -1).swapaxes(1, 2)


def _positions(
    weights: Weights, encoder: Encoder, layer: str, table: Floats | None, scale: np.float32
) -> tuple[Floats | None, Floats | None]:
    """A layer's keys and scaled queries of relative positions: [2 * span, width] each."""
    relative = encoder.relative
    if relative is None or table is None:
        return None, None
    key, query = ("key", "query") if relative.shared_keys else ("position_key", "position_query")
    keys = linear(weights, f"{layer}.{key}", table) if relative.content_to_position else None
    queries = linear(weights, f"{layer}.{query}", table) * scale if relative.position_to_content else None
    return keys, queries


def _add_relative(
    scores: Floats,
    query: Floats,
    key: Floats,
    keys: Floats | None,
    queries: Floats | None,
    relative: RelativeAttention,
    length: int,
) -> None:
    heads, size = query.shape[1], query.shape[3]
    rows = distance_rows(relative, length)
    token = np.arange(length)
    column = token[:, None] - token + length - 1  # of the distance between query and key
    if keys is not None:
        near = keys[rows].reshape(-1, heads, size).transpose(1, 2, 0)
        scores += (query @ near)[:, :, token[:, None], column]
    if queries is not None:
        near = queries[rows].reshape(-1, heads, size).transpose(1, 2, 0)
        scores += (key @ near)[:, :, token, column]
