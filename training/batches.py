"""Questions as tensors: tokenised once, put together by length, so that little is padding."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from training.examples import CLASSES
from training.pairs import Question

Ids = NDArray[np.int32]

MAX_PREMISE = 192
MAX_HYPOTHESIS = 48
POOL = 64
"""Batches that are sorted by length together."""


@dataclass(frozen=True)
class Batch:
    """Sequences of several questions, one after the other.

    Attributes:
        ids, types, mask: Of each token [sequences, length].
        targets: Of each sequence the class, or -1 of one that belongs to a text with labels.
        classes: Of each sequence of an NLI pair the chance of each class [sequences, 3]: 1 of the known one, or
            what other models say.
        positive: Of each sequence whether its label is true; only of those with target -1.
        group: Of each sequence the number of its question.
        chances: Of each sequence the chance that another model gives it among its question's, -1 where none did.
    """

    ids: Tensor
    types: Tensor
    mask: Tensor
    targets: Tensor
    classes: Tensor
    positive: Tensor
    group: Tensor
    chances: Tensor

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))


class Encoder:
    """Texts as token ids, each text tokenised once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.cls = np.array([tokenizer.token_to_id("[CLS]")], np.int32)
        self.sep = np.array([tokenizer.token_to_id("[SEP]")], np.int32)
        self._known: dict[str, Ids] = {}

    def learn(self, texts: Sequence[str]) -> None:
        """Tokenise the texts that are not known yet."""
        new = sorted({text for text in texts if text not in self._known})
        for start in range(0, len(new), 10_000):
            part = new[start : start + 10_000]
            for text, one in zip(
                part, self._tokenizer.encode_batch(part, add_special_tokens=False), strict=True
            ):
                self._known[text] = np.array(one.ids, np.int32)

    def length(self, question: Question) -> int:
        """Tokens of the question's longest sequence."""
        longest = max(len(self._known[one]) for one in question.hypotheses)
        return min(len(self._known[question.premise]), MAX_PREMISE) + min(longest, MAX_HYPOTHESIS) + 3

    def single(self, text: str) -> Ids:
        """``[CLS] text [SEP]``."""
        return np.concatenate((self.cls, self._known[text][:MAX_PREMISE], self.sep))

    def pair(self, premise: str, hypothesis: str) -> tuple[Ids, int]:
        """``[CLS] premise [SEP] hypothesis [SEP]``, and where the hypothesis begins."""
        first = self._known[premise][:MAX_PREMISE]
        second = self._known[hypothesis][:MAX_HYPOTHESIS]
        ids = np.concatenate((self.cls, first, self.sep, second, self.sep))
        return ids, len(first) + 2


def plan_batches(
    questions: Sequence[Question], encoder: Encoder, *, tokens: int, seed: int
) -> list[list[Question]]:
    """The questions of each batch, about ``tokens`` tokens with padding, in an order drawn by the seed."""
    encoder.learn([text for one in questions for text in (one.premise, *one.hypotheses)])
    dice = random.Random(f"batches {seed}")  # noqa: S311
    planned: list[list[Question]] = []
    pool: list[tuple[int, int, Question]] = []
    size = 0
    for number, question in enumerate(questions):
        length = encoder.length(question)
        pool.append((length, number, question))
        size += length * len(question.hypotheses)
        if size >= POOL * tokens:
            planned += _from_pool(pool, tokens, dice)
            pool, size = [], 0
    return [*planned, *_from_pool(pool, tokens, dice)]


def _from_pool(
    pool: list[tuple[int, int, Question]], tokens: int, dice: random.Random
) -> list[list[Question]]:
    parts: list[list[Question]] = []
    count = 0
    for length, _, question in sorted(pool, key=lambda one: one[:2]):
        if not parts or (count + len(question.hypotheses)) * length > tokens:
            parts.append([])
            count = 0
        parts[-1].append(question)
        count += len(question.hypotheses)
    dice.shuffle(parts)
    return parts


def stack(questions: Sequence[Question], encoder: Encoder) -> Batch:
    """One batch of these questions."""
    sequences, targets, classes, positive, group, chances = [], [], [], [], [], []
    for number, question in enumerate(questions):
        for place, hypothesis in enumerate(question.hypotheses):
            sequences.append(encoder.pair(question.premise, hypothesis))
            targets.append(question.target)
            known = [float(question.target == one) for one in range(len(CLASSES))]
            classes.append(question.classes or known)
            positive.append(question.found and place == 0)
            group.append(number)
            chances.append(question.chances[place] if question.chances else -1.0)
    width = max(len(ids) for ids, _ in sequences)
    ids = np.zeros((len(sequences), width), np.int64)
    types = np.zeros_like(ids)
    mask = np.zeros_like(ids)
    for row, (one, start) in enumerate(sequences):
        ids[row, : len(one)] = one
        types[row, start : len(one)] = 1
        mask[row, : len(one)] = 1
    return Batch(
        torch.from_numpy(ids),
        torch.from_numpy(types),
        torch.from_numpy(mask),
        torch.tensor(targets),
        torch.tensor(classes),
        torch.tensor(positive),
        torch.tensor(group),
        torch.tensor(chances),
    )
