"""How a pack's rows lie: where sequences start, which are of one length, and which first-layer rows are the same."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.models.model import Encoder

Index = NDArray[np.intp]
WORTHWHILE = 0.75
"""Share of distinct rows above which computing all of them costs less than copying."""


@dataclass(frozen=True)
class Group:
    """Neighbouring sequences of one length."""

    rows: slice
    first: int
    """Number of the first sequence."""
    count: int
    length: int


@dataclass(frozen=True)
class Layout:
    """A pack, checked."""

    ids: Index
    types: Index
    positions: Index
    """[rows], each from 0 in its sequence."""
    starts: Index
    """[sequences] row of each sequence's first token."""
    lengths: NDArray[np.int64]
    groups: tuple[Group, ...]
    distinct: Index
    """A row for each different embedding: labels of one text share most of theirs."""
    copies: Index | None
    """[rows] which of ``distinct`` each row is; None: ``distinct`` is all rows in their order."""


def lay_out(pack: Pack, encoder: Encoder) -> Layout:
    """Check a pack against the encoder. Raises: ModelError if it does not fit."""
    check_pack(pack, encoder)
    lengths = pack.lengths.astype(np.int64)
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    positions = np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths)
    ids, types = pack.ids.astype(np.intp), pack.types.astype(np.intp)
    distinct, copies = _distinct((positions * (int(types.max()) + 1) + types) * encoder.vocabulary + ids)
    changes = [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]
    groups = (
        Group(slice(int(bounds[first]), int(bounds[last])), first, last - first, int(lengths[first]))
        for first, last in pairwise(changes)
    )
    return Layout(ids, types, positions, bounds[:-1], lengths, tuple(groups), distinct, copies)


def check_pack(pack: Pack, encoder: Encoder) -> None:
    """Raise ModelError where lengths, ids or types do not fit; numpy would count negative ones from the end."""
    lengths = pack.lengths
    if int(lengths.min()) < 1 or int(lengths.sum()) != len(pack.ids) or len(pack.ids) != len(pack.types):
        raise ModelError(
            f"a pack of {len(pack.ids)} ids and {len(pack.types)} types does not match its lengths,"
            f" which are from {lengths.min()} and add up to {lengths.sum()}"
        )
    # A model without a table of types takes any.
    for what, values, rows in (
        ("token id", pack.ids, encoder.vocabulary),
        ("token type", pack.types, encoder.token_types or 1 << 16),
    ):
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= rows:
            raise ModelError(
                f"{what} {low if low < 0 else high} is outside the model's {rows};"
                " the tokenizer and the weights do not belong together"
            )
    longest = int(lengths.max())
    if longest > encoder.max_tokens:
        raise ModelError(f"a sequence of {longest} tokens is longer than the model's {encoder.max_tokens}")


def _distinct(keys: Index) -> tuple[Index, Index | None]:
    _, found, copies = np.unique(keys, return_index=True, return_inverse=True)
    if len(found) > WORTHWHILE * len(keys):
        return np.arange(len(keys)), None
    return found, copies
