"""A model's encoder as numpy arrays: linear weights as [in, out], what is multiplied together side by side."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gristmill.zeroshot.engines.numpy.normal import Norm
from gristmill.zeroshot.models.model import Encoder, Floats, Model, Tensor

TILE = 32
"""Columns transposed at a time, so that what is read and written stays in the cache."""


@dataclass(frozen=True)
class Linear:
    """``x @ weight + bias``; weight [in, out]."""

    weight: Floats
    bias: Floats


@dataclass(frozen=True)
class Layer:
    """One layer of the encoder; the scale of attention scores is in the queries' weights."""

    query_key_value: Linear
    """[width, 3 * width]"""
    attention: Linear
    attention_norm: Norm
    up: Linear
    down: Linear
    norm: Norm
    position_key: Linear | None
    """Makes keys of DeBERTa's relative positions; None: no content-to-position term."""
    position_query: Linear | None


@dataclass(frozen=True)
class Convolution:
    """What DeBERTa v2's larger models have beside the first layer."""

    weight: Floats
    """[kernel, groups, in / groups, out / groups]"""
    bias: Floats
    norm: Norm


@dataclass(frozen=True)
class Network:
    """An encoder ready to run."""

    encoder: Encoder
    words: Tensor
    places: Tensor | None
    """Absolute positions."""
    types: Tensor | None
    projection: Floats | None
    norm: Norm
    layers: tuple[Layer, ...]
    relative: Floats | None
    """DeBERTa's embeddings of relative positions, normalised where the model does so: [2 * span, width]."""
    positions: tuple[tuple[Floats | None, Floats | None], ...]
    """Of each layer: keys and queries of relative positions, [heads, 2 * span, size]."""
    convolution: Convolution | None


def build_network(model: Model) -> Network:
    """Lay out every tensor that the encoder needs."""
    encoder = model.encoder
    layers = tuple(_layer(model, f"layers.{number}") for number in range(encoder.layers))
    relative = _relative(model)
    positions: tuple[tuple[Floats | None, Floats | None], ...] = ()
    if relative is not None:
        positions = tuple(position_projections(layer, relative, encoder.heads) for layer in layers)
    projection = encoder.embedding_width > 0
    return Network(
        encoder=encoder,
        words=model.tensors["embeddings.word.weight"],
        places=model.tensors["embeddings.position.weight"] if encoder.absolute_positions else None,
        types=model.tensors["embeddings.type.weight"] if encoder.token_types else None,
        projection=_transposed([model.floats("embeddings.projection.weight")]) if projection else None,
        norm=_norm(model, "embeddings.norm"),
        layers=layers,
        relative=relative,
        positions=positions,
        convolution=_convolution(model),
    )


def position_projections(layer: Layer, relative: Floats, heads: int) -> tuple[Floats | None, Floats | None]:
    """A layer's keys and queries of relative positions, [heads, 2 * span, size] each."""
    found: list[Floats | None] = []
    for linear in (layer.position_key, layer.position_query):
        if linear is None:
            found.append(None)
            continue
        rows = relative @ linear.weight + linear.bias
        found.append(np.ascontiguousarray(rows.reshape(len(rows), heads, -1).swapaxes(0, 1)))
    return found[0], found[1]


def _layer(model: Model, name: str) -> Layer:
    encoder, form, width = model.encoder, model.encoder.relative, model.encoder.width
    terms = 1 + (form.content_to_position + form.position_to_content if form else 0)
    scale = np.float32((width // encoder.heads * terms) ** -0.5)
    joined = _linear(model, *(f"{name}.{part}" for part in ("query", "key", "value")))
    joined.weight[:, :width] *= scale
    joined.bias[:width] *= scale
    position_key = position_query = None
    if form and form.content_to_position:
        # The queries that meet these keys are scaled.
        shared = Linear(joined.weight[:, width : 2 * width], joined.bias[width : 2 * width])
        position_key = shared if form.shared_keys else _linear(model, f"{name}.position_key")
    if form and form.position_to_content:
        position_query = Linear(joined.weight[:, :width], joined.bias[:width])
        if not form.shared_keys:
            position_query = _linear(model, f"{name}.position_query")
            position_query.weight[...] *= scale
            position_query.bias[...] *= scale
    return Layer(
        query_key_value=joined,
        attention=_linear(model, f"{name}.attention"),
        attention_norm=_norm(model, f"{name}.attention_norm"),
        up=_linear(model, f"{name}.up"),
        down=_linear(model, f"{name}.down"),
        norm=_norm(model, f"{name}.norm"),
        position_key=position_key,
        position_query=position_query,
    )


def _relative(model: Model) -> Floats | None:
    form = model.encoder.relative
    if form is None:
        return None
    table = model.floats("relative.weight").copy()
    if form.normalised:
        _norm(model, "relative.norm")(table)
    return table


def _convolution(model: Model) -> Convolution | None:
    form = model.encoder.relative
    if form is None or not form.convolution:
        return None
    stored = model.floats("convolution.weight")  # [out, in / groups, kernel]
    groups = form.convolution_groups
    split = stored.reshape(groups, -1, *stored.shape[1:])
    weight = np.ascontiguousarray(split.transpose(3, 0, 2, 1))
    return Convolution(weight, model.floats("convolution.bias"), _norm(model, "convolution.norm"))


def _linear(model: Model, *names: str) -> Linear:
    """The named layers as one, side by side; a copy, so that it may be changed."""
    weight = _transposed([model.floats(f"{name}.weight") for name in names])
    return Linear(weight, np.concatenate([model.floats(f"{name}.bias") for name in names]))


def _norm(model: Model, name: str) -> Norm:
    return Norm(model.floats(f"{name}.weight"), model.floats(f"{name}.bias"), model.encoder.epsilon)


def _transposed(weights: list[Floats]) -> Floats:
    """[out, in] matrices as one [in, sum of out]."""
    result = np.empty((weights[0].shape[1], sum(len(weight) for weight in weights)), np.float32)
    column = 0
    for weight in weights:
        for start in range(0, len(weight), TILE):
            tile = weight[start : start + TILE]
            result[:, column : column + len(tile)] = tile.T
            column += len(tile)
    return result
