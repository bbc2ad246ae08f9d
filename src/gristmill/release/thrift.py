"""Thrift's compact protocol, as far as the headers and footers of Parquet need it.

Structs are read into dictionaries by field number and written back; what is not looked into is skipped by its
bytes. Every read is bounded by the data and by a depth. Protocol: "Thrift compact protocol" in the Apache
Thrift documentation; messages: parquet.thrift of the Apache Parquet format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gristmill.errors import ReleaseError

TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
MAX_DEPTH = 16
MAX_FIELD = (1 << 15) - 1

Field = tuple[int, Any]
"""type and value: integers, bytes, a list as (type of elements, values), or a struct as a dictionary"""
Struct = dict[int, Field]


def read_struct(data: bytes, at: int, last: int = 0) -> tuple[Struct, int]:
    """The struct that starts at byte ``at``, and the byte after it; or what follows field ``last`` of one.

    Raises ReleaseError for bytes that are no struct, or nest deeper than MAX_DEPTH. Maps and doubles, which
    Parquet does not use, are refused.
    """
    try:
        return _struct(data, at, 0, last)
    except IndexError:
        raise ReleaseError(
            f"a Thrift struct at byte {at} is cut short; the Parquet file is damaged"
        ) from None


def write_struct(fields: Mapping[int, Field], last: int = 0) -> bytes:
    """The bytes of a struct, its fields in the order of their numbers; or what follows field ``last`` of one."""
    out = bytearray()
    for number in sorted(fields):
        kind, value = fields[number]
        if kind in (TRUE, FALSE):
            kind = TRUE if value else FALSE
        if 0 < number - last <= 15:
            out.append((number - last) << 4 | kind)
        else:
            out.append(kind)
            _put_varint(out, _zigzag(number))
        if kind not in (TRUE, FALSE):
            _put(out, kind, value)
        last = number
    out.append(0)
    return bytes(out)


def write_list_header(kind: int, count: int) -> bytes:
    """The bytes that stand before the elements of a list."""
    out = bytearray()
    _put_list_header(out, kind, count)
    return bytes(out)


def read_header(data: bytes, at: int, last: int) -> tuple[int, int, int]:
    """A field's header at ``at``: its type (0: the struct ends), its number, and the byte after the header."""
    byte = data[at]
    at += 1
    if not byte:
        return 0, 0, at
    if not byte & 15:
        raise ReleaseError(f"Thrift type 0 at byte {at}; the Parquet file is damaged")
    if byte >> 4:
        return byte & 15, last + (byte >> 4), at
    number, at = _varint(data, at)
    return byte & 15, _unzigzag(number), at


def read_list_header(data: bytes, at: int) -> tuple[int, int, int]:
    """A list's header at ``at``: type of its elements, their number, and the byte after the header."""
    byte = data[at]
    at += 1
    count = byte >> 4
    if count == 15:
        count, at = _varint(data, at)
    if count > len(data) - at:  # every element takes a byte at least
        raise ReleaseError(f"a Thrift list at byte {at} states {count} elements; the Parquet file is damaged")
    return byte & 15, count, at


def skip(data: bytes, at: int, kind: int, depth: int = 0) -> int:
    """The byte after a value of a type that starts at ``at``.

    Raises ReleaseError for what is no value, IndexError where the data ends.
    """
    if kind in (I16, I32, I64):
        while data[at] & 0x80:
            at += 1
        return at + 1
    if kind == BINARY:
        size, at = _varint(data, at)
        if size > len(data) - at:
            raise ReleaseError(f"a Thrift string at byte {at} is cut short; the Parquet file is damaged")
        return at + size
    if kind == STRUCT:
        if depth > MAX_DEPTH:
            raise ReleaseError(f"Thrift nests deeper than {MAX_DEPTH}; the Parquet file is damaged")
        byte = data[at]
        while byte:
            at += 1
            if not byte >> 4:
                _, at = _varint(data, at)
            field = byte & 15
            if I16 <= field <= I64:  # the many; a call for each would be the cost of a footer
                while data[at] & 0x80:
                    at += 1
                at += 1
            elif field == BINARY and data[at] < 0x80 and data[at] < len(data) - at:
                at += 1 + data[at]
            elif field > FALSE or not field:
                at = skip(data, at, field, depth + 1)
            byte = data[at]
        return at + 1
    if kind in (LIST, SET):
        if depth > MAX_DEPTH:
            raise ReleaseError(f"Thrift nests deeper than {MAX_DEPTH}; the Parquet file is damaged")
        element, count, at = read_list_header(data, at)
        for _ in range(count):
            at = at + 1 if element in (TRUE, FALSE) else skip(data, at, element, depth + 1)
        return at
    if kind == BYTE:
        return at + 1
    if kind in (TRUE, FALSE):
        return at
    raise ReleaseError(f"Thrift type {kind} at byte {at} is none that Parquet uses; the file is damaged")


def _struct(data: bytes, at: int, depth: int, number: int = 0) -> tuple[Struct, int]:
    if depth > MAX_DEPTH:
        raise ReleaseError(f"Thrift nests deeper than {MAX_DEPTH}; the Parquet file is damaged")
    fields: Struct = {}
    while True:
        kind, number, at = read_header(data, at, number)
        if not kind:
            return fields, at
        if not 0 < number <= MAX_FIELD:
            raise ReleaseError(f"Thrift field {number} at byte {at}; the Parquet file is damaged")
        if kind in (TRUE, FALSE):
            fields[number] = (TRUE, kind == TRUE)
        else:
            value, at = _value(data, at, kind, depth)
            fields[number] = (kind, value)


def _value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (I16, I32, I64):
        number, at = _varint(data, at)
        return _unzigzag(number), at
    if kind == BINARY:
        end = skip(data, at, kind)
        _, at = _varint(data, at)
        return data[at:end], end
    if kind == STRUCT:
        return _struct(data, at, depth + 1)
    if kind in (LIST, SET):
        element, count, at = read_list_header(data, at)
        values = []
        for _ in range(count):
            if element in (TRUE, FALSE):
                value, at = data[at] == TRUE, at + 1
            else:
                value, at = _value(data, at, element, depth + 1)
            values.append(value)
        return (element, values), at
    if kind == BYTE:
        return data[at], at + 1
    raise ReleaseError(f"Thrift type {kind} at byte {at} is none that Parquet uses; the file is damaged")


def _put(out: bytearray, kind: int, value: Any) -> None:
    if kind in (I16, I32, I64):
        _put_varint(out, _zigzag(value))
    elif kind == BINARY:
        _put_varint(out, len(value))
        out += value
    elif kind == STRUCT:
        out += write_struct(value)
    elif kind in (LIST, SET):
        element, values = value
        _put_list_header(out, element, len(values))
        for each in values:
            if element in (TRUE, FALSE):
                out.append(TRUE if each else FALSE)
            else:
                _put(out, element, each)
    elif kind == BYTE:
        out.append(value)
    else:
        raise ReleaseError(f"Thrift type {kind} is none that Parquet uses")


def _put_list_header(out: bytearray, kind: int, count: int) -> None:
    if count < 15:
        out.append(count << 4 | kind)
    else:
        out.append(0xF0 | kind)
        _put_varint(out, count)


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ReleaseError(f"a Thrift number at byte {at} is too long; the Parquet file is damaged")


def _put_varint(out: bytearray, value: int) -> None:
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)


def _zigzag(value: int) -> int:
    return value << 1 if value >= 0 else (-value << 1) - 1


def _unzigzag(value: int) -> int:
    return value >> 1 ^ -(value & 1)
