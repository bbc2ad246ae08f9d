"""The gate: where in a batch of texts must which rule look? One vectorised pass for any number of rules.

Each byte is folded to one of 64 classes (letters without case), so three neighbouring bytes make an index
of 18 bits into a table that names the rules to try there. The table is exact for anchors of three bytes.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from gristmill.annotate.findings.rule import Bytes, Positions, Rule

_FOLDED = b"abcdefghijklmnopqrstuvwxyz0123456789_-.:/=@\"' +\\>\t\n(),[]|~%#$"
_BITS = 6
# Bytes folded at a time: the intermediate arrays stay in the second-level cache.
_BLOCK = 1 << 14


def _fold_table() -> npt.NDArray[np.int64]:
    table = np.zeros(256, dtype=np.int64)  # class 0: all bytes that no anchor may hold
    for number, byte in enumerate(_FOLDED, start=1):
        table[byte] = number
        table[ord(chr(byte).upper())] = number
    return table


_FOLD = _fold_table()


@dataclass(frozen=True)
class Gate:
    """A compiled gate: ``table`` maps three folded bytes to a set of rules, ``sets[n]`` lists its rules."""

    rules: tuple[Rule, ...]
    table: npt.NDArray[np.uint16]
    sets: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Texts:
    """The texts of a column: row ``i`` is ``data[bounds[i]:bounds[i + 1]]``; a null row is empty."""

    data: Bytes
    bounds: Positions

    def row(self, index: int) -> bytes:
        """The bytes of a row."""
        return self.data[self.bounds[index] : self.bounds[index + 1]].tobytes()


def texts_of(column: pa.Array) -> Texts:
    """The texts of a binary or string column (or the large variant of either), without copying their bytes.

    Raises:
        TypeError: the column has another type.
    """
    types = pa.types
    if not any(
        fits(column.type)
        for fits in (types.is_binary, types.is_string, types.is_large_binary, types.is_large_string)
    ):
        raise TypeError(f"column text has type {column.type}: cast it to binary or large_binary")
    column = column.cast(pa.large_binary())
    if column.null_count:
        column = column.fill_null(pa.scalar(b"", pa.large_binary()))
    if len(column) == 0:
        return Texts(np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64))
    _, offsets, body = column.buffers()
    bounds = np.frombuffer(offsets, dtype=np.int64, count=len(column) + 1, offset=column.offset * 8)
    data = np.empty(0, dtype=np.uint8) if body is None else np.frombuffer(body, dtype=np.uint8)
    return Texts(data, bounds)


def compile_gate(rules: Sequence[Rule]) -> Gate:
    """The gate for a list of rules; their order is the order in which they are tried at one position.

    Raises:
        ValueError: an anchor holds a byte that the gate does not tell from others.
    """
    wanted: dict[int, set[int]] = {}
    for number, rule in enumerate(rules):
        for anchor in rule.anchors:
            for three in itertools.product(*anchor):
                folded = [int(_FOLD[byte]) for byte in three]
                if 0 in folded:
                    raise ValueError(
                        f"anchor {bytes(three)!r} of rule {number}: bytes must be in {_FOLDED!r}"
                    )
                index = (folded[0] << 2 * _BITS) | (folded[1] << _BITS) | folded[2]
                wanted.setdefault(index, set()).add(number)
    sets: dict[tuple[int, ...], int] = {(): 0}
    table = np.zeros(1 << 3 * _BITS, dtype=np.uint16)
    for index in sorted(wanted):
        table[index] = sets.setdefault(tuple(sorted(wanted[index])), len(sets))
    return Gate(tuple(rules), table, tuple(sets))


def candidates(gate: Gate, texts: Texts) -> Iterator[tuple[int, int, int]]:
    """Where rules must look.

    Yields:
        ``(row, position of the anchor in the row, number of the rule)``, in ascending order of row, then
        position, then rule.
    """
    positions, sets = _anchors(gate, texts)
    rows = np.searchsorted(texts.bounds, positions, side="right") - 1
    # An anchor lies within one text, not across the seam of two.
    inside = positions + 2 < texts.bounds[rows + 1]
    positions, sets, rows = positions[inside], sets[inside], rows[inside]
    parts: list[tuple[Positions, Positions, int]] = []
    for number, chosen in _by_rule(gate, sets):
        where, row = positions[chosen], rows[chosen]
        thin = gate.rules[number].thin
        if thin is not None:
            keep = thin(texts.data, where, row)
            where, row = where[keep], row[keep]
        parts.append((where, row, number))
    if not parts:
        return
    where = np.concatenate([p[0] for p in parts])
    row = np.concatenate([p[1] for p in parts])
    rule = np.repeat([p[2] for p in parts], [len(p[0]) for p in parts])
    order = np.lexsort((rule, where))
    where, row, rule = where[order], row[order], rule[order]
    yield from zip(row.tolist(), (where - texts.bounds[row]).tolist(), rule.tolist(), strict=True)


def _by_rule(gate: Gate, sets: npt.NDArray[np.uint16]) -> Iterator[tuple[int, Positions]]:
    """Each rule with an anchor, in order, and the indices of its anchors, ascending."""
    order = np.argsort(sets, kind="stable")
    present, starts = np.unique(sets[order], return_index=True)
    parts: dict[int, list[Positions]] = {}
    for members, group in zip(
        present.tolist(), np.split(order, starts[1:]) if len(present) else [], strict=True
    ):
        for number in gate.sets[members]:
            parts.setdefault(number, []).append(group)
    for number, groups in sorted(parts.items()):
        yield number, groups[0] if len(groups) == 1 else np.sort(np.concatenate(groups))


def _anchors(gate: Gate, texts: Texts) -> tuple[Positions, npt.NDArray[np.uint16]]:
    """The positions in ``texts.data`` where an anchor starts, and the set of rules of each."""
    positions: list[Positions] = [np.empty(0, dtype=np.int64)]
    sets: list[npt.NDArray[np.uint16]] = [np.empty(0, dtype=np.uint16)]
    first, last = int(texts.bounds[0]), int(texts.bounds[-1])
    for begin in range(first, last - 2, _BLOCK):
        folded = _FOLD[texts.data[begin : min(begin + _BLOCK + 2, last)]]
        index = folded[:-2] << _BITS
        index |= folded[1:-1]
        index <<= _BITS
        index |= folded[2:]
        found = gate.table.take(index)
        hits = np.flatnonzero(found)
        if len(hits):
            positions.append(hits + begin)
            sets.append(found[hits])
    return np.concatenate(positions), np.concatenate(sets)
