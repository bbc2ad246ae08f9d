"""What the unchanged encoder knows, as something to learn from: which of a few phrases is nearest to a text.

The encoder compares texts by cosine and knows far more words than the labels of any training set. A cross-encoder that
starts from its weights knows the words as well, but not how to compare two texts in one input. So it first learns to
rank phrases as the encoder does (Hinton, Vinyals, Dean 2015, arXiv 1503.02531), phrases being what the training texts
themselves are made of.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.batches import Encoder
from training.examples import NliPair, Task, plain
from training.held_out import held_out
from training.pairs import Question, training_texts
from training.phrasing import MAIN_TEMPLATE, blur, draw_template

SHARPNESS = 20.0
"""Cosines are multiplied by it before the softmax over a text's phrases."""
DRAWN, NEAREST, NEAR, FAR = 2000, 10, 60, 400
"""Phrases that are looked at for a text, and places in their order: one is taken of each of the four parts."""
LEAST = 3
"""Texts that a phrase must stand in."""
_WORD = re.compile(r"[A-Za-z][A-Za-z+#.-]*[A-Za-z+#]|[A-Za-z]")
_SMALL = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "can",
        "do",
        "for",
        "from",
        "has",
        "have",
        "he",
        "her",
        "his",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "our",
        "she",
        "so",
        "some",
        "that",
        "the",
        "their",
        "them",
        "there",
        "these",
        "they",
        "this",
        "to",
        "up",
        "us",
        "was",
        "we",
        "were",
        "what",
        "when",
        "which",
        "who",
        "will",
        "with",
        "would",
        "you",
        "your",
        "about",
        "also",
        "any",
        "been",
        "being",
        "did",
        "does",
        "had",
        "how",
        "just",
        "like",
        "more",
        "most",
        "much",
        "new",
        "one",
        "only",
        "other",
        "out",
        "over",
        "own",
        "than",
        "then",
        "very",
        "via",
        "way",
        "where",
        "while",
        "s",
        "t",
        "m",
        "re",
        "don",
        "ve",
        "ll",
    ]
)
Vectors = NDArray[np.float32]


def make_questions(
    base: Path, pairs: Sequence[NliPair], tasks: Sequence[Task], *, count: int, seed: int
) -> list[Question]:
    """``count`` texts, each with four phrases and the encoder's chances for them, the same for the same seed."""
    dice = random.Random(f"distil {seed}")  # noqa: S311
    texts = sorted({text.text for task in tasks for text in training_texts(task)})
    texts += sorted({pair.premise for pair in pairs if pair.source.startswith("mnli")})
    phrases = find_phrases(texts, tasks)
    chosen = dice.sample(texts, min(count, len(texts)))
    asked = [MAIN_TEMPLATE.format(phrase) for phrase in phrases]
    vectors = embed(base, [*chosen, *phrases, *asked])
    known = vectors[len(chosen) : -len(asked)] + vectors[-len(asked) :]
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    drawing = np.random.default_rng(seed)
    questions = []
    for text, vector in zip(chosen, vectors, strict=False):
        drawn = drawing.choice(len(phrases), min(DRAWN, len(phrases)), replace=False)
        order = drawn[np.argsort(-(known[drawn] @ vector), kind="stable")]
        places = [
            dice.choice(part) for part in (order[:NEAREST], order[NEAREST:NEAR], order[NEAR:FAR], order[FAR:])
        ]
        scores = SHARPNESS * (known[places] @ vector)
        powers = np.exp(scores - scores.max())
        template = draw_template((), dice)
        questions.append(
            Question(
                blur(text, dice),
                tuple(template.format(phrases[place]) for place in places),
                -1,
                False,
                "distilled",
                tuple((powers / powers.sum()).tolist()),
            )
        )
    return questions


def find_phrases(texts: Sequence[str], tasks: Sequence[Task]) -> list[str]:
    """Words and runs of two or three words of the texts, and the labels that training may see."""
    counts: Counter[str] = Counter()
    for text in texts:
        words = _WORD.findall(text[:600].lower())
        found = set()
        for length in (1, 2, 3):
            for start in range(len(words) - length + 1):
                part = words[start : start + length]
                if part[0] not in _SMALL and part[-1] not in _SMALL and len(part[0]) > 2:
                    found.add(" ".join(part))
        counts.update(found)
    left_out = {plain(words) for task in tasks for label in held_out(task) for words in task.phrasings[label]}
    labels = {
        words
        for task in tasks
        for label, many in task.phrasings.items()
        if label not in held_out(task)
        for words in many
    }
    common = {phrase for phrase, count in counts.items() if count >= LEAST}
    return sorted(one for one in common | labels if plain(one) not in left_out)


def embed(base: Path, texts: Sequence[str]) -> Vectors:
    """Embeddings [texts, width] of length 1: the mean of the token states (Reimers and Gurevych 2019)."""
    from transformers import AutoModel

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = AutoModel.from_pretrained(base, attn_implementation="eager").to(device, torch.bfloat16).eval()
    encoder = Encoder(Tokenizer.from_file(str(base / "tokenizer.json")))
    encoder.learn(texts)
    ids = [encoder.single(text) for text in texts]
    order = sorted(range(len(texts)), key=lambda place: len(ids[place]))
    found = np.empty((len(texts), model.config.hidden_size), np.float32)
    with torch.no_grad():
        for start in range(0, len(order), 256):
            rows = order[start : start + 256]
            width = max(len(ids[row]) for row in rows)
            stacked, mask = np.zeros((2, len(rows), width), np.int64)
            for place, row in enumerate(rows):
                stacked[place, : len(ids[row])] = ids[row]
                mask[place, : len(ids[row])] = 1
            there = torch.from_numpy(mask).to(device)
            states = model(
                input_ids=torch.from_numpy(stacked).to(device), attention_mask=there
            ).last_hidden_state
            weights = there[..., None].float()
            mean = (states.float() * weights).sum(1) / weights.sum(1)
            found[rows] = torch.nn.functional.normalize(mean, dim=1).cpu().numpy()
    return found
