"""A pack as the graph's inputs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.engines.openvino.relative import distance_rows
from gristmill.zeroshot.models.model import Encoder

STEP = 8
"""Lengths of attention are rounded up to multiples of this: a kernel is compiled for each new shape."""
NOWHERE = np.float32(-1e9)

Inputs = dict[str, NDArray[np.int32] | NDArray[np.float32]]


def feed(pack: Pack, encoder: Encoder) -> Inputs:
    """Every input that a graph may have.

    ``rows`` [sequences, longest] are the pack's rows by sequence and place (0 beyond a sequence's end), ``back``
    the places of the pack's rows in it, ``bias`` what is added to scores: a large negative number beyond the end.
    """
    lengths = pack.lengths.astype(np.int64)
    longest = -(-int(lengths.max()) // STEP) * STEP
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1]))
    there = np.arange(longest) < lengths[:, None]
    found: Inputs = {
        "ids": pack.ids,
        "types": pack.types,
        "positions": (np.arange(len(pack.ids)) - np.repeat(starts, lengths) + encoder.position_offset).astype(
            np.int32
        ),
        "rows": np.where(there, starts[:, None] + np.arange(longest), 0).astype(np.int32),
        "back": np.flatnonzero(there).astype(np.int32),
        "first": starts.astype(np.int32),
        "bias": np.where(there, np.float32(0), NOWHERE)[:, None, None],
        "mask": there[:, :, None].astype(np.float32),
        "share": (there / lengths[:, None])[:, :, None].astype(np.float32),
    }
    if encoder.relative is not None:
        found["distances"] = distance_rows(encoder.relative, longest)
        found["falling"] = np.arange(2 * longest - 2, -1, -1, dtype=np.int32)
        # From the first token to token j the distance is -j.
        found["first_distances"] = np.arange(longest - 1, -1, -1, dtype=np.int32)
    return found
