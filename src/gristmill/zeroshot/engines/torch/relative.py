"""DeBERTa's disentangled attention (He et al., arXiv 2006.03654 and 2111.09543) as a bias on attention scores.

Scores between a token and a relative position depend on the distance alone, so they are computed as one product
with the embeddings of all distances of a block, from -(L-1) to L-1. Reading that [L, 2L-1] product with a row
stride one shorter than its width shifts each row by one column, which turns distances into positions: no gather.
"""

from __future__ import annotations

import torch

from gristmill.zeroshot.models.model import RelativeAttention


def distance_rows(relative: RelativeAttention, longest: int) -> torch.Tensor:
    """Row of the relative table for the distances -(longest - 1) to longest - 1: [2 * longest - 1] of int64."""
    distances = torch.arange(-(longest - 1), longest)
    span = relative.buckets if relative.buckets > 0 else relative.distance
    return (_buckets(distances, relative) + span).clamp(0, 2 * span - 1)


def scores_parts(relative: RelativeAttention) -> int:
    """How many terms a score has; it is divided by the root of this times the head's width."""
    return 1 + relative.content_to_position + relative.position_to_content


def relative_bias(
    query: torch.Tensor, key: torch.Tensor, keys: torch.Tensor | None, queries: torch.Tensor | None
) -> torch.Tensor | None:
    """What relative positions add to the scores of a block.

    Args:
        query: [count, heads, length, size], or [count, heads, 1, size]: the first token's only.
        key: [count, heads, length, size]
        keys: Scaled keys of the distances -(L-1) to L-1, L at least the length: [heads, 2L-1, size];
            None: no content-to-position term.
        queries: The same for the position-to-content term.

    Returns: [count, heads, 1 or length, length]; None if there are no terms.
    """
    length = key.shape[2]
    terms = []
    if query.shape[2] == 1:
        # Distances from the first token: 0, -1, ... -(length - 1).
        if keys is not None:
            terms.append(query @ _near(keys, length)[:, :length].flip(1).transpose(1, 2))
        if queries is not None:
            terms.append((key * _near(queries, length)[:, :length].flip(1)).sum(-1).unsqueeze(2))
    else:
        if keys is not None:
            terms.append(_shift(query @ _near(keys, length).flip(1).transpose(1, 2)))
        if queries is not None:
            terms.append(_shift(key @ _near(queries, length).transpose(1, 2)).transpose(2, 3))
    return sum(terms[1:], terms[0]).contiguous() if terms else None


def _buckets(distances: torch.Tensor, relative: RelativeAttention) -> torch.Tensor:
    """Near distances as they are, far ones in log-spaced buckets; float32, so that ties round as in training."""
    if relative.buckets <= 0:
        return distances
    middle = relative.buckets // 2
    far = distances.abs().clamp(min=middle).to(torch.float32)
    span = torch.log(torch.tensor((relative.distance - 1) / middle, dtype=torch.float32))
    logarithmic = (torch.ceil(torch.log(far / middle) / span * (middle - 1)) + middle).to(torch.int64)
    return torch.where(distances.abs() <= middle, distances, logarithmic * distances.sign())


def _near(table: torch.Tensor, length: int) -> torch.Tensor:
    """The rows of the distances -(length - 1) to length - 1."""
    middle = table.shape[1] // 2
    return table[:, middle - length + 1 : middle + length]


def _shift(products: torch.Tensor) -> torch.Tensor:
    """[..., L, 2L-1] by row and shifted column -> [..., L, L]: element (i, j) is (i, j - i + L - 1)."""
    count, heads, length, columns = products.shape
    products = products.contiguous()
    strides = (heads * length * columns, length * columns, columns - 1, 1)
    return products.as_strided(
        (count, heads, length, length), strides, products.storage_offset() + length - 1
    )
