from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gristmill.annotate import shingles

MASK = (1 << 64) - 1
TYPES = [pa.binary(), pa.large_binary()]


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def words_of(text: bytes) -> list[bytes]:
    return re.findall(rb"[0-9A-Za-z_\x80-\xff]+", text.lower())


def word_hash(word: bytes) -> int:
    pieces = [int.from_bytes(word[i : i + 8], "little") for i in range(0, len(word), 8)]
    return sum(mix((p + (k + 1) * 0x9E3779B97F4A7C15) & MASK) for k, p in enumerate(pieces)) & MASK


def reference(text: bytes | None, words: int = 5) -> list[int]:
    hashes = [word_hash(word) for word in words_of(text or b"")]
    found = set()
    for i in range(len(hashes) - words + 1):
        x = 0
        for h in hashes[i : i + words]:
            x = (x * 0xD1342543DE82EF95 + h) & MASK
        found.add(mix(x))
    return sorted(found)


def rows_of(text: Sequence[bytes | None], words: int = 5, kind: pa.DataType = TYPES[0]) -> list[list[int]]:
    hashes, offsets = shingles.shingle_hashes(pa.array(text, kind), words)
    assert hashes.dtype == np.uint64
    assert offsets.dtype == np.int64
    assert offsets[0] == 0
    assert offsets[-1] == len(hashes)
    return [hashes[a:b].tolist() for a, b in pairwise(offsets)]


# Few distinct words, of all lengths around the 8-byte pieces, so that shingles repeat.
WORDS = st.sampled_from(
    [b"a", b"B", b"if", b"return", b"exactly8", b"nine_char", b"Z" * 16, b"y" * 25, "é漢😀".encode()]
)
GAPS = st.sampled_from([b" ", b"\n", b".", b"(", b"\0", b"", b"  -> "])
CODE = st.lists(st.tuples(WORDS, GAPS), max_size=40).map(lambda parts: b"".join(w + g for w, g in parts))
TEXTS = st.lists(st.one_of(st.none(), CODE, st.binary(max_size=60)), max_size=6)


@settings(deadline=None)
@given(TEXTS, st.integers(1, 6), st.sampled_from(TYPES))
@example([b"a b c", b"d e f"], 5, TYPES[0])
@example([b"abc", b"def"], 1, TYPES[0])
@example([b"", None, b"a b c d e", b""], 5, TYPES[0])
def test_rows_are_the_sets_of_the_slow_definition(
    text: list[bytes | None], words: int, kind: pa.DataType
) -> None:
    assert rows_of(text, words, kind) == [reference(t, words) for t in text]


@settings(deadline=None)
@given(TEXTS, st.data())
def test_a_slice_is_read_from_its_own_rows(text: list[bytes | None], data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, len(text)))
    hashes, offsets = shingles.shingle_hashes(pa.array(text, pa.binary())[start:stop])
    rows = [hashes[a:b].tolist() for a, b in pairwise(offsets)]
    assert rows == [reference(t) for t in text[start:stop]]


@settings(deadline=None)
@given(TEXTS, st.integers(1, 30), st.integers(1, 4))
def test_block_sizes_do_not_matter(text: list[bytes | None], size: int, words: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shingles, "_BLOCK_BYTES", size)
        patch.setattr(shingles, "_BLOCK_WORDS", words)
        blocks = list(shingles.shingle_blocks(pa.array(text, pa.binary())))
        rows = rows_of(text)
    assert rows == [reference(t) for t in text]
    assert [start for start, _, _ in blocks] == np.cumsum([0] + [len(o) - 1 for _, _, o in blocks])[
        :-1
    ].tolist()
    assert sum(len(offsets) - 1 for _, _, offsets in blocks) == len(text)


def test_a_large_text_is_a_block_of_its_own() -> None:
    large = b"alpha beta gamma\n" * 70_000
    blocks = list(shingles.shingle_blocks(pa.array([b"a b c d e", large, b"v w x y z"])))
    assert [start for start, _, _ in blocks] == [0, 1, 2]
    assert [len(hashes) for _, hashes, _ in blocks] == [1, 3, 1]


def test_strings_read_as_their_utf8_bytes() -> None:
    text = ["naïve café über straße 漢字 x", None, "", "one two three four five"]
    data = [t if t is None else t.encode() for t in text]
    for kind in (pa.string(), pa.large_string()):
        hashes, offsets = shingles.shingle_hashes(pa.array(text, kind))
        assert hashes.tolist() == [h for t in data for h in reference(t)]
        assert offsets.tolist() == [0, 2, 2, 2, 3]


def test_bytes_behind_a_null_are_not_read() -> None:
    # Arrow lets a null slot span bytes; here rows 0 and 2 are null and span five words each.
    body = b"a b c d e f g h i j k l m n o "
    buffers = [
        pa.py_buffer(bytes([0b010])),
        pa.py_buffer(np.array([0, 10, 20, 30], "<i4")),
        pa.py_buffer(body),
    ]
    text = pa.Array.from_buffers(pa.binary(), 3, buffers)
    hashes, offsets = shingles.shingle_hashes(text)
    assert hashes.tolist() == reference(b"f g h i j")
    assert offsets.tolist() == [0, 0, 1, 1]


def test_case_and_layout_do_not_matter_but_order_does() -> None:
    base, folded, swapped = rows_of([b"def f(a, b): pass", b"DEF  F (a,\n\tb) {pass}", b"def f(b, a): pass"])
    assert base == folded
    assert base != swapped


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"x" * 4_000_000, id="one word"),
        pytest.param(b"(" * 10_000_000, id="no word"),
        pytest.param("漢字😀".encode() * 300_000, id="cjk without spaces"),
    ],
)
def test_megabytes_without_shingles(text: bytes) -> None:
    hashes, offsets = shingles.shingle_hashes(pa.array([text]), words=1)
    assert hashes.tolist() == reference(text, words=1)
    assert offsets.tolist() == [0, len(words_of(text)) and 1]
    assert rows_of([text]) == [[]]


def test_ten_megabytes_of_minified_code_on_one_line() -> None:
    text = b"".join(b"identifier_%06d=function_a(argument_%06d,x);" % (i, i) for i in range(220_000))
    hashes, offsets = shingles.shingle_hashes(pa.array([text]))
    # 4 words a statement, 2 of them its own: every window but the last 4 is a shingle of its own.
    assert offsets.tolist() == [0, 4 * 220_000 - 4]
    assert np.all(hashes[1:] > hashes[:-1])
    assert np.isin(np.array(reference(text[:5_000].rpartition(b";")[0]), np.uint64), hashes).all()


def test_mix64_is_the_finaliser_of_splitmix64() -> None:
    # First outputs of the published generator for seed 0.
    state = np.array([1, 2, 3], np.uint64) * np.uint64(shingles.GOLDEN)
    assert shingles.mix64(state).tolist() == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_the_format_is_frozen() -> None:
    # A change here changes every stored signature: give SCHEME a new version with it.
    assert shingles.SCHEME == "words-5-splitmix64/1"
    assert rows_of([b"The quick brown fox jumps_over_13 lazy dogs"]) == [
        [9868989382610143068, 10424238576795225446, 14080634173585665605]
    ]


def test_refusals_name_the_value() -> None:
    with pytest.raises(TypeError, match="int64"):
        shingles.shingle_hashes(pa.array([1, 2]))
    with pytest.raises(ValueError, match="words is 0"):
        shingles.shingle_hashes(pa.array([b"a"]), words=0)
