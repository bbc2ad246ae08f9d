"""The texts of a call beside their labels, read as a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count, repeat

from gristmill.errors import GristmillError, LabelError, TextError
from gristmill.zeroshot.labels import parse_labels, shorten

TEXTS = 64
LETTERS = 1 << 20
"""How many texts, of how many letters together, are read and tokenised at a time; one text may be longer."""

Labels = tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """A text of the input with its labels, or with the error that its labels are."""

    row: int | None
    """Counted from 0; None for a text by itself."""
    text: object
    labels: Labels | GristmillError


def items(texts: Iterable[object], labels: Labels) -> Iterator[Item]:
    """Each text with the same labels; a string is one text by itself."""
    if isinstance(texts, str):
        return iter([Item(None, texts, labels)])
    return map(Item, count(), texts, repeat(labels))


def items_with_sets(texts: Iterable[object], sets: Iterable[object]) -> Iterator[Item]:
    """Each text with labels of its own. Labels that are wrong are the item's error.

    Raises: LabelError, at once where both have a length, else at the end, if there is not one label set for
    each text; for a string as a label set, which is a single label given by mistake.
    """
    if isinstance(texts, str):
        return iter([Item(None, texts, _own_labels(one, None)) for one in _only(sets)])
    if isinstance(texts, list | tuple) and isinstance(sets, list | tuple) and len(texts) != len(sets):
        raise LabelError(f"there are {len(texts)} texts and {len(sets)} label sets; give one for each text")
    return _in_step(texts, sets)


def chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items, as many together as are tokenised at a time."""
    chunk: list[Item] = []
    letters = 0
    for item in items:
        chunk.append(item)
        letters += len(item.text) if isinstance(item.text, str) else 0
        if len(chunk) >= TEXTS or letters >= LETTERS:
            yield chunk
            chunk, letters = [], 0
    if chunk:
        yield chunk


def text_error(text: object, row: int | None) -> TextError | None:
    """What is wrong with a text that cannot be classified at all."""
    if not isinstance(text, str):
        return TextError(in_row(row, f"a text must be a string, not {type(text).__name__}"))
    if not text or text.isspace():
        return TextError(in_row(row, "the text is empty; leave it out"))
    return None


def in_row(row: int | None, message: str) -> str:
    """The message with the row it is about, counted from 0."""
    return message if row is None else f"row {row}: {message}"


def _in_step(texts: Iterable[object], sets: Iterable[object]) -> Iterator[Item]:
    left, right = iter(texts), iter(sets)
    for row in count():
        text, labels = next(left, _END), next(right, _END)
        if text is _END and labels is _END:
            return
        if text is _END or labels is _END:
            more, fewer = ("label sets", "texts") if text is _END else ("texts", "label sets")
            raise LabelError(
                f"there are more {more} than {fewer}, which end after {row}; give one for each text"
            )
        yield Item(row, text, _own_labels(labels, row))


_END = object()


def _only(sets: Iterable[object]) -> list[object]:
    found = list(sets)
    if len(found) != 1:
        raise LabelError(
            f"there is one text and there are {len(found)} label sets; give one, or a list of labels"
        )
    return found


def _own_labels(labels: object, row: int | None) -> Labels | GristmillError:
    if isinstance(labels, str):
        raise LabelError(
            in_row(row, f"the label set {shorten(labels)} is a string; give a list of labels for each text")
        )
    try:
        return parse_labels(labels)
    except LabelError as error:
        return error
