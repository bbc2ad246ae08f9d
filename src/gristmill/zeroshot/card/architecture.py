"""What a model is made of, read from its folder: shape, parameters, size, precision, how it was quantised."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from gristmill.errors import ModelError
from gristmill.zeroshot.hypotheses import own_template
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import digest, find_files
from gristmill.zeroshot.models.model import Model
from gristmill.zeroshot.models.shapes import encoder_shapes, head_shapes
from gristmill.zeroshot.quantise.card import FIGURES


@dataclass(frozen=True)
class Architecture:
    """A model's measures, as its files give them."""

    family: str
    layers: int
    width: int
    heads: int
    inner: int
    """Width of the feed-forward layers."""
    activation: str
    vocabulary: int
    max_tokens: int
    """Of premise and hypothesis together, special tokens included."""
    parameters: int
    embedding_parameters: int
    """Of them in the word table."""
    classes: tuple[str, ...]
    precision: str
    """As stored."""
    bytes: int
    """Of config, tokenizer and weights."""
    digest: str
    template: str
    """Hypothesis template of calls that name none."""
    quantisation: dict[str, Any] | None
    """Method and measured loss, of a folder that ``gristmill quantize`` wrote."""


def read_architecture(model: Model) -> Architecture:
    """The measures of a loaded model. Raises: ModelError."""
    encoder, files = model.encoder, find_files(model.folder)
    shapes = encoder_shapes(encoder)
    parameters = sum(
        math.prod(shape) for shape in (shapes | head_shapes(encoder, model.head.classes)).values()
    )
    return Architecture(
        family=encoder.family,
        layers=encoder.layers,
        width=encoder.width,
        heads=encoder.heads,
        inner=encoder.inner,
        activation=encoder.activation,
        vocabulary=encoder.vocabulary,
        max_tokens=encoder.max_tokens,
        parameters=parameters,
        embedding_parameters=math.prod(shapes["embeddings.word.weight"]),
        classes=model.labels,
        precision=model.precision,
        bytes=sum(path.stat().st_size for path in (files.config, *files.tokenizer, *files.weights)),
        digest=model.revision if model.revision.startswith("sha256:") else digest(files),
        template=own_template(model).text,
        quantisation=_quantisation(model),
    )


def as_values(architecture: Architecture) -> dict[str, Any]:
    """The measures as plain values."""
    return asdict(architecture) | {"classes": list(architecture.classes)}


def _quantisation(model: Model) -> dict[str, Any] | None:
    path = model.folder / FIGURES
    if not path.is_file():
        return None
    try:
        values = read_config(path).values
    except ModelError:
        return None
    texts = {key: values.get(key) for key in ("precision", "method", "embeddings", "model", "revision")}
    loss = values.get("loss")
    numbers = {
        key: loss.get(key) if isinstance(loss, dict) else None
        for key in ("logit_error", "label_agreement", "texts")
    }
    if not all(isinstance(value, str) for value in texts.values()):
        return None
    known = {key: value for key, value in numbers.items() if isinstance(value, int | float)}
    return texts | {key: value for key, value in known.items() if math.isfinite(value)}
