"""Texts as token ids: premise and hypothesis each tokenised once, joined as the tokenizer itself would join them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot.layout import Ids, read_layout
from gristmill.zeroshot.models.model import Encoder
from gristmill.zeroshot.models.tokenizer import gives_types, load_tokenizer, longest_word, read_settings
from gristmill.zeroshot.prefix import encode_prefix

SURROGATES = re.compile("[\ud800-\udfff]")
LONG = 4096
"""Letters from which a text is searched for words of absurd length."""
PROBES = (
    ("The driver crashes on resume.", "This example is a bug report."),
    ("Ünïcode, 数据 и text: " * 3, "d'accord? (yes) 42"),
)


class PairEncoder:
    """Tokenises for one model. Lone surrogates, which are no text, count as U+FFFD.

    The form of a pair (special tokens, token types) is read from the tokenizer's post-processor, and proven
    against the tokenizer's own pairs: on two probes at once, and on the first premise and hypothesis given.
    Raises on creation: ModelError if there is no valid tokenizer, or it does not fit the encoder.
    """

    max_tokens: int
    """Most tokens of a pair, special tokens included."""

    def __init__(self, model_folder: Path, encoder: Encoder) -> None:
        settings = read_settings(model_folder)
        self._folder = model_folder
        self._tokenizer = load_tokenizer(model_folder, encoder.family)
        self._left = settings.text("truncation_side", "right") == "left"
        self.max_tokens = encoder.max_tokens
        word = longest_word(self._tokenizer)
        self._run = None if word is None else re.compile(rf"([A-Za-z0-9]{{{2 * word}}})[A-Za-z0-9]+")
        _check_vocabulary(self._tokenizer, encoder, model_folder)
        typed = encoder.token_types > 1 and gives_types(settings)
        self._pair = read_layout(self._tokenizer, pair=True, typed=typed)
        self._single = read_layout(self._tokenizer, pair=False, typed=typed)
        if self._pair.types > max(encoder.token_types, 1):
            raise ModelError(
                f"{model_folder}: the tokenizer gives {self._pair.types} token types, the model has"
                f" {encoder.token_types}; they do not belong together"
            )
        if self._pair.special >= self.max_tokens:
            raise ModelError(f"{model_folder}: {self.max_tokens} tokens leave no room for a text")
        self._typed = typed
        self._first: tuple[str | None, str | None] | None = (None, None)
        for premise, hypothesis in PROBES:
            self._prove(premise, hypothesis)

    def premises(self, texts: Sequence[str], limit_tokens: int | None = None) -> list[Ids]:
        """Token ids of each text, without special tokens.

        With ``limit_tokens`` no more than that many are returned, the same that the whole text would begin
        with (or end with, where the tokenizer truncates on the left); of a long text no more is read than they need.
        """
        clean = [self._clean(text) for text in texts]
        if limit_tokens is None or self._left:
            ids = self._encode(clean)
            return (
                ids
                if limit_tokens is None
                else [one[len(one) - min(len(one), limit_tokens) :] for one in ids]
            )
        self._remember(clean, 0)
        return encode_prefix(self._plain, clean, limit_tokens)

    def hypotheses(self, texts: Sequence[str]) -> list[Ids]:
        """Token ids of each hypothesis, without special tokens.

        Raises: LabelError naming a hypothesis that leaves no room for any text.
        """
        clean = [self._clean(text) for text in texts]
        # No hypothesis of this many letters could fit; it is refused before it costs anything.
        for text in clean:
            if len(text) > 1000 * self.max_tokens:
                raise LabelError(
                    f"the hypothesis {text[:60]!r}... has {len(text)} letters; shorten its label"
                )
        self._remember(clean, 1)
        ids = self._plain(clean)
        for text, one in zip(clean, ids, strict=True):
            if self.room(one) < 1:
                shown = text if len(text) <= 80 else text[:80] + "..."
                raise LabelError(
                    f"the hypothesis {shown!r} has {len(one)} tokens; with {self._pair.special} special tokens"
                    f" the model's {self.max_tokens} leave no room for a text: shorten the label or the template"
                )
        return ids

    def join(self, premise: Ids, hypothesis: Ids) -> tuple[Ids, Ids]:
        """Ids and token types of a pair, as the tokenizer's post-processor gives them.

        Where the pair is too long the premise loses tokens, never the hypothesis (``only_first``).
        """
        return self._pair.fill(self._cut(premise, self.room(hypothesis)), hypothesis)

    def single(self, text: str) -> tuple[Ids, Ids]:
        """Ids and token types of one text by itself, cut to ``max_tokens`` with its special tokens."""
        room = self.max_tokens - self._single.special
        ids = self.premises([text], limit_tokens=room)[0]
        return self._single.fill(self._cut(ids, room), np.zeros(0, np.int32))

    def room(self, hypothesis: Ids) -> int:
        """How many tokens of a premise fit beside the hypothesis; below 1: none."""
        return self.max_tokens - self._pair.special - len(hypothesis)

    def _clean(self, text: str) -> str:
        # The binding cannot take a str that is no UTF-8; everything else, NUL included, is the tokenizer's to judge.
        clean = text if text.isascii() else SURROGATES.sub("\ufffd", text)
        # Megabytes of one word cost a second each and end up as one unknown token; so does its beginning.
        return self._run.sub(r"\1", clean) if self._run and len(clean) > LONG else clean

    def _encode(self, clean: list[str]) -> list[Ids]:
        self._remember(clean, 0)
        return self._plain(clean)

    def _plain(self, texts: Sequence[str]) -> list[Ids]:
        if not texts:
            return []
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [np.array(encoding.ids, np.int32) for encoding in encodings]

    def _cut(self, ids: Ids, room: int) -> Ids:
        if len(ids) <= room:
            return ids
        return ids[len(ids) - room :] if self._left else ids[:room]

    def _remember(self, texts: list[str], side: int) -> None:
        """Keep the first premise and hypothesis, and prove the pair when both are there."""
        if self._first is None or not texts:
            return
        # The proof tokenises the text again, so a long one is shortened for it.
        text = texts[0][: 8 * self.max_tokens]
        premise, hypothesis = self._first
        self._first = (text, hypothesis) if side == 0 else (premise, text)
        premise, hypothesis = self._first
        if premise is not None and hypothesis is not None:
            self._first = None
            self._prove(premise, hypothesis)

    def _prove(self, premise: str, hypothesis: str) -> None:
        """Compare a joined pair with the tokenizer's own. Raises: ModelError if they differ."""
        parts = self._plain([premise, hypothesis])
        encoding = self._tokenizer.encode(premise, hypothesis)
        ids, types = self._pair.fill(parts[0], parts[1])
        wanted = encoding.type_ids if self._typed else [0] * len(encoding.ids)
        if ids.tolist() != encoding.ids or types.tolist() != wanted:
            raise ModelError(
                f"{self._folder}: the tokenizer joins a pair in a way that is not supported: {premise[:60]!r} and"
                f" {hypothesis[:60]!r} become {encoding.ids[:20]}, not {ids.tolist()[:20]}"
            )


def _check_vocabulary(tokenizer: Tokenizer, encoder: Encoder, folder: Path) -> None:
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1) + 1
    # Tables are padded to round sizes, so a few rows without a token are common; half of them are not.
    if not encoder.vocabulary // 2 <= largest <= encoder.vocabulary:
        raise ModelError(
            f"{folder}: the tokenizer has {largest} tokens and the model a table of {encoder.vocabulary} rows;"
            " they do not belong together, download both anew"
        )
