"""The encoder's forward pass over a pack, the last layer for first tokens only where that is enough.

All but attention works on the rows of the whole pack, without padding. What follows attention goes by blocks of rows,
which stay in a core's cache from one step to the next.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.activations import activate_in_place
from gristmill.zeroshot.engines.base import Pooling
from gristmill.zeroshot.engines.numpy.attention import attend, attend_first, attend_first_folded
from gristmill.zeroshot.engines.numpy.layout import Index, Layout
from gristmill.zeroshot.engines.numpy.network import Layer, Linear, Network, position_projections
from gristmill.zeroshot.engines.numpy.relative import Distances, distance_rows, find_distances
from gristmill.zeroshot.engines.numpy.tools import Tools
from gristmill.zeroshot.models.model import Floats, Quantised, Tensor

ROWS = 512
"""Rows of a block: with fewer, packing the weights anew for each block takes a share of a product's time."""


def encode(network: Network, layout: Layout, pooling: Pooling, tools: Tools) -> Floats:
    """One state a sequence: [sequences, width], an array of its own."""
    encoder = network.encoder
    x, projected = _begin(network, layout, tools)
    embedded = x.copy() if network.convolution else x
    rows = distance_rows(encoder.relative, int(layout.lengths.max())) if encoder.relative else None
    last = len(network.layers) - 1
    for number, layer in enumerate(network.layers):
        distances = _distances(network, number, rows, tools)
        # The convolution beside a sole layer needs all its tokens.
        if number == last and pooling == "first" and not (number == 0 and network.convolution):
            return _first_tokens(network, layer, x, layout, distances, tools)
        if projected is None:
            projected = _linear(x, layer.query_key_value, "projected", tools)
        mixed = tools.scratch.take("mixed", *x.shape)
        attend(projected, mixed, layout, encoder.heads, distances, tools)
        _finish_layer(network, layer, mixed, x, tools)
        projected = None
        if number == 0 and network.convolution:
            _convolve(network, embedded, x, layout, tools)
    if pooling == "first":
        return x[layout.starts]
    means: Floats = np.add.reduceat(x, layout.starts, axis=0)
    means /= layout.lengths[:, None].astype(np.float32)
    return means


def _begin(network: Network, layout: Layout, tools: Tools) -> tuple[Floats, Floats | None]:
    """The embeddings, and of rows that are there several times the first layer's projections, too."""
    x = tools.scratch.take("x", len(layout.ids), network.encoder.width)
    if tools.noise or layout.copies is None:
        x[...] = _embed(network, layout, np.arange(len(layout.ids)), tools)
        if tools.noise:
            tools.noise.hidden(x)
        return x, None
    distinct = _embed(network, layout, layout.distinct, tools)
    distinct.take(layout.copies, axis=0, out=x, mode="clip")
    if len(network.layers) == 1:
        return x, None
    joined = network.layers[0].query_key_value
    projected = tools.scratch.take("projected", len(x), len(joined.bias))
    _linear(distinct, joined, "distinct", tools).take(layout.copies, axis=0, out=projected, mode="clip")
    return x, projected


def _embed(network: Network, layout: Layout, rows: Index, tools: Tools) -> Floats:
    """The embeddings of some rows."""
    x = _read(network.words, layout.ids[rows])
    if network.places is not None:
        x += _read(network.places, layout.positions[rows] + network.encoder.position_offset)
    if network.types is not None:
        x += _read(network.types, layout.types[rows])
    if network.projection is not None:
        x = x @ network.projection
    network.norm(x)
    return x


def _read(table: Tensor, rows: Index) -> Floats:
    """Rows of a table of embeddings, as a new array."""
    if isinstance(table, Quantised):
        return Quantised(table.integers[rows], table.scales[rows], table.bits).dequantise()
    return table[rows]


def _linear(x: Floats, linear: Linear, name: str, tools: Tools) -> Floats:
    """``x @ weight + bias`` in the buffer ``name``."""
    out = tools.scratch.take(name, len(x), len(linear.bias))
    np.matmul(x, linear.weight, out=out)
    out += linear.bias
    return out


