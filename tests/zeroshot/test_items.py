"""Texts and labels are read in step, a few dozen ahead, and wrong ones are told by their row."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gristmill.errors import LabelError
from gristmill.zeroshot.items import LETTERS, TEXTS, Item, chunks, items, items_with_sets, text_error

AB = ("a", "b")


def test_texts_share_their_labels_and_are_counted() -> None:
    assert list(items(["x", "y"], AB)) == [Item(0, "x", AB), Item(1, "y", AB)]


def test_a_string_is_one_text_without_a_row() -> None:
    assert list(items("xy", AB)) == [Item(None, "xy", AB)]
    assert list(items_with_sets("xy", [["a", "b"]])) == [Item(None, "xy", AB)]


def test_each_text_has_its_own_labels() -> None:
    assert list(items_with_sets(["x", "y"], [["a", "b"], ["c"]])) == [Item(0, "x", AB), Item(1, "y", ("c",))]


def test_labels_that_are_wrong_are_the_error_of_their_text() -> None:
    first, second = items_with_sets(["x", "y"], iter([[], ["c", "d"]]))
    assert isinstance(first.labels, LabelError)
    assert second.labels == ("c", "d")


@pytest.mark.parametrize(
    ("texts", "sets", "message"),
    [
        (["x"], [["a"], ["b"]], "1 texts and 2 label sets"),
        (["x", "y"], [["a"]], "2 texts and 1 label sets"),
        ("x", [["a"], ["b"]], "one text and there are 2 label sets"),
        (iter(["x"]), iter([["a"], ["b"]]), "more label sets than texts, which end after 1"),
        (iter(["x", "y"]), iter([["a"]]), "more texts than label sets, which end after 1"),
        (["x"], iter(["a"]), "row 0: the label set 'a' is a string"),
    ],
)
def test_there_must_be_one_label_set_for_each_text(texts: object, sets: object, message: str) -> None:
    with pytest.raises(LabelError, match=message):
        list(items_with_sets(texts, sets))  # type: ignore[arg-type]


def test_lists_of_different_length_are_refused_before_anything_is_read() -> None:
    with pytest.raises(LabelError):
        items_with_sets(["x"], [["a"], ["b"]])


def test_chunks_are_bounded_by_texts_and_by_letters() -> None:
    found = list(chunks(items(["x"] * (2 * TEXTS + 1), AB)))
    assert [len(chunk) for chunk in found] == [TEXTS, TEXTS, 1]
    long = "x" * (LETTERS // 2)
    assert [len(chunk) for chunk in chunks(items([long] * 5, AB))] == [2, 2, 1]
    assert list(chunks(iter(()))) == []


def test_a_chunk_is_given_before_more_is_read() -> None:
    read = 0

    def texts() -> Iterator[str]:
        nonlocal read
        while True:
            read += 1
            yield "x"

    next(chunks(items(texts(), AB)))
    assert read == TEXTS


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "row 4: the text is empty"),
        (" \n\t", "row 4: the text is empty"),
        (None, "row 4: a text must be a string, not NoneType"),
        (b"x", "not bytes"),
        (["x"], "not list"),
    ],
)
def test_texts_that_are_none_are_named_by_row(text: object, message: str) -> None:
    assert message in str(text_error(text, 4))


def test_other_texts_have_no_error() -> None:
    assert text_error(" x\0\ud800", 4) is None
