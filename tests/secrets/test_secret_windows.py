from __future__ import annotations

import codecs
import random
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planted import token

from gristmill.annotate.findings import patterns
from gristmill.secrets import windows as module
from gristmill.secrets.windows import Place, Window, advanced, windows


def read(data: bytes, **options: int) -> list[Window]:
    found = windows(BytesIO(data), **options)
    assert found is not None
    return list(found)


def own(parts: list[Window]) -> bytes:
    return b"".join(one.text[one.begin : one.end] for one in parts)


@given(st.binary(max_size=400), st.integers(20, 60), st.integers(1, 19))
def test_own_parts_are_the_text_and_margins_what_stands_beside(data: bytes, size: int, margin: int) -> None:
    data = data.replace(b"\0", b"").removeprefix(codecs.BOM_UTF16_LE).removeprefix(codecs.BOM_UTF16_BE)
    parts = windows(BytesIO(data), size=size, margin=margin)
    assert parts is not None
    done = 0
    for one in parts:
        if one.encoding is not None:  # short, and in another encoding
            assert one.text.decode() == data.decode(one.encoding)
            # Some encodings have two codes for a character: other bytes, but as many.
            assert advanced(one.place, one.text, one.encoding).byte == len(data)
            return
        length = one.end - one.begin
        assert one.text == data[max(0, done - margin) : done + length + margin]
        assert one.begin == min(done, margin)
        assert one.place.byte == done
        done += length
    assert done == len(data)


@given(st.text(alphabet="ab\r\n\té€😀", max_size=200), st.integers(0, 200))
def test_a_place_does_not_depend_on_where_the_text_is_cut(text: str, cut: int) -> None:
    data = text.encode()
    place = advanced(advanced(Place(0, 1, 1), data[:cut], None), data[cut:], None)
    last = text.rpartition("\n")[2]
    assert place == (len(data), text.count("\n") + 1, len(last.encode("utf-16-le")) // 2 + 1)


class Drip:
    """A stream that gives a few bytes at a time, as a pipe may."""

    def __init__(self, data: bytes) -> None:
        self.inner = BytesIO(data)

    def read(self, size: int, /) -> bytes:
        return self.inner.read(min(size, 7))


def test_a_pipe_is_read_to_its_end() -> None:
    data = bytes(range(1, 128)) * 9
    found = windows(Drip(data), size=100, margin=10)
    assert found is not None
    parts = list(found)
    assert own(parts) == data
    assert [one.end - one.begin for one in parts[:-1]] == [100] * (len(parts) - 1)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("size", [module.SIZE, 1 << 10])
def test_wide_encodings_with_a_mark_are_text_of_any_length(encoding: str, size: int) -> None:
    text = "\ufeff" + "".join(f"line {number} €😀\n" for number in range(300))
    data = text.encode(encoding)
    parts = read(data, size=size, margin=64)
    assert own(parts).decode() == text
    assert {one.encoding for one in parts} == {encoding}
    last = parts[-1]
    assert advanced(last.place, last.text[last.begin : last.end], encoding).byte == len(data)


@pytest.mark.parametrize(
    ("mark", "encoding"), [(b"", None), (codecs.BOM_UTF8, None), (codecs.BOM_UTF16_LE, "utf-16-le")]
)
def test_a_byte_order_mark_takes_no_column(mark: bytes, encoding: str | None) -> None:
    data = mark + "ab\ncd".encode(encoding or "utf-8")
    (one,) = read(data)
    head = one.text[: one.text.index(b"b")]
    assert advanced(one.place, head, one.encoding)[1:] == (1, 2)
    assert advanced(one.place, head, one.encoding).byte == data.index(b"b")


@pytest.mark.parametrize("data", [b"\x7fELF\0\1\2", b"text \0 text", b"\0" * 10_000])
def test_binary_is_told(data: bytes) -> None:
    assert windows(BytesIO(data), size=5_000, margin=10) is None


@pytest.mark.parametrize("data", [b"ok \xff\xfe \xc3 not utf-8", b"\x80\x81\x8d\x8f" * 99 + b"\x01" * 99])
def test_what_no_encoding_fits_is_text_still(data: bytes) -> None:
    assert windows(BytesIO(data)) is not None


def test_nothing_is_empty() -> None:
    assert read(b"") == []


def found(parts: list[Window]) -> list[tuple[int, int, str, float]]:
    import pyarrow as pa

    hits = []
    for row, hit in patterns.find(pa.array([one.text for one in parts], pa.large_binary())):
        one = parts[row]
        if one.begin <= hit.start < one.end:
            shift = one.place.byte - one.begin
            hits.append((hit.start + shift, hit.end + shift, hit.rule, hit.score))
    return hits


@pytest.mark.parametrize("seed", range(3))
def test_windows_find_what_the_whole_has(seed: int) -> None:
    draw = random.Random(seed)
    size = 100_000
    data = bytearray(b"x = call(1, 2); " * 30_000)
    for seam in range(size, len(data), size):
        secret = f' key = "{token(seam)}" '.encode()
        at = seam - draw.randrange(len(secret))
        data[at : at + len(secret)] = secret
    whole = found(read(bytes(data)))
    assert len(whole) == (len(data) - 1) // size
    assert found(read(bytes(data), size=size, margin=module.MARGIN)) == whole


@given(st.binary(max_size=300))
def test_finders_bear_any_bytes(data: bytes) -> None:
    found([Window(b'password = "' + data, 0, 12 + len(data), Place(0, 1, 1), None)])
