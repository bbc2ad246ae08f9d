"""Attention over a pack: one variable-length kernel on CUDA where it fits, else block by block."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module

import torch
import torch.nn.functional as F  # noqa: N812

from gristmill.zeroshot.engines.torch.blocks import Block, Layout, collect, spread
from gristmill.zeroshot.engines.torch.relative import relative_bias

Variable = Callable[..., torch.Tensor]
Distances = tuple[torch.Tensor | None, torch.Tensor | None]
"""Scaled keys and queries of relative positions, as ``relative.relative_bias`` takes them."""
Drop = Callable[[torch.Tensor], torch.Tensor]


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    layout: Layout,
    heads: int,
    scale: float,
    *,
    first: bool = False,
    distances: Distances | None = None,
    drop: Drop | None = None,
) -> torch.Tensor:
    """Softmax attention of each sequence over itself.

    Args:
        query: [rows, width], or with ``first`` [sequences, width]: of first tokens only.
        key: [rows, width]
        value: [rows, width]
        scale: What products of queries and keys are multiplied by.
        distances: DeBERTa's relative positions.
        drop: Dropout on the attention weights.

    Returns: As ``query``.
    """
    size = query.shape[-1] // heads
    variable = None if distances or drop else variable_length(query.device, query.dtype, size)
    if variable:
        parts = (part.reshape(part.shape[0], heads, size) for part in (query, key, value))
        bounds, longest = _query_bounds(layout, first)
        # Its scale is 1 / sqrt(size), which is ours where there are no relative positions.
        mixed = variable(*parts, bounds, layout.bounds, longest, layout.longest)
        return mixed.reshape(query.shape)
    outputs = [
        _attend_block(query, key, value, block, heads, scale, first, distances, drop)
        for block in layout.blocks
    ]
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


@cache
def variable_length(device: torch.device, dtype: torch.dtype, size: int) -> Variable | None:
    """Flash attention over sequences of any lengths (Dao, arXiv 2307.08691), where device, type and head allow it."""
    if device.type != "cuda" or dtype not in (torch.float16, torch.bfloat16) or size % 8 or size > 256:
        return None
    if torch.cuda.get_device_capability(device) < (8, 0) or torch.version.hip:
        return None
    try:
        found: Variable = import_module("torch.nn.attention.varlen").varlen_attn
    except (ImportError, AttributeError):
        return None
    return found


def _query_bounds(layout: Layout, first: bool) -> tuple[torch.Tensor, int]:
    if not first:
        return layout.bounds, layout.longest
    return torch.arange(len(layout.bounds), dtype=torch.int32, device=layout.bounds.device), 1


def _attend_block(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    block: Block,
    heads: int,
    scale: float,
    first: bool,
    distances: Distances | None,
    drop: Drop | None,
) -> torch.Tensor:
    sequences = slice(block.first, block.first + block.count)
    own = query[sequences].unsqueeze(1) if first else spread(query, block)
    q, k, v = (_by_head(x, heads) for x in (own, spread(key, block), spread(value, block)))
    bias = _bias(q, k, block, distances)
    if drop:
        scores = q @ k.transpose(2, 3) * scale
        weights = torch.softmax(scores if bias is None else scores + bias, dim=-1)
        mixed = drop(weights) @ v
    else:
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=scale)
    rows = mixed.transpose(1, 2).reshape(block.count, own.shape[1], query.shape[-1])
    return rows.squeeze(1) if first else collect(rows, block)


def _bias(q: torch.Tensor, k: torch.Tensor, block: Block, distances: Distances | None) -> torch.Tensor | None:
    """What is added to the scores: relative positions, and minus infinity for padding."""
    bias = None
    if distances:
        bias = relative_bias(q, k, *distances)
    if block.mask is not None:
        empty = bias if bias is not None else q.new_zeros(block.mask.shape)
        bias = empty.masked_fill(~block.mask, float("-inf"))
    return bias


def _by_head(x: torch.Tensor, heads: int) -> torch.Tensor:
    """[count, length, width] -> [count, heads, length, size]"""
    return x.view(x.shape[0], x.shape[1], heads, -1).transpose(1, 2)
