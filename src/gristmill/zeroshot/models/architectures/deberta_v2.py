"""DeBERTa v2 and v3 (He et al., arXiv 2006.03654 and 2111.09543), mDeBERTa included."""

from __future__ import annotations

from gristmill.errors import ModelError
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
from gristmill.zeroshot.models.architectures.bert import classifier_dropout
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import Encoder, Head, RelativeAttention


def read_encoder(config: Config, relative: RelativeAttention | None) -> Encoder:
    """The encoder of both DeBERTa architectures, around the relative attention that is their difference."""
    width, heads = read_widths(config, "hidden_size", "num_attention_heads")
    table = config.integer("embedding_size", width, high=WIDTH)
    return Encoder(
        family=config.text("model_type", "deberta-v2"),
        layers=config.integer("num_hidden_layers", high=LAYERS),
        width=width,
        heads=heads,
        inner=config.integer("intermediate_size", high=WIDTH),
        activation=config.activation("hidden_act", "gelu"),
        epsilon=config.number("layer_norm_eps", 1e-7),
        vocabulary=config.integer("vocab_size", high=VOCABULARY),
        max_tokens=config.integer("max_position_embeddings", 512),
        absolute_positions=config.flag("position_biased_input", True),
        token_types=config.integer("type_vocab_size", 0, low=0, high=64),
        embedding_width=0 if table == width else table,
        relative=relative,
        dropout=config.number("hidden_dropout_prob", 0.1),
        attention_dropout=config.number("attention_probs_dropout_prob", 0.1),
    )


def attention_types(config: Config) -> frozenset[str]:
    """``pos_att_type``: a list, or names joined by ``|``, of c2p and p2c. Raises: ModelError."""
    value = config.values.get("pos_att_type") or []
    names = value.lower().split("|") if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise config.wrong("pos_att_type", "a list of c2p and p2c")
    types = frozenset(name.strip() for name in names if name.strip())
    if types - {"c2p", "p2c"}:
        raise config.wrong("pos_att_type", "a list of c2p and p2c; other kinds are not supported")
    return types


def largest_distance(config: Config) -> int:
    """``max_relative_positions``, or the number of positions where it is below 1."""
    distance = config.integer("max_relative_positions", -1, low=-(1 << 20))
    return distance if distance >= 1 else config.integer("max_position_embeddings", 512)


def no_relative_attention(config: Config) -> None:
    """Refuse a model without relative attention whose scores are scaled as if it had it. Raises: ModelError."""
    if attention_types(config):
        raise ModelError(
            f"{config.path}: relative_attention is off and pos_att_type is set; that variant is not supported"
        )


def head_names() -> Names:
    """Names of the classifier of both DeBERTa architectures."""
    return {**both("head.dense", "pooler.dense"), **both("head.output", "classifier")}


def read_head(config: Config, classes: int) -> Head:
    """The classifier of both DeBERTa architectures."""
    return Head(
        config.activation("pooler_hidden_act", "gelu"),
        config.number("pooler_dropout", 0.0),
        classifier_dropout(config, "cls_dropout"),
        classes,
    )


def embedding_names(encoder: Encoder) -> Names:
    """Names of the tensors below the first layer, and of the relative positions, for both architectures."""
    names = {"embeddings.word.weight": "embeddings.word_embeddings.weight"}
    if encoder.absolute_positions:
        names["embeddings.position.weight"] = "embeddings.position_embeddings.weight"
    if encoder.token_types:
        names["embeddings.type.weight"] = "embeddings.token_type_embeddings.weight"
    if encoder.embedding_width:
        names["embeddings.projection.weight"] = "embeddings.embed_proj.weight"
    names |= both("embeddings.norm", "embeddings.LayerNorm")
    if encoder.relative:
        names["relative.weight"] = "encoder.rel_embeddings.weight"
    if encoder.relative and encoder.relative.normalised:
        names |= both("relative.norm", "encoder.LayerNorm")
    if encoder.relative and encoder.relative.convolution:
        names |= both("convolution", "encoder.conv.conv") | both("convolution.norm", "encoder.conv.LayerNorm")
    return names


def _encoder(config: Config) -> Encoder:
    kernel = config.integer("conv_kernel_size", 0, low=0, high=255)
    if not config.flag("relative_attention", False):
        no_relative_attention(config)
        if kernel:
            raise config.wrong("conv_kernel_size", "0 where relative_attention is off")
        return read_encoder(config, None)
    types = attention_types(config)
    buckets = config.integer("position_buckets", -1, low=-(1 << 20), high=1 << 16)
    distance = largest_distance(config)
    if buckets > 0 and (buckets < 4 or distance - 1 <= buckets // 2):
        raise config.wrong("position_buckets", f"0 or less, or from 4 to less than {2 * (distance - 1)}")
    norms = config.text("norm_rel_ebd", "none").lower().split("|")
    width = config.integer("hidden_size", high=WIDTH)
    groups = config.integer("conv_groups", 1, high=WIDTH)
    if kernel and (width % groups or kernel % 2 == 0):
        raise ModelError(
            f"{config.path}: conv_kernel_size {kernel} must be odd and conv_groups {groups} divide {width}"
        )
    relative = RelativeAttention(
        buckets=buckets,
        distance=distance,
        content_to_position="c2p" in types,
        position_to_content="p2c" in types,
        shared_keys=config.flag("share_att_key", False),
        normalised="layer_norm" in [norm.strip() for norm in norms],
        convolution=kernel,
        convolution_activation=config.activation("conv_act", "tanh"),
        convolution_groups=groups,
    )
    return read_encoder(config, relative)


def _names(encoder: Encoder) -> Names:
    parts = {
        "query": "attention.self.query_proj",
        "key": "attention.self.key_proj",
        "value": "attention.self.value_proj",
        "attention": "attention.output.dense",
        "attention_norm": "attention.output.LayerNorm",
        "up": "intermediate.dense",
        "down": "output.dense",
        "norm": "output.LayerNorm",
    }
    if encoder.relative and not encoder.relative.shared_keys:
        if encoder.relative.content_to_position:
            parts["position_key"] = "attention.self.pos_key_proj"
        if encoder.relative.position_to_content:
            parts["position_query"] = "attention.self.pos_query_proj"
    return embedding_names(encoder) | layer_names(encoder, parts, "encoder.layer.{}")


ARCHITECTURE = Architecture(
    encoder=_encoder,
    head=read_head,
    encoder_names=_names,
    prefix="deberta.",
    head_names=head_names(),
)
