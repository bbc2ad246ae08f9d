"""Softmax attention over a pack, by groups of sequences of one length, in parts that stay in a core's cache."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gristmill.zeroshot.engines.numpy.layout import Group, Layout
from gristmill.zeroshot.engines.numpy.network import Linear
from gristmill.zeroshot.engines.numpy.normal import exponentials
from gristmill.zeroshot.engines.numpy.relative import Distances, add_relative, add_relative_first
from gristmill.zeroshot.engines.numpy.tools import Tools
from gristmill.zeroshot.models.model import Floats

SCORES = 1 << 18
"""Most attention scores at a time, but for one head of one sequence: 1 MB."""


def attend(
    projected: Floats, out: Floats, layout: Layout, heads: int, distances: Distances | None, tools: Tools
) -> None:
    """Attention of all tokens.

    Args:
        projected: [rows, 3 * width]: scaled queries, keys, values.
        out: [rows, width], written.
        distances: DeBERTa's relative positions.
    """
    for group in layout.groups:
        q, k, v = _by_head(projected[group.rows], group, 3, heads)
        target = _by_head(out[group.rows], group, 1, heads)[0]
        for part in _parts(group, heads):
            own = q[part], k[part], v[part], target[part]
            near = distances.near(group.length, part[1]) if distances else None
            _attend_part(*own, group.first + part[0].start, near, tools)


def attend_first(
    query: Floats,
    key_value: Floats,
    out: Floats,
    layout: Layout,
    heads: int,
    distances: Distances | None,
    tools: Tools,
) -> None:
    """Attention of each sequence's first token: query and out [sequences, width], key_value [rows, 2 * width]."""
    for group in layout.groups:
        sequences = slice(group.first, group.first + group.count)
        k, v = _by_head(key_value[group.rows], group, 2, heads)
        q, target = (x[sequences].reshape(group.count, heads, 1, -1) for x in (query, out))
        scores = tools.scratch.take("scores", group.count, heads, 1, group.length)
        np.matmul(q, k.swapaxes(2, 3), out=scores)
        if distances:
            near = distances.near(group.length, slice(None))
            add_relative_first(scores, q, k, near, tools.scratch)
        totals = exponentials(scores)
        if tools.noise:
            tools.noise.attention(scores, group.first)
        np.matmul(scores, v, out=target)
        target /= totals[..., None]


def attend_first_folded(
    query: Floats, x: Floats, joined: Linear, out: Floats, layout: Layout, heads: int, tools: Tools
) -> None:
    """The same without keys or values of the other tokens: far fewer operations, the same result.

    A score is ``q @ (x @ K).T``, which is ``(q @ K.T) @ x.T``, and a mixture of values is ``(weights @ x) @ V``: the
    weights of keys and values meet one row a sequence instead of one a token. The keys' bias adds the same to all
    scores of a query, which softmax does not see; the values' bias is added once.

    Args:
        query: [sequences, width], scaled.
        x: [rows, width], the layer's input.
        joined: The layer's queries, keys and values.
        out: [sequences, width], written.
    """
    sequences, width = query.shape
    size = width // heads
    weights = joined.weight.reshape(width, 3, heads, size).transpose(1, 2, 0, 3)  # [3, heads, width, size]
    asked = tools.scratch.take("asked", sequences, heads, width)
    heads_first = query.reshape(sequences, heads, size).swapaxes(0, 1)
    np.matmul(heads_first, weights[1].swapaxes(1, 2), out=asked.swapaxes(0, 1))
    seen = tools.scratch.take("seen", sequences, heads, width)
    shares = np.empty((sequences, heads), np.float32)
    for group in layout.groups:
        own = slice(group.first, group.first + group.count)
        rows = x[group.rows].reshape(group.count, group.length, width)
        scores = tools.scratch.take("scores", group.count, heads, group.length)
        np.matmul(asked[own], rows.swapaxes(1, 2), out=scores)
        scores /= exponentials(scores)[..., None]
        if tools.noise:
            tools.noise.attention(scores, group.first)
        shares[own] = scores.sum(axis=2)
        np.matmul(scores, rows, out=seen[own])
    target = out.reshape(sequences, heads, size)
    np.matmul(seen.swapaxes(0, 1), weights[2], out=target.swapaxes(0, 1))
    target += joined.bias[2 * width :].reshape(heads, size) * shares[:, :, None]


def _attend_part(
    q: Floats, k: Floats, v: Floats, out: Floats, first: int, near: Distances | None, tools: Tools
) -> None:
    """[count, heads, length, size] each, of the pack's sequences from number ``first`` on."""
    count, heads, length, _ = q.shape
    scores = tools.scratch.take("scores", count, heads, length, length)
    np.matmul(q, k.swapaxes(2, 3), out=scores)
    if near:
        add_relative(scores, q, k, near, tools.scratch)
    totals = exponentials(scores)
    if tools.noise:
        tools.noise.attention(scores, first)
    np.matmul(scores, v, out=out)
    # Dividing what was mixed instead of the weights: fewer numbers where texts are longer than a head is wide.
    out /= totals[..., None]


def _parts(group: Group, heads: int) -> Iterator[tuple[slice, slice]]:
    """Sequences and heads to attend together."""
    each = group.length * group.length
    if heads * each <= SCORES:
        step = SCORES // (heads * each)
        for start in range(0, group.count, step):
            yield slice(start, min(start + step, group.count)), slice(0, heads)
        return
    step = max(1, SCORES // each)
    for number in range(group.count):
        for start in range(0, heads, step):
            yield slice(number, number + 1), slice(start, min(start + step, heads))


def _by_head(rows: Floats, group: Group, parts: int, heads: int) -> Floats:
    """[rows, parts * width] -> [parts, count, heads, length, size], a view."""
    split = rows.reshape(group.count, group.length, parts, heads, -1)
    return split.transpose(2, 0, 3, 1, 4)
