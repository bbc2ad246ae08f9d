"""YAML 1.2 of plain values: what front matter needs and no more, so that nothing in a name can mean anything."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

Value = str | int | float | bool | None | Sequence["Value"] | Mapping[str, "Value"]
"""A sequence is a list or a tuple."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
# Words that YAML 1.1, which most readers still speak, takes for true, false or nothing.
_WORDS = frozenset(("true", "false", "null", "yes", "no", "on", "off", "y", "n"))


def emit(values: Mapping[str, Value]) -> str:
    """The values in block style, in their order, ending in a line feed.

    Strings are double-quoted in printable ASCII; numbers are written without exponents, which YAML 1.1 reads as
    strings. Raises: ValueError for a float that is not finite, TypeError for what is not of ``Value``.
    """
    return "".join(f"{line}\n" for line in _mapping(values, ""))


def quote(text: str) -> str:
    """A double-quoted scalar on one line.

    A JSON string is one but for characters outside ASCII, of which readers differ: those become eight-digit escapes.
    """
    bare = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[^\x20-\x7e]", lambda found: f"\\U{ord(found.group()):08x}", bare)


def _mapping(values: Mapping[str, Value], indent: str) -> Iterable[str]:
    for key, value in values.items():
        name = key if _KEY.fullmatch(key) and key.casefold() not in _WORDS else quote(key)
        if isinstance(value, Mapping) and value:
            yield f"{indent}{name}:"
            yield from _mapping(value, indent + "  ")
        elif isinstance(value, list | tuple) and value:
            yield f"{indent}{name}:"
            yield from _list(value, indent)
        else:
            yield f"{indent}{name}: {_scalar(value)}"


def _list(values: Sequence[Value], indent: str) -> Iterable[str]:
    for value in values:
        inner: Iterable[str]
        if isinstance(value, Mapping) and value:
            inner = _mapping(value, indent + "  ")
        elif isinstance(value, list | tuple) and value:
            inner = _list(value, indent + "  ")
        else:
            yield f"{indent}- {_scalar(value)}"
            continue
        for number, line in enumerate(inner):
            yield line if number else f"{indent}- {line[len(indent) + 2 :]}"


def _scalar(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} is no number that can stand in a card")
        plain = format(Decimal(repr(value)), "f")
        return plain if "." in plain else f"{plain}.0"
    if isinstance(value, Mapping):
        return "{}"
    if isinstance(value, list | tuple):
        return "[]"
    raise TypeError(f"a {type(value).__name__} is nothing that YAML is written of here")
