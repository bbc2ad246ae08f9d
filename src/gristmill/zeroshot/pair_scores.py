"""Explicit pairs of premise and hypothesis, scored as a stream by the same engines as classification."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from gristmill.errors import GristmillError, LabelError, TextError
from gristmill.zeroshot.answers import not_finite
from gristmill.zeroshot.inference import Inference, PairRow, Tokens
from gristmill.zeroshot.items import LETTERS, TEXTS, in_row
from gristmill.zeroshot.models.model import Floats

Pair = tuple[str, str]
Beside = tuple[int, GristmillError | None]


def score_pairs(inference: Inference, pairs: Iterable[Pair]) -> Iterator[Floats | GristmillError]:
    """The logits [classes] of each (premise, hypothesis), in order, or what is wrong with the pair.

    Pairs are read a few batches ahead, sorted by length among themselves and packed; equal ones are computed
    once. A pair that is wrong does not change the others. Of a premise that is too long the beginning counts.
    """
    for logits, (row, error) in inference.logits(_rows(inference, pairs)):
        if error is None and not np.isfinite(logits).all():
            error = not_finite(inference, row)
        yield logits[0] if error is None else error


def _rows(inference: Inference, pairs: Iterable[Pair]) -> Iterator[tuple[PairRow, Beside]]:
    for first, chunk in _chunks(pairs):
        errors: list[GristmillError | None] = [
            _pair_error(pair, first + number) for number, pair in enumerate(chunk)
        ]
        good = [pair for pair, error in zip(chunk, errors, strict=True) if error is None]
        premises = iter(inference.premises([premise for premise, _ in good]))
        hypotheses = iter(_hypotheses(inference, [hypothesis for _, hypothesis in good]))
        for number, error in enumerate(errors):
            row = first + number
            if error is None:
                premise, hypothesis = next(premises), next(hypotheses)
                if isinstance(hypothesis, Tokens):
                    yield inference.pairs([premise], [hypothesis]), (row, None)
                    continue
                error = type(hypothesis)(in_row(row, str(hypothesis)))
            # A row without pairs costs nothing and keeps its place in the stream.
            yield inference.pairs([], []), (row, error)


def _hypotheses(inference: Inference, texts: Sequence[str]) -> list[Tokens | LabelError]:
    """The tokens of all, in one call where none is too long."""
    try:
        return list(inference.hypotheses(texts))
    except LabelError:
        found: list[Tokens | LabelError] = []
        for text in texts:
            try:
                found += inference.hypotheses([text])
            except LabelError as error:
                found.append(error)
        return found


def _chunks(pairs: Iterable[Pair]) -> Iterator[tuple[int, list[Pair]]]:
    """The pairs, as many together as are tokenised at a time, with the number of the first."""
    first, letters = 0, 0
    chunk: list[Pair] = []
    for pair in pairs:
        chunk.append(pair)
        letters += sum(len(text) for text in pair if isinstance(text, str)) if _is_pair(pair) else 0
        if len(chunk) >= TEXTS or letters >= LETTERS:
            yield first, chunk
            first, chunk, letters = first + len(chunk), [], 0
    if chunk:
        yield first, chunk


def _is_pair(pair: object) -> bool:
    return isinstance(pair, tuple | list) and len(pair) == 2


def _pair_error(pair: object, row: int) -> TextError | None:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return TextError(in_row(row, f"a pair must be a premise and a hypothesis, not {type(pair).__name__}"))
    for name, text in zip(("premise", "hypothesis"), pair, strict=True):
        if not isinstance(text, str):
            return TextError(in_row(row, f"a {name} must be a string, not {type(text).__name__}"))
    return None
