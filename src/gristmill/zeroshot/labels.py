"""Candidate labels and hypothesis templates, checked before any text is read."""

from __future__ import annotations

import string
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gristmill.errors import LabelError

DEFAULT_TEMPLATE = "This example is {}."
"""As in transformers' pipeline."""
LABELS = 200_000
"""Most labels of one text."""
TEMPLATE_LETTERS = 10_000


@dataclass(frozen=True)
class Template:
    """A hypothesis template, taken apart at its placeholders."""

    text: str
    parts: tuple[str, ...]
    """What stands before, between and behind the placeholders; two or more."""

    def fill(self, label: str) -> str:
        """The hypothesis that says that the label holds."""
        return label.join(self.parts)


def parse_template(text: str) -> Template:
    """A template with ``{}`` where the label goes; ``{0}`` may stand several times, ``{{`` is a plain brace.

    Of Python's format language nothing else is taken: attributes, indices, conversions and widths have no
    use here, and reach into objects or fill the memory. Raises: LabelError.
    """
    if not isinstance(text, str):
        raise LabelError(f"the hypothesis template must be a string, not {type(text).__name__}")
    shown = repr(text if len(text) <= 100 else text[:100] + "...")
    if len(text) > TEMPLATE_LETTERS:
        raise LabelError(
            f"the hypothesis template {shown} has {len(text)} letters; use {TEMPLATE_LETTERS} at most"
        )
    try:
        pieces = list(string.Formatter().parse(text))
    except ValueError as error:
        raise LabelError(f"the hypothesis template {shown}: {error}; write {{{{ for a plain brace") from error
    parts, fields = [""], []
    for literal, field, width, conversion in pieces:
        parts[-1] += literal
        if field is None:
            continue
        if field not in ("", "0") or width or conversion:
            raise LabelError(
                f"the hypothesis template {shown}: mark the label's place by {{}} and nothing more"
            )
        fields.append(field)
        parts.append("")
    if not fields:
        raise LabelError(
            f"the hypothesis template {shown} has no place for the label; put {{}} there,"
            f" as in {DEFAULT_TEMPLATE!r}"
        )
    if len(fields) > 1 and "" in fields:
        raise LabelError(f"the hypothesis template {shown} has several {{}}; write {{0}} in each place")
    return Template(text, tuple(parts))


def parse_labels(labels: object) -> tuple[str, ...]:
    """The labels of one text: a list of strings, or one string with commas between (trimmed, empty ones dropped).

    Labels of a list are taken as they are. Raises: LabelError for no labels, an empty one, one that is no
    string, one that is there twice (both would share its score), too many, or a set, whose order is chance.
    """
    if isinstance(labels, str):
        found = tuple(part.strip() for part in labels.split(",") if part.strip())
    elif isinstance(labels, set | frozenset | Mapping | bytes | bytearray) or not isinstance(
        labels, Iterable
    ):
        raise LabelError(f"labels must be a list of strings or one string, not {type(labels).__name__}")
    else:
        found = tuple(str(label) if isinstance(label, str) else label for label in labels)
    if not found:
        raise LabelError("there are no candidate labels; give two or more, or one with multi_label=True")
    if len(found) > LABELS:
        raise LabelError(f"there are {len(found)} candidate labels; at most {LABELS} are taken")
    seen: set[str] = set()
    for number, label in enumerate(found):
        check_label(label, f"candidate label {number}")
        if label in seen:
            raise LabelError(f"the candidate label {shorten(label)} is there twice; give each label once")
        seen.add(label)
    return found


def check_label(label: object, where: str) -> None:
    """Raises: LabelError if ``label`` is no string or has no letters but white space."""
    if not isinstance(label, str):
        raise LabelError(f"{where} is {shorten(label)}, a {type(label).__name__}; labels must be strings")
    if not label.strip():
        raise LabelError(f"{where} is empty; leave it out or name what it stands for")


def check_single(labels: Sequence[str], multi_label: bool) -> None:
    """Raises: LabelError for one label that is to share a probability of 1 with no other."""
    if len(labels) == 1 and not multi_label:
        raise LabelError(
            f"{shorten(labels[0])} is the only label, so its score would always be 1;"
            " use multi_label=True, or add labels to choose from"
        )


def per_text(labels: object) -> bool:
    """Whether ``labels`` hold a label set for each text (lists in a list, or an iterator of lists).

    Raises: LabelError if some are label sets and some are labels.
    """
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        return False
    if not isinstance(labels, Sequence):
        return hasattr(labels, "__next__")
    sets = [isinstance(label, list | tuple) for label in labels]
    if any(sets) and not all(sets):
        raise LabelError(
            f"candidate label {sets.index(True)} is a list and candidate label {sets.index(False)} is not;"
            " give labels for all texts, or a list of labels for each text"
        )
    return bool(sets) and sets[0]


def shorten(value: object) -> str:
    """The value as errors show it."""
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:76]}..."
