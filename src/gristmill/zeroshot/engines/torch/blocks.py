"""How a pack's sequences are attended: in blocks of one length, or of nearly one length with the rest masked.

Everything but attention works on the pack's rows as they are, without padding.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.models.model import Encoder

SCORES = 1 << 26
"""Most attention scores (heads x rows x columns) of a block: bounds memory where they are written out."""
STEP = 16
"""Lengths on CUDA are rounded up to multiples of this, so that a large pack falls into few blocks."""


@dataclass(frozen=True)
class Block:
    """Neighbouring sequences attended together."""

    start: int
    stop: int
    """Rows of the pack."""
    first: int
    """Number of the block's first sequence."""
    count: int
    length: int
    """Of the longest sequence."""
    slots: torch.Tensor | None
    """Where each row stands in [count * length]; None: all sequences are of that length."""
    mask: torch.Tensor | None
    """[count, 1, 1, length], true for tokens; None: all are."""


@dataclass(frozen=True)
class Layout:
    """A pack on a device."""

    ids: torch.Tensor
    types: torch.Tensor
    positions: torch.Tensor
    """[rows], each from 0 in its sequence."""
    starts: torch.Tensor
    """[sequences] row of each sequence's first token."""
    bounds: torch.Tensor
    """[sequences + 1] as int32: ``starts`` and the number of rows."""
    lengths: torch.Tensor
    longest: int
    blocks: tuple[Block, ...]


def lay_out(pack: Pack, encoder: Encoder, device: torch.device, step: int | None = None) -> Layout:
    """Check a pack against the encoder and bring it to the device, in few copies.

    Args:
        step: Blocks hold sequences whose lengths round up to the same multiple of this; by default 1 on the CPU.

    Raises: ModelError if an id or type is outside its table, a sequence is longer than the model takes, or the
    lengths do not add up.
    """
    check_pack(pack, encoder)
    step = step or (1 if device.type == "cpu" else STEP)
    lengths = pack.lengths.astype(np.int64)
    bounds = np.concatenate(([0], np.cumsum(lengths)))
    positions = np.arange(bounds[-1]) - np.repeat(bounds[:-1], lengths)
    rows = torch.from_numpy(np.stack((pack.ids.astype(np.int64), pack.types.astype(np.int64), positions)))
    ends = torch.from_numpy(bounds).to(device)
    ids, types, places = rows.to(device).unbind(0)
    return Layout(
        ids=ids,
        types=types,
        positions=places,
        starts=ends[:-1],
        bounds=ends.to(torch.int32),
        lengths=torch.from_numpy(lengths).to(device),
        longest=int(lengths.max()),
        blocks=tuple(_blocks(lengths, bounds, encoder.heads, step, device)),
    )


def spread(x: torch.Tensor, block: Block) -> torch.Tensor:
    """The block's rows as [count, length, width], zeros where a sequence is shorter."""
    rows = x[block.start : block.stop]
    if block.slots is None:
        return rows.view(block.count, block.length, x.shape[-1])
    spaced = rows.new_zeros(block.count * block.length, x.shape[-1])
    return spaced.index_copy_(0, block.slots, rows).view(block.count, block.length, x.shape[-1])


def collect(spaced: torch.Tensor, block: Block) -> torch.Tensor:
    """The inverse of ``spread``: [count, length, width] to the block's rows."""
    flat = spaced.reshape(block.count * block.length, spaced.shape[-1])
    return flat if block.slots is None else flat[block.slots]


def check_pack(pack: Pack, encoder: Encoder) -> None:
    """Raise ModelError where the pack does not fit the model; on CUDA a bad id would break the whole process."""
    lengths = pack.lengths
    if int(lengths.min()) < 1 or int(lengths.sum()) != len(pack.ids) or len(pack.ids) != len(pack.types):
        raise ModelError(
            f"a pack of {len(pack.ids)} ids and {len(pack.types)} types does not match its lengths,"
            f" which are from {lengths.min()} and add up to {lengths.sum()}"
        )
    low, high = int(pack.ids.min()), int(pack.ids.max())
    if low < 0 or high >= encoder.vocabulary:
        raise ModelError(
            f"token id {low if low < 0 else high} is outside the model's vocabulary of {encoder.vocabulary};"
            " the tokenizer and the weights do not belong together"
        )
    kinds = int(pack.types.max())
    if int(pack.types.min()) < 0 or (encoder.token_types and kinds >= encoder.token_types):
        raise ModelError(
            f"token type {kinds} is outside the model's {encoder.token_types} types;"
            " the tokenizer and the weights do not belong together"
        )
    longest = int(lengths.max())
    if longest > encoder.max_tokens:
        raise ModelError(f"a sequence of {longest} tokens is longer than the model's {encoder.max_tokens}")


def _blocks(
    lengths: np.ndarray, bounds: np.ndarray, heads: int, step: int, device: torch.device
) -> Iterator[Block]:
    rounded = -(-lengths // step)
    changes = np.flatnonzero(np.diff(rounded)) + 1
    for first, last in zip([0, *changes.tolist()], [*changes.tolist(), len(lengths)], strict=True):
        longest = int(lengths[first:last].max())
        most = max(1, SCORES // (heads * longest * longest))
        for start in range(first, last, most):
            yield _block(lengths, bounds, start, min(start + most, last), device)


def _block(lengths: np.ndarray, bounds: np.ndarray, first: int, last: int, device: torch.device) -> Block:
    own = lengths[first:last]
    count, length = last - first, int(own.max())
    slots = mask = None
    if int(own.min()) != length:
        filled = np.arange(length) < own[:, None]
        slots = torch.from_numpy(np.flatnonzero(filled)).to(device)
        mask = torch.from_numpy(filled[:, None, None, :]).to(device)
    return Block(int(bounds[first]), int(bounds[last]), first, count, length, slots, mask)
