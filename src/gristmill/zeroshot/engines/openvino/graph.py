"""The encoder as an OpenVINO graph over a pack's rows, built in memory from the model's tensors.

Linear layers see the rows of all sequences without padding. For attention they are gathered into a table of
[sequences, longest] by index inputs, and back: gathering costs little beside multiplying padding.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import openvino as ov
from openvino import opset13 as ops

from gristmill.zeroshot.engines.base import Pooling
from gristmill.zeroshot.engines.openvino.relative import Relative
from gristmill.zeroshot.models.model import Activation, Encoder, Floats, Model

Node = Any
Weight = Callable[[str], Node]
"""The weight of a linear layer by its name, [out, in], as a node of float32."""


def constant(values: Any) -> Node:
    """A constant; Python integers as int64."""
    array = np.asarray(values)
    return ops.constant(np.ascontiguousarray(array) if array.ndim else array)


def build_graph(model: Model, weight: Weight, pooling: Pooling) -> ov.Model:
    """The graph: inputs as ``feed.Feed`` names them, one output of [sequences, width] in float32."""
    return _Builder(model, weight, pooling).build()


@dataclass
class _Builder:
    model: Model
    weight: Weight
    pooling: Pooling

    def __post_init__(self) -> None:
        self.inputs: dict[str, Node] = {}

    @property
    def encoder(self) -> Encoder:
        return self.model.encoder

    def build(self) -> ov.Model:
        encoder = self.encoder
        relative = Relative(self) if encoder.relative is not None else None
        x = embedded = self.embed()
        for number in range(encoder.layers):
            convolved = number == 0 and encoder.relative is not None and encoder.relative.convolution > 0
            first = number == encoder.layers - 1 and self.pooling == "first" and not convolved
            x = self.layer(f"layers.{number}", x, first, relative)
            if convolved:
                x = self.convolve(embedded, x)
        if self.pooling == "mean":
            spread = ops.gather(x, self.input("rows", 2), constant(0))
            kept = ops.multiply(spread, self.input("share", 3, np.float32))
            x = ops.reduce_sum(kept, constant([1]), False)
        elif not first:
            x = ops.gather(x, self.input("first", 1), constant(0))
        return ov.Model([ops.result(x)], list(self.inputs.values()), "encoder")

    def input(self, name: str, rank: int, kind: Any = np.int32) -> Node:
        """The graph's input of that name, made when first asked for; all sizes are free."""
        if name not in self.inputs:
            node = ops.parameter(ov.PartialShape([-1] * rank), kind)
            node.set_friendly_name(name)
            node.output(0).get_tensor().set_names({name})
            self.inputs[name] = node
        return self.inputs[name]

    def floats(self, name: str) -> Floats:
        return self.model.floats(name)

    def embed(self) -> Node:
        x = self.rows_of("embeddings.word.weight", "ids")
        if self.encoder.absolute_positions:
            x = ops.add(x, self.rows_of("embeddings.position.weight", "positions"))
        if self.encoder.token_types:
            x = ops.add(x, self.rows_of("embeddings.type.weight", "types"))
        if self.encoder.embedding_width:
            x = ops.matmul(x, constant(self.floats("embeddings.projection.weight")), False, True)
        return self.norm(x, "embeddings.norm")

    def rows_of(self, table: str, name: str) -> Node:
        return ops.gather(constant(self.floats(table)), self.input(name, 1), constant(0))

    def linear(self, x: Node, name: str) -> Node:
        bias = constant(self.floats(f"{name}.bias")[None])
        return ops.add(ops.matmul(x, self.weight(name), False, True), bias)

    def norm(self, x: Node, name: str) -> Node:
        """Layer normalisation of rows."""
        y = ops.mvn(x, constant([-1]), True, float(self.encoder.epsilon), "inside_sqrt")
        y = ops.multiply(y, constant(self.floats(f"{name}.weight")[None]))
        return ops.add(y, constant(self.floats(f"{name}.bias")[None]))

    def layer(self, name: str, x: Node, first: bool, relative: Relative | None) -> Node:
        rows = ops.gather(x, self.input("first", 1), constant(0)) if first else x
        query, key, value = (
            self.linear(part, f"{name}.{what}") for part, what in ((rows, "query"), (x, "key"), (x, "value"))
        )
        query, key, value = self.by_head(query, first), self.by_head(key), self.by_head(value)
        mixed = self.attend(name, query, key, value, first, relative)
        y = self.norm(ops.add(self.linear(mixed, f"{name}.attention"), rows), f"{name}.attention_norm")
        up = activation(self.encoder.activation, self.linear(y, f"{name}.up"))
        return self.norm(ops.add(self.linear(up, f"{name}.down"), y), f"{name}.norm")

    def by_head(self, x: Node, first: bool = False) -> Node:
        """[rows, width] -> [sequences, heads, longest or 1, size]"""
        size = self.encoder.width // self.encoder.heads
        if first:
            split = ops.reshape(x, constant([-1, 1, self.encoder.heads, size]), False)
        else:
            spread = ops.gather(x, self.input("rows", 2), constant(0))
            split = ops.reshape(spread, constant([0, 0, self.encoder.heads, size]), True)
        return ops.transpose(split, constant([0, 2, 1, 3]))

    def attend(
        self, name: str, query: Node, key: Node, value: Node, first: bool, relative: Relative | None
    ) -> Node:
        """Softmax attention; returns rows, [rows or sequences, width]."""
        encoder = self.encoder
        terms = 1
        if encoder.relative is not None:
            terms += encoder.relative.content_to_position + encoder.relative.position_to_content
        scale = np.float32((encoder.width // encoder.heads * terms) ** -0.5)
        query = ops.multiply(query, constant(np.full((1, 1, 1, 1), scale)))
        scores = ops.matmul(query, key, False, True)
        if relative is not None:
            scores = relative.add(name, scores, query, key, first, scale)
        weights = ops.softmax(ops.add(scores, self.input("bias", 4, np.float32)), 3)
        mixed = ops.transpose(ops.matmul(weights, value, False, False), constant([0, 2, 1, 3]))
        flat = ops.reshape(mixed, constant([-1, encoder.width]), False)
        return flat if first else ops.gather(flat, self.input("back", 1), constant(0))

    def convolve(self, embedded: Node, x: Node) -> Node:
        """Add a convolution over each sequence's embeddings to the first layer's states."""
        form = self.encoder.relative
        assert form is not None
        stored = self.floats("convolution.weight")  # [out, in / groups, kernel]
        out, width, kernel = stored.shape
        groups = form.convolution_groups
        weight = constant(stored.reshape(groups, out // groups, width, kernel))
        spread = ops.gather(embedded, self.input("rows", 2), constant(0))
        kept = ops.multiply(spread, self.input("mask", 3, np.float32))
        before = (kernel - 1) // 2
        mixed = ops.group_convolution(
            ops.transpose(kept, constant([0, 2, 1])), weight, [1], [before], [kernel - 1 - before], [1]
        )
        flat = ops.reshape(ops.transpose(mixed, constant([0, 2, 1])), constant([-1, out]), False)
        rows = ops.gather(flat, self.input("back", 1), constant(0))
        rows = ops.add(rows, constant(self.floats("convolution.bias")[None]))
        rows = activation(form.convolution_activation, rows)
        return self.norm(ops.add(rows, x), "convolution.norm")


def activation(name: Activation, x: Node) -> Node:
    """The activation of that name."""
    return {
        "gelu": lambda: ops.gelu(x, "erf"),
        "gelu_tanh": lambda: ops.gelu(x, "tanh"),
        "relu": lambda: ops.relu(x),
        "tanh": lambda: ops.tanh(x),
        "silu": lambda: ops.multiply(x, ops.sigmoid(x)),
    }[name]()
