"""The shape that each tensor must have, by our names; what is missing or misshapen is named."""

from __future__ import annotations

from collections.abc import Mapping

from gristmill.errors import ModelError
from gristmill.zeroshot.models.model import Encoder, Tensor

Shape = tuple[int, ...]


def encoder_shapes(encoder: Encoder) -> dict[str, Shape]:
    """The shape of each tensor of the encoder."""
    width, table = encoder.width, encoder.embedding_width or encoder.width
    shapes: dict[str, Shape] = {"embeddings.word.weight": (encoder.vocabulary, table)}
    if encoder.absolute_positions:
        shapes["embeddings.position.weight"] = (encoder.max_tokens + encoder.position_offset, table)
    if encoder.token_types:
        shapes["embeddings.type.weight"] = (encoder.token_types, table)
    if encoder.embedding_width:
        shapes["embeddings.projection.weight"] = (width, table)
    shapes |= _norm("embeddings.norm", width)
    relative = encoder.relative
    if relative:
        span = relative.buckets if relative.buckets > 0 else relative.distance
        shapes["relative.weight"] = (2 * span, width)
    if relative and relative.normalised:
        shapes |= _norm("relative.norm", width)
    if relative and relative.convolution:
        kernel = (width, width // relative.convolution_groups, relative.convolution)
        shapes |= {"convolution.weight": kernel, "convolution.bias": (width,)} | _norm(
            "convolution.norm", width
        )
    for number in range(encoder.layers):
        shapes |= _layer(f"layers.{number}", encoder)
    return shapes


def head_shapes(encoder: Encoder, classes: int) -> dict[str, Shape]:
    """The shape of each tensor of the classifier."""
    return _linear("head.dense", encoder.width, encoder.width) | _linear(
        "head.output", classes, encoder.width
    )


def check_shapes(
    tensors: Mapping[str, Tensor], wanted: Mapping[str, Shape], names: Mapping[str, str], where: str
) -> None:
    """Compare; ``names`` tells a tensor's name in the checkpoint. Raises: ModelError that names the first wrong one."""
    for name, shape in wanted.items():
        if tensors[name].shape != shape:
            raise ModelError(
                f"{where}: the tensor {names.get(name, name)!r} has the shape {list(tensors[name].shape)};"
                f" config.json asks for {list(shape)}"
            )


def _layer(layer: str, encoder: Encoder) -> dict[str, Shape]:
    width, inner, relative = encoder.width, encoder.inner, encoder.relative
    parts = ["query", "key", "value", "attention"]
    if relative and not relative.shared_keys:
        parts += ["position_key"] * relative.content_to_position
        parts += ["position_query"] * relative.position_to_content
    shapes: dict[str, Shape] = {}
    for part in parts:
        shapes |= _linear(f"{layer}.{part}", width, width)
    shapes |= _linear(f"{layer}.up", inner, width) | _linear(f"{layer}.down", width, inner)
    return shapes | _norm(f"{layer}.attention_norm", width) | _norm(f"{layer}.norm", width)


def _linear(name: str, rows: int, columns: int) -> dict[str, Shape]:
    return {f"{name}.weight": (rows, columns), f"{name}.bias": (rows,)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
