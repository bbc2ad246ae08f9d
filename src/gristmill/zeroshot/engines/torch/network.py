"""A model's encoder as torch tensors on one device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.torch.linears import (
    Linear,
    Place,
    Table,
    make_linear,
    make_table,
    place_floats,
)
from gristmill.zeroshot.engines.torch.relative import scores_parts
from gristmill.zeroshot.models.model import Activation, Encoder, Model

Function = Callable[[torch.Tensor], torch.Tensor]

ACTIVATIONS: dict[Activation, Function] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "tanh": torch.tanh,
    "silu": F.silu,
}


@dataclass(frozen=True)
class Layer:
    """One layer of the encoder."""

    query: Linear
    key_value: Linear
    """Keys and values side by side: [rows, 2 * width]."""
    attention: Linear
    attention_norm: Function
    up: Linear
    down: Linear
    norm: Function
    position_key: Linear | None
    """Keys of DeBERTa's relative positions; None: no content-to-position term."""
    position_query: Linear | None


@dataclass(frozen=True)
class Convolution:
    """What DeBERTa v2's larger models have beside the first layer."""

    weight: torch.Tensor
    bias: torch.Tensor
    groups: int
    activation: Function
    norm: Function


@dataclass(frozen=True)
class Network:
    """An encoder ready to run."""

    place: Place
    encoder: Encoder
    activation: Function
    scale: float
    """Of attention scores."""
    words: Table
    places: Table | None
    """Absolute positions."""
    types: Table | None
    norm: Function
    projection: Linear | None
    layers: tuple[Layer, ...]
    relative: torch.Tensor | None
    """DeBERTa's embeddings of relative positions, normalised where the model does so: [2 * span, width]."""
    positions: tuple[tuple[torch.Tensor | None, torch.Tensor | None], ...]
    """Of each layer: scaled keys and queries of relative positions, [heads, 2 * span, size]."""
    convolution: Convolution | None


def build_network(model: Model, place: Place) -> Network:
    """Bring the encoder's tensors to ``place``. Raises: ModelError if the device's memory does not hold them."""
    try:
        with torch.inference_mode():
            return _build(model, place)
    except torch.OutOfMemoryError as error:
        raise ModelError(
            f"{model.name} in {place.precision} does not fit into the memory of {place.device};"
            " use a smaller precision, another device, or device='cpu'"
        ) from error


def position_projections(
    layer: Layer, relative: torch.Tensor, heads: int, scale: float
) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """A layer's scaled keys and queries of relative positions: [heads, 2 * span, size] each."""
    return tuple(  # type: ignore[return-value]
        (linear(relative) * scale).view(relative.shape[0], heads, -1).transpose(0, 1) if linear else None
        for linear in (layer.position_key, layer.position_query)
    )


def _build(model: Model, place: Place) -> Network:
    encoder = model.encoder
    parts = 1 if encoder.relative is None else scores_parts(encoder.relative)
    scale = (encoder.width // encoder.heads * parts) ** -0.5
    relative = _relative(model, place)
    layers = tuple(_layer(model, number, place) for number in range(encoder.layers))
    positions: tuple[tuple[torch.Tensor | None, torch.Tensor | None], ...] = ()
    if relative is not None:
        positions = tuple(position_projections(layer, relative, encoder.heads, scale) for layer in layers)
    return Network(
        place=place,
        encoder=encoder,
        activation=ACTIVATIONS[encoder.activation],
        scale=scale,
        words=make_table(model.tensors["embeddings.word.weight"], place),
        places=_table(model, "embeddings.position", place) if encoder.absolute_positions else None,
        types=_table(model, "embeddings.type", place) if encoder.token_types else None,
        norm=_norm(model, "embeddings.norm", place),
        projection=_projection(model, place) if encoder.embedding_width else None,
        layers=layers,
        relative=relative,
        positions=positions,
        convolution=_convolution(model, place),
    )


def _layer(model: Model, number: int, place: Place) -> Layer:
    name = f"layers.{number}"
    query = _linear(model, [f"{name}.query"], place)
    key_value = _linear(model, [f"{name}.key", f"{name}.value"], place)
    position_key: Linear | None = None
    position_query: Linear | None = None
    relative = model.encoder.relative
    if relative and relative.content_to_position:
        position_key = (
            partial(_first_half, key_value)
            if relative.shared_keys
            else _linear(model, [f"{name}.position_key"], place)
        )
    if relative and relative.position_to_content:
        position_query = query if relative.shared_keys else _linear(model, [f"{name}.position_query"], place)
    return Layer(
        query=query,
        key_value=key_value,
        attention=_linear(model, [f"{name}.attention"], place),
        attention_norm=_norm(model, f"{name}.attention_norm", place),
        up=_linear(model, [f"{name}.up"], place),
        down=_linear(model, [f"{name}.down"], place),
        norm=_norm(model, f"{name}.norm", place),
        position_key=position_key,
        position_query=position_query,
    )


def _first_half(linear: Linear, x: torch.Tensor) -> torch.Tensor:
    return linear(x).chunk(2, dim=-1)[0].contiguous()


def _linear(model: Model, names: list[str], place: Place) -> Linear:
    weights = [model.tensors[f"{name}.weight"] for name in names]
    return make_linear(weights, [model.floats(f"{name}.bias") for name in names], place)


def _table(model: Model, name: str, place: Place) -> Table:
    return make_table(model.tensors[f"{name}.weight"], place)


def _norm(model: Model, name: str, place: Place) -> Function:
    return partial(
        F.layer_norm,
        normalized_shape=(model.encoder.width,),
        weight=place_floats(model.floats(f"{name}.weight"), place),
        bias=place_floats(model.floats(f"{name}.bias"), place),
        eps=model.encoder.epsilon,
    )


def _projection(model: Model, place: Place) -> Linear:
    return partial(F.linear, weight=place_floats(model.floats("embeddings.projection.weight"), place))


def _relative(model: Model, place: Place) -> torch.Tensor | None:
    if model.encoder.relative is None:
        return None
    table = place_floats(model.floats("relative.weight"), place)
    return _norm(model, "relative.norm", place)(table) if model.encoder.relative.normalised else table


def _convolution(model: Model, place: Place) -> Convolution | None:
    relative = model.encoder.relative
    if relative is None or not relative.convolution:
        return None
    return Convolution(
        weight=place_floats(model.floats("convolution.weight"), place),
        bias=place_floats(model.floats("convolution.bias"), place),
        groups=relative.convolution_groups,
        activation=ACTIVATIONS[relative.convolution_activation],
        norm=_norm(model, "convolution.norm", place),
    )
