"""Where a tokenizer's post-processor puts special tokens and token types around one text or two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from gristmill.errors import ModelError

Ids = NDArray[np.int32]


@dataclass(frozen=True)
class Piece:
    """A special token, or the place of a text."""

    what: Literal["special", "first", "second"]
    id: int
    """Of the special token; 0 for a text."""
    type: int


@dataclass(frozen=True)
class Layout:
    """The pieces of a sequence, in order."""

    pieces: tuple[Piece, ...]

    @property
    def special(self) -> int:
        """How many tokens it adds."""
        return sum(piece.what == "special" for piece in self.pieces)

    @property
    def types(self) -> int:
        """How many token types it uses."""
        return 1 + max((piece.type for piece in self.pieces), default=0)

    def fill(self, first: Ids, second: Ids) -> tuple[Ids, Ids]:
        """Ids and types of the texts at their places, with the special tokens between them."""
        size = self.special + len(first) + len(second)
        ids, types = np.empty(size, np.int32), np.empty(size, np.int32)
        start = 0
        for piece in self.pieces:
            if piece.what == "special":
                stop = start + 1
                ids[start] = piece.id
            else:
                text = first if piece.what == "first" else second
                stop = start + len(text)
                ids[start:stop] = text
            types[start:stop] = piece.type
            start = stop
        return ids, types


def read_layout(tokenizer: Tokenizer, *, pair: bool, typed: bool) -> Layout:
    """Read the layout off the tokenizer's own encoding of a short text, or of two.

    ``typed``: keep the token types; else they are all 0, as a model without them takes them.
    Raises: ModelError if a text is not there exactly once and in one piece.
    """
    encoding = tokenizer.encode("a", "b") if pair else tokenizer.encode("a")
    pieces: list[Piece] = []
    before: int | None = None
    for token, text, kind in zip(encoding.ids, encoding.sequence_ids, encoding.type_ids, strict=True):
        number = kind if typed else 0
        if text is None:
            pieces.append(Piece("special", token, number))
        elif text != before:
            pieces.append(Piece("first" if text == 0 else "second", 0, number))
        before = text
    texts = [piece.what for piece in pieces if piece.what != "special"]
    if texts != (["first", "second"] if pair else ["first"]):
        raise ModelError(f"the tokenizer's post-processor lays texts out as {texts}; that is not supported")
    return Layout(tuple(pieces))
