"""BERT (Devlin et al., arXiv 1810.04805), MiniLM included; its tensor names are the pattern for the later families."""

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
    refuse,
)
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import Encoder, Head


def read_encoder(config: Config) -> Encoder:
    """The encoder of BERT, and of RoBERTa but for its positions."""
    refuse(config, "position_embedding_type", "absolute")
    refuse(config, "is_decoder", False)
    width, heads = read_widths(config, "hidden_size", "num_attention_heads")
    return Encoder(
        family=config.text("model_type", "bert"),
        layers=config.integer("num_hidden_layers", high=LAYERS),
        width=width,
        heads=heads,
        inner=config.integer("intermediate_size", high=WIDTH),
        activation=config.activation("hidden_act", "gelu"),
        epsilon=config.number("layer_norm_eps", 1e-12),
        vocabulary=config.integer("vocab_size", high=VOCABULARY),
        max_tokens=config.integer("max_position_embeddings", 512),
        token_types=config.integer("type_vocab_size", 2, high=64),
        dropout=config.number("hidden_dropout_prob", 0.1),
        attention_dropout=config.number("attention_probs_dropout_prob", 0.1),
    )


def bert_names(encoder: Encoder) -> Names:
    """Names of BERT's and RoBERTa's encoder, without prefix."""
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "attention": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm": "output.LayerNorm",
    }
    return {
        "embeddings.word.weight": "embeddings.word_embeddings.weight",
        "embeddings.position.weight": "embeddings.position_embeddings.weight",
        "embeddings.type.weight": "embeddings.token_type_embeddings.weight",
        **both("embeddings.norm", "embeddings.LayerNorm"),
        **layer_names(encoder, parts, "encoder.layer.{}"),
    }


def classifier_dropout(config: Config, key: str = "classifier_dropout") -> float:
    """Dropout before the output layer; where it is not set, the hidden layers' dropout."""
    return config.number(key, config.number("hidden_dropout_prob", 0.1))


def _head(config: Config, classes: int) -> Head:
    return Head("tanh", 0.0, classifier_dropout(config), classes)


ARCHITECTURE = Architecture(
    encoder=read_encoder,
    head=_head,
    encoder_names=bert_names,
    prefix="bert.",
    head_names={**both("head.dense", "pooler.dense"), **both("head.output", "classifier")},
    prefixed_head=True,
)