def _first_tokens(
    network: Network, layer: Layer, x: Floats, layout: Layout, distances: Distances | None, tools: Tools
) -> Floats:
    """The layer's states of first tokens: [sequences, width]."""
    joined, width, heads = layer.query_key_value, x.shape[1], network.encoder.heads
    own = x[layout.starts]
    query = _linear(own, Linear(joined.weight[:, :width], joined.bias[:width]), "query", tools)
    mixed = tools.scratch.take("mixed", *own.shape)
    if distances is None:
        attend_first_folded(query, x, joined, mixed, layout, heads, tools)
    else:
        others = Linear(joined.weight[:, width:], joined.bias[width:])
        key_value = _linear(x, others, "projected", tools)
        attend_first(query, key_value, mixed, layout, heads, distances, tools)
    _finish_layer(network, layer, mixed, own, tools)
    return own


def _finish_layer(network: Network, layer: Layer, mixed: Floats, x: Floats, tools: Tools) -> None:
    """What follows attention, from its mixtures and the layer's input ``x``, which becomes the layer's output."""
    # Dropout's streams go by whole sequences; blocks would cut them.
    blocks = 1 if tools.noise else -(-len(x) // ROWS)
    dropped = network.encoder.family != "distilbert"  # which was trained without dropout after attention
    for number in range(blocks):
        rows = slice(len(x) * number // blocks, len(x) * (number + 1) // blocks)
        states = x[rows]
        attended = tools.scratch.take("attended", *states.shape)
        _add(mixed[rows], layer.attention, states, attended, tools, dropped)
        layer.attention_norm(attended)
        inner = _linear(attended, layer.up, "inner", tools)
        activate_in_place(network.encoder.activation, inner)
        _add(inner, layer.down, attended, states, tools, True)
        layer.norm(states)


def _add(x: Floats, linear: Linear, residual: Floats, out: Floats, tools: Tools, dropped: bool) -> None:
    """``out = residual + dropout(x @ weight + bias)``"""
    np.matmul(x, linear.weight, out=out)
    out += linear.bias
    if tools.noise and dropped:
        tools.noise.hidden(out)
    out += residual


def _distances(
    network: Network, number: int, rows: NDArray[np.int64] | None, tools: Tools
) -> Distances | None:
    """The layer's relative positions, for all distances in the pack."""
    if rows is None or network.relative is None:
        return None
    tables = network.positions[number]
    if tools.noise:  # training drops from the relative embeddings too, anew in each layer
        dropped = tools.noise.shared(network.relative)
        tables = position_projections(network.layers[number], dropped, network.encoder.heads)
    return find_distances(tables, rows)


def _convolve(network: Network, embedded: Floats, x: Floats, layout: Layout, tools: Tools) -> None:
    """Add a convolution over each sequence's embeddings to the first layer's states ``x``, in place."""
    convolution, relative = network.convolution, network.encoder.relative
    assert convolution is not None and relative is not None
    kernel, groups, inputs, outputs = convolution.weight.shape
    margin = (kernel - 1) // 2
    # All sequences one after another with zeros between, so that a tap of the kernel is one product over them all.
    sequence = np.repeat(np.arange(len(layout.lengths)), layout.lengths)
    places = np.arange(len(x)) + (kernel - 1) * sequence + margin
    spaced = np.zeros((len(x) + (kernel - 1) * len(layout.lengths), x.shape[1]), np.float32)
    spaced[places] = embedded
    sums = np.tile(convolution.bias, (len(spaced) - (kernel - 1), 1))
    for tap in range(kernel):
        for group in range(groups):
            part = spaced[tap : tap + len(sums), group * inputs : (group + 1) * inputs]
            target = sums[:, group * outputs : (group + 1) * outputs]
            target += part @ convolution.weight[tap, group]
    mixed = sums[places - margin]
    if tools.noise:
        tools.noise.hidden(mixed)
    activate_in_place(relative.convolution_activation, mixed)
    x += mixed
    convolution.norm(x)
