"""The index of licence texts and rules: arrays in one file, read by memory map.

The file has the layout of safetensors: the length of a header as eight bytes, the header as JSON, the arrays.
``scripts/build_licence_index.py`` makes it; NOTICE says from whose data.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gristmill.annotate.licences import tokens
from gristmill.errors import LicenceIndexError

NAME = "data/licences.safetensors"
# Rules are found by the hash of their first words: by four, or by all of them if they have fewer.
KEY_WORDS = 4
SHINGLE_WORDS = 6
# One of so many shingles is kept: they only name candidates, which are then compared word by word.
SAMPLING = 4

FILTER_MASK = np.uint64((1 << 20) - 1)

KINDS = ("text", "notice", "reference", "tag", "intro", "clue", "false-positive", "pointer")
TEXT, NOTICE, REFERENCE, TAG, INTRO, CLUE, FALSE_POSITIVE, POINTER = range(len(KINDS))

_TYPES = {"U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1"}


class Index(NamedTuple):
    """Rules in the order of their keys, and the texts among them that are also found when they are edited.

    ``key_bounds``: keys of one, two, three and four words stand from ``key_bounds[k - 1]`` to ``key_bounds[k]``.
    ``key_rules``: the rules of key ``i`` are ``key_rules[i]`` to ``key_rules[i + 1]``.
    ``key_filters``: for keys of one to four words, whether any ends in these bits.
    ``text_words``: the words of text ``i``, 16 bits of each, from ``text_bounds[i]`` to ``text_bounds[i + 1]``.
    ``runs``: of texts that were compared, kept by ``similar``.
    ``shingle_texts``: the texts that hold shingle ``i``, from ``shingle_bounds[i]`` to ``shingle_bounds[i + 1]``.
    """

    keys: npt.NDArray[np.uint64]
    key_bounds: npt.NDArray[np.uint32]
    key_rules: npt.NDArray[np.uint32]
    rule_hash: npt.NDArray[np.uint64]
    rule_words: npt.NDArray[np.uint32]
    rule_kind: npt.NDArray[np.uint8]
    rule_relevance: npt.NDArray[np.uint8]
    rule_expression: npt.NDArray[np.uint16]
    rule_names: npt.NDArray[np.uint8]
    rule_name_bounds: npt.NDArray[np.uint32]
    text_rule: npt.NDArray[np.uint32]
    text_words: npt.NDArray[np.uint16]
    text_bounds: npt.NDArray[np.uint32]
    shingles: npt.NDArray[np.uint32]
    shingle_bounds: npt.NDArray[np.uint32]
    shingle_texts: npt.NDArray[np.uint16]
    key_filters: tuple[npt.NDArray[np.bool_], ...]
    expressions: tuple[str, ...]
    sources: dict[str, str]
    runs: dict[int, npt.NDArray[np.uint64]]

    def name(self, rule: int) -> str:
        """The name of a rule in its source, for example ``scancode/mit_1`` or ``spdx/MIT``."""
        start, end = self.rule_name_bounds[rule : rule + 2].tolist()
        return self.rule_names[start:end].tobytes().decode()


def load(path: Path) -> Index:
    """Maps an index file.

    Raises:
        LicenceIndexError: it is not an index that this version can read.
    """
    try:
        with path.open("rb") as file:
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = int.from_bytes(data[:8], "little")
        if not 0 < size < min(len(data), 1 << 24):
            raise ValueError("no header")
        header: dict[str, Any] = json.loads(data[8 : 8 + size])
        about = header.pop("__metadata__")
        if about["version"] != version():
            raise ValueError(f"it is of version {about['version']}, not {version()}")
        arrays = {
            name: np.frombuffer(
                data, _TYPES[one["dtype"]], one["shape"][0], 8 + size + one["data_offsets"][0]
            )
            for name, one in header.items()
        }
        return Index(
            **arrays,
            key_filters=tuple(_filters(arrays["keys"], arrays["key_bounds"])),
            expressions=tuple(json.loads(about["expressions"])),
            sources=json.loads(about["sources"]),
            runs={},
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LicenceIndexError(
            f"{path}: the licence index cannot be read ({error}); reinstall gristmill or run scripts/build_licence_index.py"
        ) from error


def _filters(keys: npt.NDArray[np.uint64], bounds: npt.NDArray[np.uint32]) -> Iterator[npt.NDArray[np.bool_]]:
    for low, high in pairwise(bounds.tolist()):
        seen = np.zeros(int(FILTER_MASK) + 1, np.bool_)
        seen[keys[low:high] & FILTER_MASK] = True
        yield seen


@lru_cache(maxsize=1)
def builtin() -> Index:
    """The index that the package ships; mapped once a process."""
    return load(Path(str(resources.files("gristmill.annotate.licences").joinpath(NAME))))


def version() -> str:
    """Of the layout and of what the hashes in it are made from."""
    return f"1.{tokens.VERSION}.{KEY_WORDS}.{SHINGLE_WORDS}.{SAMPLING}"
