"""The encoder's forward pass over a packed layout, the last layer for first tokens only where that is enough."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812

from gristmill.zeroshot.engines.base import Dropout, Pooling
from gristmill.zeroshot.engines.torch.attention import Distances, attend
from gristmill.zeroshot.engines.torch.blocks import Layout, collect, spread
from gristmill.zeroshot.engines.torch.network import Layer, Network, position_projections
from gristmill.zeroshot.engines.torch.relative import distance_rows


@dataclass(frozen=True)
class Noise:
    """Dropout's random zeros, from one generator, so that a seed gives the same ones again."""

    generator: torch.Generator
    hidden_rate: float
    attention_rate: float

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        """Zero a share of ``hidden_rate`` of the elements and scale the rest up."""
        return self._drop(x, self.hidden_rate)

    def attention(self, weights: torch.Tensor) -> torch.Tensor:
        """The same for attention weights."""
        return self._drop(weights, self.attention_rate)

    def _drop(self, x: torch.Tensor, rate: float) -> torch.Tensor:
        if not rate:
            return x
        kept = torch.empty_like(x).bernoulli_(1.0 - rate, generator=self.generator)
        return x * kept / (1.0 - rate)


def make_noise(dropout: Dropout, device: torch.device) -> Noise:
    """The seeded stream of one call."""
    generator = torch.Generator(device=device).manual_seed(dropout.seed % (1 << 63))
    return Noise(generator, dropout.hidden, dropout.attention)


def encode(network: Network, layout: Layout, pooling: Pooling, noise: Noise | None = None) -> torch.Tensor:
    """One state a sequence: [sequences, width] in the network's type (``mean``: float32)."""
    x = embeddings = _embed(network, layout, noise)
    rows = _distance_rows(network, layout)
    last = len(network.layers) - 1
    for number, layer in enumerate(network.layers):
        # The convolution beside a sole layer needs all its tokens.
        first = number == last and pooling == "first" and not (number == 0 and network.convolution)
        distances = _distances(network, number, rows, noise)
        x = _layer(network, layer, x, layout, first, distances, noise)
        if number == 0 and network.convolution:
            x = _convolve(network, embeddings, x, layout, noise)
    if pooling == "first":
        return x if len(x) == len(layout.starts) else x[layout.starts]
    return torch.segment_reduce(x.float(), "mean", lengths=layout.lengths, axis=0)


def _embed(network: Network, layout: Layout, noise: Noise | None) -> torch.Tensor:
    x = network.words(layout.ids)
    if network.places:
        x = x + network.places(layout.positions + network.encoder.position_offset)
    if network.types:
        x = x + network.types(layout.types)
    if network.projection:
        x = network.projection(x)
    return _drop(network.norm(x), noise)


def _layer(
    network: Network,
    layer: Layer,
    x: torch.Tensor,
    layout: Layout,
    first: bool,
    distances: Distances | None,
    noise: Noise | None,
) -> torch.Tensor:
    rows = x[layout.starts] if first else x
    key, value = layer.key_value(x).chunk(2, dim=-1)
    mixed = attend(
        layer.query(rows),
        key,
        value,
        layout,
        network.encoder.heads,
        network.scale,
        first=first,
        distances=distances,
        drop=noise.attention if noise else None,
    )
    attended = layer.attention(mixed)
    if network.encoder.family != "distilbert":  # which was trained without dropout here
        attended = _drop(attended, noise)
    attended = layer.attention_norm(attended + rows)
    widened = layer.down(network.activation(layer.up(attended)))
    return layer.norm(_drop(widened, noise) + attended)


def _convolve(
    network: Network, embeddings: torch.Tensor, x: torch.Tensor, layout: Layout, noise: Noise | None
) -> torch.Tensor:
    """Add a convolution over each sequence's embeddings to the first layer's states."""
    convolution = network.convolution
    assert convolution is not None
    pieces = []
    for block in layout.blocks:
        spaced = spread(embeddings, block).transpose(1, 2)
        padding = (convolution.weight.shape[2] - 1) // 2
        mixed = F.conv1d(
            spaced, convolution.weight, convolution.bias, padding=padding, groups=convolution.groups
        )
        pieces.append(collect(mixed.transpose(1, 2), block))
    mixed = pieces[0] if len(pieces) == 1 else torch.cat(pieces)
    return convolution.norm(x + convolution.activation(_drop(mixed, noise)))


def _distance_rows(network: Network, layout: Layout) -> torch.Tensor | None:
    relative = network.encoder.relative
    return distance_rows(relative, layout.longest).to(network.place.device) if relative else None


def _distances(
    network: Network, number: int, rows: torch.Tensor | None, noise: Noise | None
) -> Distances | None:
    """The layer's relative keys and queries of all distances in the pack."""
    if rows is None or network.relative is None:
        return None
    positions = network.positions[number]
    if noise:  # training drops from the relative embeddings too, anew in each layer
        dropped = noise.hidden(network.relative)
        heads = network.encoder.heads
        positions = position_projections(network.layers[number], dropped, heads, network.scale)
    keys, queries = positions
    return (None if keys is None else keys[:, rows], None if queries is None else queries[:, rows])


def _drop(x: torch.Tensor, noise: Noise | None) -> torch.Tensor:
    return noise.hidden(x) if noise else x
