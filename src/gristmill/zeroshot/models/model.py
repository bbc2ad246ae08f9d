"""What a loaded model is: one description and one set of tensor names for every supported architecture.

Readers of checkpoints (``models/``) write this form, engines (``engines/``) read it; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Activation = Literal["gelu", "gelu_tanh", "relu", "tanh", "silu"]


@dataclass(frozen=True)
class RelativeAttention:
    """DeBERTa's disentangled attention (He et al., arXiv 2006.03654 and 2111.09543)."""

    buckets: int
    """Log-spaced position buckets; 0 or less: plain distances (DeBERTa v1 and some v2)."""
    distance: int
    """Largest relative distance; the table of relative embeddings has ``2 * span`` rows, where span is
    ``buckets`` if positive, else ``distance``."""
    content_to_position: bool
    position_to_content: bool
    shared_keys: bool
    """Relative positions use the content's query and key projections instead of their own."""
    normalised: bool
    """Relative embeddings pass through a layer norm first."""
    convolution: int = 0
    """Kernel size of the convolution beside the first layer (v2-xlarge and larger); 0: none."""
    convolution_activation: Activation = "tanh"
    convolution_groups: int = 1


@dataclass(frozen=True)
class Encoder:
    """Shape of a post-norm transformer encoder (Vaswani et al. 2017; Devlin et al. 2018)."""

    family: str
    """``model_type`` of config.json: distilbert, bert, roberta, xlm-roberta, deberta, deberta-v2."""
    layers: int
    width: int
    heads: int
    inner: int
    activation: Activation
    epsilon: float
    """Of every layer norm."""
    vocabulary: int
    max_tokens: int
    """Most tokens of a pair, special tokens included."""
    position_offset: int = 0
    """Row of the position table of the first token (RoBERTa: padding id + 1)."""
    absolute_positions: bool = True
    token_types: int = 0
    """Rows of the token-type table; 0: none."""
    embedding_width: int = 0
    """Width of the word table where it differs from ``width`` (a projection follows); 0: the same."""
    relative: RelativeAttention | None = None
    dropout: float = 0.1
    """Hidden dropout that the model was trained with (for Monte-Carlo dropout)."""
    attention_dropout: float = 0.1


@dataclass(frozen=True)
class Head:
    """The classifier on the class token: dense, activation, projection; dropout where training had it."""

    activation: Activation
    """After ``head.dense``; DistilBERT relu, BERT and RoBERTa tanh, DeBERTa gelu."""
    dropout_before_dense: float
    dropout_before_output: float
    classes: int


@dataclass(frozen=True)
class EntailmentIds:
    """Which logit means what, found by name in ``label2id``."""

    entailment: int
    contradiction: int | None
    """``contradiction``, or ``not_entailment`` of a two-way model; None: the model has neither."""
    neutral: int | None


@dataclass(frozen=True)
class Quantised:
    """A linear layer's or table's weight as integers: ``value = scale * integer``, symmetric, no zero point."""

    integers: NDArray[np.int8]
    """[out, in], each -127..127 (8 bits) or -7..7 (4 bits, one integer a byte once it is loaded)."""
    scales: Floats
    """[out, groups]; a group covers ``in / groups`` neighbouring inputs; one group for 8 bits."""
    bits: int

    @property
    def shape(self) -> tuple[int, ...]:
        """[out, in]."""
        return self.integers.shape

    def dequantise(self) -> Floats:
        """The weight as float32 [out, in]."""
        rows, columns = self.integers.shape
        grouped = self.integers.reshape(rows, self.scales.shape[1], -1) * self.scales[:, :, None]
        return grouped.reshape(rows, columns)


Tensor = Floats | Quantised


@dataclass(frozen=True)
class Model:
    """A checkpoint read, checked, and named our way. Linear weights are [out, in], as checkpoints store them.

    Names of tensors, ``N`` counting layers from 0 (``.weight`` and ``.bias`` follow each but where one is named):

    - ``embeddings.word.weight``, ``embeddings.position.weight``, ``embeddings.type.weight``, ``embeddings.norm``,
      ``embeddings.projection.weight`` (where ``embedding_width`` is set);
    - ``relative.weight``, ``relative.norm`` (DeBERTa), ``convolution`` and ``convolution.norm``;
    - ``layers.N.query``, ``.key``, ``.value``, ``.attention`` (its output projection), ``.attention_norm``,
      ``.up``, ``.down``, ``.norm``; DeBERTa with keys of its own: ``layers.N.position_query``, ``.position_key``;
    - ``head.dense``, ``head.output``.
    """

    folder: Path
    name: str
    """As the user gave it: hub id or folder."""
    revision: str
    """Commit of the hub, or ``sha256:`` and a digest of the folder's model files."""
    precision: str
    """As stored: float32, float16, bfloat16 (both widened on load), int8, int4."""
    encoder: Encoder
    head: Head
    ids: EntailmentIds | None
    """None: an encoder without a classifier (a bi-encoder for shortlists)."""
    labels: tuple[str, ...]
    """Names of the classes, by id."""
    tensors: Mapping[str, Tensor] = field(repr=False)

    def floats(self, name: str) -> Floats:
        """The named tensor as float32, dequantised where it must be. Raises: KeyError."""
        tensor = self.tensors[name]
        return tensor.dequantise() if isinstance(tensor, Quantised) else tensor
