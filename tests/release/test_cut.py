"""How rows fall into pages, and that the name of a page says everything its bytes depend on."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from gristmill.release.cut import Cut, cut_rows

ROW = st.tuples(st.sampled_from(["c", "go", "python"]), st.integers(0, 255), st.integers(0, 9))
BITS = {"c": 0, "go": 2, "python": 4}


def cut_of(rows: list[tuple[str, int, int]], settings: bytes = b"s", seed: int = 0) -> Cut:
    slugs, places, lengths = ([row[n] for row in rows] for n in range(3))
    table = pa.table({
        "slug": pa.array(slugs, pa.string()),
        "place": pa.array(np.array(places, np.uint64) << np.uint64(56)),
        "length_bytes": pa.array(lengths, pa.int64()),
    })  # fmt: skip
    names = pa.array([f"{place} {length} {seed}" for _, place, length in rows], pa.string())
    return cut_rows(table, names, BITS, settings)


@given(st.lists(ROW, max_size=30))
def test_pages_are_of_one_language_and_the_leading_bits_of_the_place(
    rows: list[tuple[str, int, int]],
) -> None:
    rows = sorted(rows)
    cut = cut_of(rows)
    assert [n for part in cut.parts for n in range(part.start, part.end)] == list(range(len(rows)))
    assert [n for part in cut.parts for n in range(part.first, part.last)] == list(range(len(cut.starts)))
    pages = [rows[start : start + count] for start, count in zip(cut.starts, cut.rows, strict=True)]
    assert [row for page in pages for row in page] == rows
    heads = [{(slug, place >> 8 - BITS[slug]) for slug, place, _ in page} for page in pages]
    assert all(len(head) == 1 for head in heads)
    assert len({next(iter(head)) for head in heads}) == len(heads)


def test_a_page_is_named_by_its_texts_and_settings() -> None:
    rows = [("c", 1, 5), ("c", 2, 5), ("go", 1, 5), ("go", 200, 5)]
    (c, go, far) = cut_of(rows).made_from.to_pylist()
    assert len({c, go, far, *cut_of(rows, b"t").made_from.to_pylist()}) == 6
    changed = [*rows[:3], ("go", 200, 6)]
    assert cut_of(changed).made_from.to_pylist()[:2] == [c, go]
    assert cut_of(changed).made_from.to_pylist()[2] != far
    assert cut_of(rows[1:]).made_from.to_pylist()[1:] == [go, far]
