"""The picture of a table: well-formed, every count in its place, names that mean nothing, labels folded."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.zeroshot.evaluate.matrix_plot import DEEP, MOST, PALE, fold, plot_matrix, short

SVG = "{http://www.w3.org/2000/svg}"


def texts(document: ElementTree.Element) -> list[str]:
    return ["".join(one.itertext()) for one in document.iter(f"{SVG}text")]


def test_counts_colours_and_names() -> None:
    document = ElementTree.fromstring(
        plot_matrix(["a", "b"], ["a", "b"], [[4, 0], [1, 1234]], title="set", note="n")
    )
    cells = [one for one in document.iter(f"{SVG}rect") if one.get("fill", "").startswith("#")][1:5]
    places = [(one.get("x"), one.get("y")) for one in cells]
    assert len({x for x, _ in places}) == len({y for _, y in places}) == 2
    deep, pale = ("#" + "".join(f"{value:02x}" for value in colour) for colour in (DEEP, PALE))
    assert [one.get("fill") for one in cells][:2] == [deep, pale]
    shown = texts(document)
    assert [text for text in shown if text in ("4", "1", "1.2k")] == ["4", "1", "1.2k"]
    assert "0" not in shown[:-3]  # nothing stands in an empty cell
    assert len([one for one in document.iter(f"{SVG}rect") if one.get("class") == "hit"]) == 2


def test_names_mean_nothing() -> None:
    evil = "<script>alert(1)</script>\"'&\x00\ud800]]>"
    text = plot_matrix([evil, "b"], ["b", "c"], [[1, 2], [3, 4]], title=evil, note=evil)
    text.encode("utf-8")
    document = ElementTree.fromstring(text)
    assert {one.tag.removeprefix(SVG) for one in document.iter()} == {"svg", "title", "style", "rect", "text"}
    assert not any(name.startswith("on") for one in document.iter() for name in one.attrib)
    assert any("<script>alert(1)</script>" in name for name in texts(document))
    assert not any(one.get("class") == "hit" for one in document.iter(f"{SVG}rect"))


def test_long_names_are_cut_and_told_whole() -> None:
    name = "a label of more letters than a picture has room for"
    document = ElementTree.fromstring(plot_matrix([name], [name], [[1]], title="t"))
    assert len([one for one in document.iter(f"{SVG}title") if one.text == name]) == 2
    assert any(text.endswith("\u2026") for text in texts(document))


def test_the_largest_table_and_tables_that_do_not_fit() -> None:
    names = [f"label {n}" for n in range(MOST + 1)]
    counts = [[n * m for m in range(MOST + 1)] for n in range(MOST + 1)]
    text = plot_matrix(names, names, counts, title="t")
    assert text == plot_matrix(names, names, counts, title="t")
    document = ElementTree.fromstring(text)
    width, height = float(document.get("width", "nan")), float(document.get("height", "nan"))
    for one in document.iter(f"{SVG}rect"):
        assert float(one.get("x", 0)) + float(one.get("width", 0)) <= width
        assert float(one.get("y", 0)) + float(one.get("height", 0)) <= height
    with pytest.raises(ValueError, match="can be drawn"):
        plot_matrix([*names, "x"], names, [*counts, counts[0]], title="t")
    with pytest.raises(ValueError, match="rows of counts"):
        plot_matrix(["a"], ["a", "b"], [[1]], title="t")


@given(st.integers(1, 12), st.integers(1, 8), st.integers(0, 100))
def test_folding_loses_no_text(size: int, most: int, seed: int) -> None:
    import random

    dice = random.Random(seed)
    counts = [[dice.randrange(4) for _ in range(size)] for _ in range(size)]
    names, folded, number = fold([str(n) for n in range(size)], counts, most)
    assert sum(map(sum, folded)) == sum(map(sum, counts))
    assert number == max(0, size - most)
    kept = [int(name) for name in names[: min(size, most)]]
    assert kept == sorted(kept)
    for row, true in enumerate(kept):
        for column, found in enumerate(kept):
            assert folded[row][column] == counts[true][found]


def test_those_with_most_errors_stay() -> None:
    counts = [[9, 0, 0], [0, 1, 2], [0, 0, 5]]
    names, folded, _ = fold(["a", "b", "c"], counts, 2)
    assert names == ["b", "c", "(1 others)"]
    assert folded == [[1, 2, 0], [0, 5, 0], [0, 0, 9]]


@pytest.mark.parametrize(
    ("count", "shown"),
    [(0, "0"), (999, "999"), (1000, "1.0k"), (9949, "9.9k"), (9951, "10k"), (999_999, "999k"),
     (1_500_000, "1.5M"), (2 * 10**12, "999G")],
)  # fmt: skip
def test_short_counts(count: int, shown: str) -> None:
    assert short(count) == shown
