"""safetensors headers: well-formed files open, and no file of any bytes does worse than a ModelError."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

from gristmill.errors import ModelError
from gristmill.zeroshot.models.weights import as_float32, open_weights

WHOLE = save({"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.array([1, 2], np.int8)})


def write(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


def entry(start: int, stop: int, shape: list[Any] | None = None, dtype: str = "F32") -> dict[str, Any]:
    return {
        "dtype": dtype,
        "shape": [(stop - start) // 4] if shape is None else shape,
        "data_offsets": [start, stop],
    }


def test_a_well_formed_file_opens(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(WHOLE)
    tensors = open_weights([path])
    np.testing.assert_array_equal(as_float32("a", tensors["a"]), np.arange(6, dtype=np.float32).reshape(2, 3))
    assert tensors["b"].dtype == "I8"
    with pytest.raises(ModelError, match="'b' is I8"):
        as_float32("b", tensors["b"])


def test_an_unaligned_header_and_empty_tensors_open(tmp_path: Path) -> None:
    header = {"__metadata__": {"format": "pt"}, "e": entry(0, 0, [0, 4]), "v": entry(0, 8)}
    text = json.dumps(header).encode()
    text += b" " * ((2 - len(text)) % 4)  # the data starts two bytes off
    tensors = open_weights([write(tmp_path / "x.safetensors", text, np.array([1, 2], "<f4").tobytes())])
    values = as_float32("v", tensors["v"])
    assert values.tolist() == [1, 2] and values.flags.aligned
    assert tensors["e"].array.shape == (0, 4)


@pytest.mark.parametrize(
    ("header", "data", "message"),
    [
        ({"a": entry(0, 8), "b": entry(4, 12)}, 12, "starts at byte 4 of the data where 8 was due"),
        ({"a": entry(0, 8), "b": entry(12, 16)}, 16, "where 8 was due"),
        ({"a": entry(0, 8)}, 9, "end at byte"),
        ({"a": entry(0, 8)}, 4, "end at byte"),
        ({"a": entry(0, 8, [3])}, 8, "cannot be 8 bytes"),
        ({"a": entry(8, 0, [0])}, 8, "cannot be -8 bytes"),
        ({"a": entry(0, 8, [-2])}, 8, "no valid shape"),
        ({"a": entry(0, 8, [2.0])}, 8, "no valid shape"),
        ({"a": entry(0, 8, [True, 2])}, 8, "no valid shape"),
        ({"a": entry(0, 8, [1] * 9)}, 8, "no valid shape"),
        ({"a": entry(0, 8, [1 << 60, 1 << 60])}, 8, "no valid shape"),
        ({"a": entry(0, 8, [2], "F8_E4M3")}, 8, "dtype 'F8_E4M3'"),
        ({"a": {"dtype": "F32"}}, 0, "lacks dtype, shape or data_offsets"),
        ({"a": 3}, 0, "lacks dtype"),
        ([1], 0, "must hold a JSON object"),
        (b'{"a":1,"a":2}', 0, "a key stands twice"),
        (b"[" * 100_000, 0, "not valid JSON"),
        (b"\xff\xfe", 0, "not valid JSON"),
    ],
)
def test_a_hostile_header_is_refused(tmp_path: Path, header: object, data: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        open_weights([write(tmp_path / "x.safetensors", header, b"\0" * data)])


@pytest.mark.parametrize("length", [1 << 63, (1 << 64) - 1, 33 << 20, 1000])
def test_a_header_length_beyond_the_file_is_refused(tmp_path: Path, length: int) -> None:
    with pytest.raises(ModelError, match="header claims"):
        open_weights([write(tmp_path / "x.safetensors", {}, b"", length)])


def test_a_name_in_two_shards_is_refused(tmp_path: Path) -> None:
    for name in ("1", "2"):
        (tmp_path / name).write_bytes(WHOLE)
    with pytest.raises(ModelError, match="'a' stands in 1 and in"):
        open_weights([tmp_path / "1", tmp_path / "2"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_flipped_bytes_give_an_error_or_tensors_within_the_file(
    tmp_path: Path, flips: list[tuple[int, int]]
) -> None:
    data = bytearray(WHOLE)
    for place, value in flips:
        data[place] = value
    path = tmp_path / "x.safetensors"
    path.write_bytes(bytes(data))
    try:
        tensors = open_weights([path])
    except ModelError:
        return
    assert sum(tensor.array.nbytes for tensor in tensors.values()) <= len(WHOLE)
