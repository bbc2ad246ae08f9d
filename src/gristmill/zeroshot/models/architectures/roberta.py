"""RoBERTa (Liu et al., arXiv 1907.11692) and XLM-RoBERTa (Conneau et al., arXiv 1911.02116)."""

from __future__ import annotations

from dataclasses import replace

from gristmill.errors import ModelError
from gristmill.zeroshot.models.architectures.architecture import Architecture, both
from gristmill.zeroshot.models.architectures.bert import bert_names, classifier_dropout, read_encoder
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import Encoder, Head


def _encoder(config: Config) -> Encoder:
    encoder = read_encoder(config)
    # Positions count from the padding id + 1, so that many rows of the table are never a token's.
    offset = config.integer("pad_token_id", 1, low=0) + 1
    if offset >= encoder.max_tokens:
        raise ModelError(
            f"{config.path}: pad_token_id {offset - 1} leaves no room among the"
            f" {encoder.max_tokens} rows of max_position_embeddings"
        )
    return replace(encoder, max_tokens=encoder.max_tokens - offset, position_offset=offset)


def _head(config: Config, classes: int) -> Head:
    dropout = classifier_dropout(config)
    return Head("tanh", dropout, dropout, classes)


ARCHITECTURE = Architecture(
    encoder=_encoder,
    head=_head,
    encoder_names=bert_names,
    prefix="roberta.",
    head_names={**both("head.dense", "classifier.dense"), **both("head.output", "classifier.out_proj")},
)
