"""How the rows of a task fall into languages and pages, and what each page is made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gristmill.release.order import page_starts
from gristmill.release.schema import value_bytes


@dataclass(frozen=True)
class Part:
    """The rows of one language, from ``start`` to before ``end``, and its pages, ``first`` to before ``last``."""

    slug: str
    start: int
    end: int
    first: int
    last: int


@dataclass(frozen=True)
class Cut:
    """The parts of a task's rows; of each page its first row, its rows, and a digest of what makes its bytes."""

    parts: list[Part]
    starts: np.ndarray
    rows: np.ndarray
    made_from: pa.Array


def cut_rows(rows: pa.Table, names: pa.Array, bits: Mapping[str, int], settings: bytes) -> Cut:
    """Cut rows that are sorted by slug and place.

    Args:
        rows: columns ``slug``, ``place`` and ``length_bytes``.
        names: the recipe of each row's text.
        bits: leading bits of the place that name a page, by slug.
        settings: what the bytes of a page depend on beside its texts.
    """
    count = rows.num_rows
    slugs, lengths = rows["slug"].to_numpy(), rows["length_bytes"].to_numpy()
    place = rows["place"].to_numpy()
    bounds = [0, *(np.flatnonzero(slugs[1:] != slugs[:-1]) + 1).tolist(), count] if count else [0]
    parts: list[Part] = []
    starts = [np.zeros(0, np.int64)]
    pages = 0
    for start, end in pairwise(bounds):
        firsts = start + page_starts(place[start:end], lengths[start:end], bits[slugs[start]])
        parts.append(Part(slugs[start], start, end, pages, pages + len(firsts)))
        starts.append(firsts)
        pages += len(firsts)
    firsts = np.concatenate(starts)
    return Cut(parts, firsts, np.diff(firsts, append=count), _digests(names, firsts, settings))


def _digests(names: pa.Array, firsts: np.ndarray, settings: bytes) -> pa.Array:
    """SHA-256 of the settings and of the names of each page's rows."""
    lines = pc.binary_join_element_wise(names, "", "\n")
    data = value_bytes(lines)
    ends = np.concatenate(([0], np.cumsum(pc.binary_length(lines).to_numpy(), dtype=np.int64)))
    hasher = hashlib.sha256(len(settings).to_bytes(8, "little") + settings)
    digests = []
    for start, end in pairwise([*ends[firsts].tolist(), len(data)]):
        own = hasher.copy()
        own.update(data[start:end])
        digests.append(own.digest())
    return pa.array(digests, pa.binary())
