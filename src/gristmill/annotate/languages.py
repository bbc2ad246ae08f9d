"""Programming language of a content under a file name, and whether a program wrote it, by linguist's rules.

The rules are those of enry, the port of GitHub linguist that The Stack v2 was annotated with: modeline, file
name, shebang, extension, XML header, manual page, content heuristics, then a naive Bayes classifier among the
candidates that are left.

What differs from calling enry as it is:

- *Size*: of a text over ``MAX_BYTES`` enry sees the head and the last ``TAIL_BYTES``, each cut at a line end
  where one is near, so that modelines and source-map lines at the end still count.
- *Ties*: enry's classifier orders languages of equal score at random (Go's order of a map). Among languages
  that tie, the first in alphabetical order is taken here, so that equal input gives equal output.
- *Speed*: where the name alone decides and the text holds nothing that could overrule it, the text is not
  looked at further; the result is the same.
"""

from __future__ import annotations

import functools
import re

import pyarrow as pa

from gristmill import tables
from gristmill.annotate import linguist

NAME = "languages"
VERSION = 1
TABLE = tables.LANGUAGES

MAX_BYTES = 512 * 1024
TAIL_BYTES = 16 * 1024

# A tie is told from an order by asking often: enry puts the later of two equals first in an eighth of all
# calls or more, so (7/8)**128, less than one in ten million, is the chance to miss it. What is asked about is
# the head of the text only, always the same one, so that the cost is bounded.
_ASKS = 128
_TIE_BYTES = 16 * 1024

_MODELINE_LINES = 5
# The long s (U+017F) is an s to Go's regular expressions when they ignore case.
_LANGUAGE_OPTION = re.compile(rb"(?:filetype|ft|(?:s|\xc5\xbf)yntax)\s*=", re.IGNORECASE)


def annotate(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The language of each (content, name).

    Args:
        batch: columns ``content_id``, ``name`` (string: last segment of the path) and ``text`` (UTF-8 as
            binary or string, or the large variant of either; null if the content is binary).

    Returns:
        One row of ``tables.LANGUAGES`` a row of the batch, in its order. A binary content has no language
        and counts as not generated.

    Raises:
        StageError: enry cannot be used in this process (``linguist.library``).
    """
    names = batch.column("name").cast(pa.string())
    text = batch.column("text")
    languages: list[str | None] = []
    generated: list[bool] = []
    for name, value in zip(names.to_pylist(), text, strict=True):
        if not value.is_valid:
            languages.append(None)
            generated.append(False)
            continue
        seen = excerpt(memoryview(value.as_buffer()))
        languages.append(language_of(name, seen))
        generated.append(bool(linguist.library().is_generated(linguist.plain(name), seen)))
    return pa.RecordBatch.from_arrays(
        [
            batch.column("content_id").cast(pa.string()),
            names,
            pa.array(languages, pa.string()),
            pa.array(generated, pa.bool_()),
        ],
        schema=TABLE.schema,
    )


def excerpt(text: memoryview) -> bytes:
    """The part of a text (bytes) that the rules look at: all of it, or head and tail if it is large."""
    if len(text) <= MAX_BYTES:
        return text.tobytes()
    head = text[: MAX_BYTES - TAIL_BYTES].tobytes()
    tail = text[-TAIL_BYTES:].tobytes()
    end = head.rfind(b"\n", len(head) - TAIL_BYTES) + 1
    return head[: end or len(head)] + tail[tail.find(b"\n") + 1 :]


def language_of(name: str, text: bytes) -> str | None:
    """linguist's name of the language of a text, or None if it is unknown.

    Args:
        name: file name; any string, also an empty one.
        text: UTF-8 text of at most ``MAX_BYTES`` (see ``excerpt``); longer text is legal, and slow.
    """
    name = linguist.plain(name)
    certain = _by_name_alone(name)
    if certain is not None and not _may_overrule(text):
        return certain
    enry = linguist.library()
    candidates: list[str] = enry.get_languages(name, text)
    if len(candidates) > 1:
        return _first(name, text, candidates)
    return candidates[0] or None if candidates else None


def _by_name_alone(name: str) -> str | None:
    """The language if the file name or the extension knows a single one."""
    by_name: list[str] = linguist.library().get_languages_by_filename(name)
    if len(by_name) == 1:
        return by_name[0]
    _, dot, extensions = name.partition(".")
    return _by_extension(extensions) if dot else None


@functools.lru_cache(maxsize=8192)
def _by_extension(extensions: str) -> str | None:
    """The language if a single one has the longest known extension among ``extensions`` (no first dot)."""
    languages = linguist.languages_by_extension("x." + extensions)
    return languages[0] if len(languages) == 1 else None


def _may_overrule(text: bytes) -> bool:
    """Whether a modeline or a shebang might name a language, which precede the extension.

    A necessary condition only. Modelines stand in the first and last five lines, which enry joins.
    """
    if text.startswith(b"#!") or b"\0" in text:
        return True
    head, tail = 0, len(text)
    for _ in range(_MODELINE_LINES):
        head = text.find(b"\n", head) + 1
        tail = text.rfind(b"\n", 0, tail)
        if head == 0 or tail < head:
            ends = text
            break
    else:
        ends = text[: head - 1] + text[tail + 1 :]
    return b"-*-" in ends or _LANGUAGE_OPTION.search(ends) is not None


def _first(name: str, text: bytes, candidates: list[str]) -> str:
    """The best of several candidates in descending order of score, ties broken by the alphabet."""
    first, second = candidates[:2]
    dot, extension = name.rpartition(".")[1:]
    shebang = text[:256].partition(b"\n")[0] if text.startswith(b"#!") else b""
    equals = _equals(frozenset(candidates), dot + extension.lower() if dot else "", shebang)
    if equals is not None and not any(first in group and second in group for group in equals):
        return first
    enry = linguist.library()
    answers: list[list[str]] = [enry.get_languages(name, text[:_TIE_BYTES]) for _ in range(_ASKS)]
    return min((answer[0] for answer in answers if answer), default=first)


@functools.lru_cache(maxsize=4096)
def _equals(candidates: frozenset[str], extension: str, shebang: bytes) -> tuple[frozenset[str], ...] | None:
    """Which candidates have equal scores when the text says nothing more: only those can ever tie.

    None if a text of the shebang alone, with this extension, does not lead to these candidates.
    """
    enry = linguist.library()
    orders: list[list[str]] = [enry.get_languages("x" + extension, shebang) for _ in range(2 * _ASKS)]
    if any(frozenset(order) != candidates for order in orders):
        return None
    # Equals stand at changing places, so places that share a language belong to one group.
    groups: list[set[str]] = []
    for place in range(len(candidates)):
        group = {order[place] for order in orders}
        for other in [other for other in groups if other & group]:
            groups.remove(other)
            group |= other
        groups.append(group)
    return tuple(frozenset(group) for group in groups if len(group) > 1)
