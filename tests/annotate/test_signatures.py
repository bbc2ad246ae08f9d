from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill import tables
from gristmill.annotate import shingles, signatures

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def reference_minima(hashes: list[int]) -> list[int]:
    multipliers = [(mix((k + 1) * GOLDEN & MASK) >> 32) | 1 for k in range(256)]
    return [min(((h & 0xFFFFFFFF) * a + (h >> 32)) & 0xFFFFFFFF for h in hashes) for a in multipliers]


def reference_bands(minima: list[int]) -> list[int]:
    keys = []
    for band in range(32):
        key = (band + 1) * GOLDEN & MASK
        for row in range(8 * band, 8 * band + 8, 2):
            key = mix(key ^ minima[row] ^ (minima[row + 1] << 32))
        keys.append(key)
    return keys


def batch_of(texts: list[bytes | None]) -> pa.RecordBatch:
    ids = [f"{i:040x}" for i in range(len(texts))]
    return pa.record_batch({"content_id": ids, "text": pa.array(texts, pa.binary())})


def numbered(start: int, stop: int) -> bytes:
    return b" ".join(b"word%d" % i for i in range(start, stop))


def synthetic_pairs(size: int, common: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Hashes and offsets of 2 * count sets of ``size``; sets 2i and 2i + 1 have ``common`` in common."""
    random = np.random.default_rng(20240229)
    values = random.integers(0, 1 << 64, (count, 2 * size - common), dtype=np.uint64)
    both = np.stack((values[:, :size], values[:, size - common :]), axis=1)
    return both.reshape(-1), np.arange(2 * count + 1, dtype=np.int64) * size


HASHES = st.lists(st.integers(0, MASK), min_size=1, max_size=12)


@settings(deadline=None, max_examples=50)
@given(st.lists(HASHES, min_size=1, max_size=5), st.integers(1, 8))
def test_minima_and_keys_are_those_of_the_slow_definition(sets: list[list[int]], block: int) -> None:
    flat = np.array([h for s in sets for h in s], dtype=np.uint64)
    offsets = np.cumsum([0] + [len(s) for s in sets])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signatures, "_BLOCK_SHINGLES", block)
        minima = signatures.minima(flat, offsets)
    expected = [reference_minima(s) for s in sets]
    assert minima.tolist() == expected
    assert signatures.band_keys(minima).tolist() == [reference_bands(m) for m in expected]


def test_annotate_gives_the_rows_of_the_slow_definition() -> None:
    texts = [
        numbered(0, 30),
        b"too short",
        None,
        numbered(100, 114),
        numbered(100, 113),
        b"",
        numbered(7, 99),
    ]
    table = signatures.annotate(batch_of(texts))
    table.validate(full=True)
    assert table.schema.equals(tables.SIGNATURES.schema)
    rows = table.to_pylist()
    assert [int(row["content_id"], 16) for row in rows] == [0, 3, 6]
    assert [row["shingles"] for row in rows] == [26, 10, 88]
    for row in rows:
        hashes, _ = shingles.shingle_hashes(pa.array([texts[int(row["content_id"], 16)]]))
        assert row["bands"] == reference_bands(reference_minima(hashes.tolist()))


def test_small_files_have_no_signature_and_so_never_collapse() -> None:
    # The published v2 script gives all texts of fewer than five words one and the same signature.
    texts = [b"import os sys", b"a b c", b"", b"()", None, numbered(0, 13), b"x y z " * 1000]
    assert signatures.annotate(batch_of(texts)).num_rows == 0


def test_indentation_is_no_content() -> None:
    # The published v2 script counts an empty word for each extra blank.
    flat = b"\n".join(b"return foo%d(a, b)" % i for i in range(20))
    deep = flat.replace(b"\n", b"\n" + b" " * 16)
    bands = signatures.annotate(batch_of([flat, deep])).column("bands").to_pylist()
    assert bands[0] == bands[1]


def test_a_batch_of_no_rows() -> None:
    table = signatures.annotate(batch_of([]))
    assert table.num_rows == 0
    assert table.schema.equals(tables.SIGNATURES.schema)


def test_rows_do_not_depend_on_their_batch() -> None:
    texts = [numbered(i, 3 * i + 20) for i in range(50)]
    together = signatures.annotate(batch_of(texts)).to_pylist()
    for i in (0, 17, 49):
        alone = signatures.annotate(batch_of([None] * i + [texts[i]])).to_pylist()
        assert alone == [together[i]]


def test_a_set_larger_than_a_block() -> None:
    hashes = np.random.default_rng(5).integers(0, 1 << 64, 100_000, dtype=np.uint64)
    offsets = np.array([0, 1, 99_990, 100_000])
    minima = signatures.minima(hashes, offsets)
    low, high = hashes.astype(np.uint32), (hashes >> np.uint64(32)).astype(np.uint32)
    for k in (0, 100, 255):
        multiplier = np.uint32((mix((k + 1) * GOLDEN & MASK) >> 32) | 1)
        values = low * multiplier + high
        expected = [values[a:b].min() for a, b in pairwise(offsets)]
        assert minima[:, k].tolist() == expected


@pytest.mark.parametrize("size", [10, 60, 400])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.8, 1.0])
def test_the_share_of_equal_minima_estimates_the_jaccard_index(size: int, share: float) -> None:
    count, common = 300, round(share * size)
    minima = signatures.minima(*synthetic_pairs(size, common, count))
    estimate = (minima[0::2] == minima[1::2]).mean(axis=1)
    exact = common / (2 * size - common)
    error = np.sqrt(exact * (1 - exact) / 256)
    assert abs(estimate.mean() - exact) <= 4 * error / np.sqrt(count)
    assert np.sqrt(np.mean((estimate - exact) ** 2)) <= 1.25 * error


@pytest.mark.parametrize("size", [18, 90, 900])
def test_bands_find_pairs_as_the_theory_says(size: int) -> None:
    # 8/9 of each set in common: J = 0.8, where 0.996 of the pairs are expected to share a band.
    keys = signatures.band_keys(signatures.minima(*synthetic_pairs(size, size * 8 // 9, 400)))
    assert (keys[0::2] == keys[1::2]).any(axis=1).mean() >= 0.95
    # A fifth in common: J = 1/9, where fewer than one in a million is expected to.
    keys = signatures.band_keys(signatures.minima(*synthetic_pairs(size, size // 5, 400)))
    assert not (keys[0::2] == keys[1::2]).any()


def test_equal_minima_in_other_bands_give_other_keys() -> None:
    keys = signatures.band_keys(np.full((1, 256), 7, dtype=np.uint32))
    assert len(set(keys[0].tolist())) == 32


def test_the_format_is_frozen() -> None:
    # A change here changes every stored signature: give SCHEME a new version with it.
    assert signatures.SCHEME == "minhash-256-u32-32x8/1+words-5-splitmix64/1"
    bands = signatures.annotate(batch_of([numbered(0, 20)])).column("bands")[0].as_py()
    assert (bands[0], bands[31]) == (9345138614982171638, 16360640518281403502)


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="empty"):
        signatures.minima(np.array([1, 2], dtype=np.uint64), np.array([0, 1, 1, 2]))
