"""DeBERTa v1 (He et al., arXiv 2006.03654): query, key and value in one matrix, head by head; distances as they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.models.architectures.architecture import (
    FUSED,
    Architecture,
    Names,
    layer_names,
    refuse,
)
from gristmill.zeroshot.models.architectures.deberta_v2 import (
    attention_types,
    embedding_names,
    head_names,
    largest_distance,
    no_relative_attention,
    read_encoder,
    read_head,
)
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import Encoder, Quantised, RelativeAttention, Tensor


def _encoder(config: Config) -> Encoder:
    refuse(config, "talking_head", False)
    if not config.flag("relative_attention", False):
        no_relative_attention(config)
        return read_encoder(config, None)
    types = attention_types(config)
    relative = RelativeAttention(
        buckets=0,
        distance=largest_distance(config),
        content_to_position="c2p" in types,
        position_to_content="p2c" in types,
        shared_keys=False,
        normalised=False,
    )
    return read_encoder(config, relative)


def _names(encoder: Encoder) -> Names:
    parts = {
        "attention": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm": "output.LayerNorm",
    }
    names = embedding_names(encoder) | layer_names(encoder, parts, "encoder.layer.{}")
    relative = encoder.relative
    for number in range(encoder.layers):
        ours, theirs = f"layers.{number}", f"encoder.layer.{number}.attention.self"
        names[f"{ours}.{FUSED}"] = f"{theirs}.in_proj.weight"
        names[f"{ours}.query.bias"] = f"{theirs}.q_bias"
        names[f"{ours}.value.bias"] = f"{theirs}.v_bias"
        if relative and relative.content_to_position:
            names[f"{ours}.position_key.weight"] = f"{theirs}.pos_proj.weight"
        if relative and relative.position_to_content:
            names[f"{ours}.position_query.weight"] = f"{theirs}.pos_q_proj.weight"
            names[f"{ours}.position_query.bias"] = f"{theirs}.pos_q_proj.bias"
    return names


def _split(tensors: Mapping[str, Tensor], encoder: Encoder) -> dict[str, Tensor]:
    """Query, key and value out of each layer's one matrix, and zeros for the biases that v1 has not."""
    result = {name: tensor for name, tensor in tensors.items() if not name.endswith(FUSED)}
    size = encoder.width // encoder.heads
    # Rows stand head by head: query, key and value of head 0, of head 1, and so on.
    rows = np.arange(3 * encoder.width).reshape(encoder.heads, 3, size)
    zeros = np.zeros(encoder.width, np.float32)
    for number in range(encoder.layers):
        layer = f"layers.{number}"
        fused = tensors[f"{layer}.{FUSED}"]
        for index, part in enumerate(("query", "key", "value")):
            result[f"{layer}.{part}.weight"] = _rows(fused, rows[:, index].reshape(-1))
        result[f"{layer}.key.bias"] = zeros
        if encoder.relative and encoder.relative.content_to_position:
            result[f"{layer}.position_key.bias"] = zeros
    return result


def _rows(tensor: Tensor, rows: NDArray[np.int64]) -> Tensor:
    if isinstance(tensor, Quantised):
        return Quantised(tensor.integers[rows], tensor.scales[rows], tensor.bits)
    return tensor[rows]


ARCHITECTURE = Architecture(
    encoder=_encoder,
    head=read_head,
    encoder_names=_names,
    prefix="deberta.",
    head_names=head_names(),
    split=_split,
)
