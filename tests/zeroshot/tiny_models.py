"""Random models of every supported family, small enough for tests, written as real checkpoints by transformers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

FAMILIES = ("distilbert", "bert", "roberta", "xlm-roberta", "deberta", "deberta-v2")
POSITIONS = 128

SENTENCES = (
    "The new driver crashes on resume and the screen stays black until a reboot.",
    "Please add an option to export the report as a table, it would save us hours.",
    "How do I install the package behind a proxy? The manual says nothing about it.",
    "This example is a bug report. This text is about politics, sport or the economy.",
    "Licensed under the Apache License, Version 2.0; you may not use this file otherwise!",
    "def gelu(x): return 0.5 * x * (1 + erf(x / sqrt(2)))  # exact, see issue #42",
    "Der neue Treiber stürzt beim Aufwachen ab, und der Bildschirm bleibt schwarz.",
    "Ce texte parle de politique, de sport ou d'économie; voilà où ça mène, n'est-ce pas?",
    "Este texto trata de política. ¿Cómo instalo el paquete detrás de un proxy?",
    "Этот текст о политике, спорте или экономике. Новый драйвер падает.",
    "这段文字是关于政治的。新的驱动程序在恢复时崩溃。 この文章はスポーツについてです。",
    "هذا النص عن السياسة والرياضة والاقتصاد.",
    "Zero-shot classification: premise, hypothesis, entailment, neutral, contradiction 😀 🚀.",
)
"""What the tokenizers are trained on, and a ready set of texts to classify."""


def make_checkpoint(
    folder: Path,
    family: str,
    *,
    width: int = 32,
    layers: int = 2,
    heads: int = 4,
    inner: int = 64,
    classes: int = 3,
    label2id: Mapping[str, int] | None = None,
    seed: int = 0,
    scale: float = 4.0,
    **config: Any,
) -> Path:
    """Write config.json, model.safetensors, tokenizer.json and tokenizer_config.json of a random model.

    ``scale`` sets how widely the logits spread (about ``scale / 2`` units of standard deviation); ``classes=0``
    writes an encoder without a classifier; ``config`` goes to the family's configuration as it is, by its own
    names (``max_position_embeddings=64``, ``position_buckets=-1``, ``conv_kernel_size=3``).
    Weights depend on the names and ``seed`` alone. Returns the folder.
    """
    import torch
    from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()

    settings = _settings(family, width, layers, heads, inner) | config
    padded = 2 if family in ("roberta", "xlm-roberta") else 0
    tokenizer = make_tokenizer(family, settings["max_position_embeddings"] - padded)
    if classes:
        names = dict(label2id or _labels(classes))
        settings |= {"label2id": names, "id2label": {number: name for name, number in names.items()}}
    built = AutoConfig.for_model(
        family, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **settings
    )
    kind = AutoModelForSequenceClassification if classes else AutoModel
    model = kind.from_config(built)
    random = np.random.default_rng(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            parameter.copy_(torch.from_numpy(_weights(name, tuple(parameter.shape), random, scale)))
    folder.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_tokenizer(family: str, max_tokens: int = POSITIONS) -> Any:
    """A transformers tokenizer of the family, its vocabulary trained on ``SENTENCES``; ``max_tokens`` of a pair."""
    import transformers

    if family in ("bert", "distilbert"):
        kind = transformers.BertTokenizer if family == "bert" else transformers.DistilBertTokenizer
        return kind(vocab=_wordpiece(), model_max_length=max_tokens)
    if family == "roberta":
        vocabulary, merges = _byte_level(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        return transformers.RobertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_tokens)
    if family == "deberta":
        vocabulary, merges = _byte_level(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
        return transformers.DebertaTokenizer(vocab=vocabulary, merges=merges, model_max_length=max_tokens)
    if family == "xlm-roberta":
        pieces = _unigram(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
        return transformers.XLMRobertaTokenizer(vocab=pieces, model_max_length=max_tokens)
    if family == "deberta-v2":
        pieces = _unigram(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
        return transformers.DebertaV2Tokenizer(vocab=pieces, model_max_length=max_tokens)
    raise ValueError(f"no such family: {family}")


def _settings(family: str, width: int, layers: int, heads: int, inner: int) -> dict[str, Any]:
    if family == "distilbert":
        return {
            "dim": width,
            "n_layers": layers,
            "n_heads": heads,
            "hidden_dim": inner,
            "max_position_embeddings": POSITIONS,
        }
    settings: dict[str, Any] = {
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": inner,
        "max_position_embeddings": POSITIONS,
        "type_vocab_size": {"bert": 2, "roberta": 1, "xlm-roberta": 1}.get(family, 0),
    }
    if family in ("roberta", "xlm-roberta"):
        settings["max_position_embeddings"] = POSITIONS + 2
    if family in ("deberta", "deberta-v2"):
        settings |= {
            "relative_attention": True,
            "pos_att_type": ["c2p", "p2c"],
            "position_biased_input": False,
        }
    if family == "deberta-v2":
        settings |= {"position_buckets": 16, "share_att_key": True, "norm_rel_ebd": "layer_norm"}
    return settings


def _labels(classes: int) -> dict[str, int]:
    if classes == 2:
        return {"entailment": 0, "not_entailment": 1}
    return {"contradiction": 0, "neutral": 1, "entailment": 2} | {f"other_{n}": n for n in range(3, classes)}


def _weights(name: str, shape: tuple[int, ...], random: np.random.Generator, scale: float) -> np.ndarray:
    normal = random.standard_normal(shape).astype(np.float32)
    if "norm" in name.lower() and len(shape) == 1:
        return 0.1 * normal + (1 if name.endswith("weight") else 0)
    if len(shape) == 1:
        return 0.1 * normal
    if "embedding" in name:
        return 0.5 * normal
    last = name in ("classifier.weight", "classifier.out_proj.weight")
    gain = scale if last else 1.5
    return (gain / np.sqrt(np.prod(shape[1:]))).astype(np.float32) * normal


def _wordpiece() -> dict[str, int]:
    """Letters, and the commonest words and endings. Not by the library's trainer, whose ties fall by chance."""
    from tokenizers import normalizers, pre_tokenizers

    clean = normalizers.BertNormalizer(lowercase=True)
    split = pre_tokenizers.BertPreTokenizer()
    words = [word for text in SENTENCES for word, _ in split.pre_tokenize_str(clean.normalize_str(text))]
    letters = sorted(
        {letter for word in words for letter in word} | set("abcdefghijklmnopqrstuvwxyz0123456789")
    )
    endings = [f"##{word[start:]}" for word in words for start in range(1, len(word) - 1)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    pieces += _commonest(words, 80) + _commonest(endings, 60)
    return {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}


def _byte_level(special: list[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    import json

    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return model["vocab"], [tuple(merge) for merge in model["merges"]]


def _unigram(special: list[str]) -> list[tuple[str, float]]:
    """Letters, and the commonest pieces of words with their log frequency."""
    words = [f"\u2581{word}" for text in SENTENCES for word in text.split()]
    parts = [
        word[start:stop]
        for word in words
        for start in range(len(word))
        for stop in range(start + 1, min(start + 7, len(word) + 1))
    ]
    counts = Counter(parts)
    letters = sorted({letter for word in words for letter in word})
    pieces = dict.fromkeys(letters + _commonest([part for part in parts if len(part) > 1], 200))
    scores = [(piece, float(np.log(counts[piece] / len(parts)))) for piece in pieces]
    return [(name, 0.0) for name in special[:-1]] + scores + [(special[-1], 0.0)]


def _commonest(pieces: list[str], number: int) -> list[str]:
    ranked = sorted(Counter(pieces).items(), key=lambda item: (-item[1] * len(item[0]), item[0]))
    return [piece for piece, _ in ranked[:number]]
