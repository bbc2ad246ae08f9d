from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gristmill.errors import ModelError
from gristmill.zeroshot.models.model import Quantised
from gristmill.zeroshot.models.quantised import decode, pack_rows, unpack_rows

SCALES = np.array([[0.5, 0.25], [2.0, 1.0], [1.0, 4.0]], np.float32)


def _config(bits: int = 4, **weights: object) -> dict[str, Any]:
    form = {
        "num_bits": bits,
        "type": "int",
        "symmetric": True,
        "strategy": "group",
        "group_size": 8,
    } | weights
    group = {"targets": ["Linear"], "weights": form}
    return {
        "quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"group_0": group}}
    }


def _integers(bits: int, columns: int = 16) -> np.ndarray:
    limit = (1 << (bits - 1)) - 1
    return np.random.default_rng(bits).integers(-limit - 1, limit + 1, (3, columns)).astype(np.int8)


def _packed(columns: int = 16) -> dict[str, np.ndarray]:
    return {
        "a.weight_packed": pack_rows(_integers(4, columns), 4),
        "a.weight_scale": SCALES,
        "a.weight_shape": np.array([3, columns], np.int64),
        "a.bias": np.zeros(3, np.float32),
    }


def _plain() -> dict[str, np.ndarray]:
    return {"a.weight": _integers(8), "a.weight_scale": SCALES[:, :1]}


@given(
    bits=st.sampled_from([4, 8]),
    rows=st.integers(1, 5),
    columns=st.integers(1, 40),
    seed=st.integers(0, 1 << 30),
)
def test_packing_loses_nothing(bits: int, rows: int, columns: int, seed: int) -> None:
    limit = 1 << (bits - 1)
    integers = np.random.default_rng(seed).integers(-limit, limit, (rows, columns)).astype(np.int8)
    words = pack_rows(integers, bits)
    assert words.dtype == np.int32 and words.shape == (rows, -(-columns * bits // 32))
    assert np.array_equal(unpack_rows(words, bits, columns), integers)


def test_lowest_bits_come_first() -> None:
    integers = np.array([[-8, -7, 0, 7, -8, -8, -8, -8]], np.int8)
    assert pack_rows(integers, 4).view(np.uint32).tolist() == [[0xF810]]


@pytest.mark.parametrize("bits", [4, 8])
def test_packing_is_that_of_compressed_tensors(bits: int) -> None:
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("compressed_tensors.compressors.pack_quantized.helpers")
    integers = _integers(bits, 37)
    words = theirs.pack_to_int32(torch.from_numpy(integers), bits).numpy()
    assert np.array_equal(pack_rows(integers, bits), words)
    assert np.array_equal(unpack_rows(words, bits, 37), integers)


def test_packed_weights_are_decoded() -> None:
    decoded = decode(_packed(), _config())
    weight = decoded["a.weight"]
    assert isinstance(weight, Quantised) and weight.bits == 4 and sorted(decoded) == ["a.bias", "a.weight"]
    expected = _integers(4).astype(np.float32) * np.repeat(SCALES, 8, axis=1)
    assert np.array_equal(weight.dequantise(), expected)


@pytest.mark.parametrize("scales", [SCALES[:, :1], SCALES[:, 0], SCALES[:1, 0]])
def test_int8_weights_are_decoded(scales: np.ndarray) -> None:
    weight = decode({"a.weight": _integers(8), "a.weight_scale": scales}, _config(8, strategy="channel"))[
        "a.weight"
    ]
    assert isinstance(weight, Quantised) and weight.bits == 8
    assert np.array_equal(weight.dequantise(), _integers(8) * scales.reshape(-1, 1))


def test_int8_may_be_packed() -> None:
    tensors = _packed() | {"a.weight_packed": pack_rows(_integers(8), 8), "a.weight_scale": SCALES[:, :1]}
    weight = decode(tensors, _config(8, strategy="channel"))["a.weight"]
    assert isinstance(weight, Quantised) and np.array_equal(weight.integers, _integers(8))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"quantization_config": 3}, "must be an object"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised by 'gptq'.*gristmill quantize"),
        (
            {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {}}},
            "config_groups",
        ),
        (
            {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": {"a": []}}},
            "config_groups",
        ),
        (_config(3), "'num_bits': 3"),
        (_config(type="float"), "'type': 'float'"),
        (_config(symmetric=False), "'symmetric': False"),
        (_config(strategy="block"), "'strategy': 'block'"),
        (_config(8), r"cannot hold a weight of \[3, 16\]"),
    ],
)
def test_other_forms_are_refused(config: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        decode(_packed(), config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a.weight_scale": None}, "lack 'a.weight_scale'"),
        ({"a.weight_scale": SCALES[:2]}, "does not fit"),
        ({"a.weight_scale": np.ones((3, 3), np.float32)}, "does not fit"),
        ({"a.weight_scale": np.ones((3, 0), np.float32)}, "does not fit"),
        ({"a.weight_scale": SCALES.astype(np.int32)}, "as floats"),
        ({"a.weight_shape": None}, "weight_shape"),
        ({"a.weight_shape": np.array([3, 1 << 60])}, "cannot hold"),
        ({"a.weight_shape": np.array([3, -16])}, "cannot hold"),
        ({"a.weight_shape": np.array([4, 16])}, "cannot hold"),
        ({"a.weight_shape": np.array([3.0, 16.0], np.float32)}, "must hold two integers"),
        ({"a.weight_packed": np.zeros((3, 2), np.int64)}, "must be int32"),
        ({"a.weight_packed": np.zeros((3, 2, 1), np.int32)}, "must be int32"),
        ({"a.weight_zero_point": np.zeros((3, 2), np.int32)}, "zero point"),
        ({"a.weight_g_idx": np.zeros(16, np.int32)}, "order of its own"),
    ],
)
def test_tensors_that_do_not_fit_are_refused(change: dict[str, np.ndarray | None], message: str) -> None:
    tensors = {name: array for name, array in (_packed() | change).items() if array is not None}
    with pytest.raises(ModelError, match=message):
        decode(tensors, _config())


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        (_plain() | {"a.weight_scale": SCALES}, "8 bits have one"),
        ({"a.weight": np.zeros(3, np.int8), "a.weight_scale": SCALES}, "two dimensions"),
        (_packed() | {"b.weight": _integers(8), "b.weight_scale": SCALES[:, 0]}, "cannot hold"),
    ],
)
def test_int8_that_does_not_fit_is_refused(tensors: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        decode(tensors, _config(8, strategy="channel"))


def test_int8_where_only_int4_is_announced_is_refused() -> None:
    with pytest.raises(ModelError, match="has 8 bits"):
        decode(_plain(), _config(4))
