"""DistilBERT (Sanh et al., arXiv 1910.01108): no token types, no pooler, a ReLU head."""

from __future__ import annotations

from gristmill.zeroshot.models.architectures.architecture import (
    LAYERS,
    VOCABULARY,
    WIDTH,
    Architecture,
    Names,
    both,
    layer_names,
    read_widths,
)
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import Encoder, Head


def _encoder(config: Config) -> Encoder:
    width, heads = read_widths(config, "dim", "n_heads")
    return Encoder(
        family="distilbert",
        layers=config.integer("n_layers", high=LAYERS),
        width=width,
        heads=heads,
        inner=config.integer("hidden_dim", high=WIDTH),
        activation=config.activation("activation", "gelu"),
        epsilon=1e-12,  # fixed in the architecture, not in its config.json
        vocabulary=config.integer("vocab_size", high=VOCABULARY),
        max_tokens=config.integer("max_position_embeddings", 512),
        dropout=config.number("dropout", 0.1),
        attention_dropout=config.number("attention_dropout", 0.1),
    )


def _head(config: Config, classes: int) -> Head:
    return Head("relu", 0.0, config.number("seq_classif_dropout", 0.2), classes)


def _names(encoder: Encoder) -> Names:
    parts = {
        "query": "attention.q_lin",
        "key": "attention.k_lin",
        "value": "attention.v_lin",
        "attention": "attention.out_lin",
        "attention_norm": "sa_layer_norm",
        "up": "ffn.lin1",
        "down": "ffn.lin2",
        "norm": "output_layer_norm",
    }
    return {
        "embeddings.word.weight": "embeddings.word_embeddings.weight",
        "embeddings.position.weight": "embeddings.position_embeddings.weight",
        **both("embeddings.norm", "embeddings.LayerNorm"),
        **layer_names(encoder, parts, "transformer.layer.{}"),
    }


ARCHITECTURE = Architecture(
    encoder=_encoder,
    head=_head,
    encoder_names=_names,
    prefix="distilbert.",
    head_names={**both("head.dense", "pre_classifier"), **both("head.output", "classifier")},
)
