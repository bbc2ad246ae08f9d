from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tiny_models import FAMILIES, make_checkpoint

from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Model, Quantised
from gristmill.zeroshot.quantise import calibrate
from gristmill.zeroshot.quantise.calibrate import Plan, quantise_layers
from gristmill.zeroshot.quantise.forward import embed
from gristmill.zeroshot.quantise.gate import compare_logits, probe_logits
from gristmill.zeroshot.quantise.sequences import calibration_pack
from gristmill.zeroshot.quantise.texts import Texts, built_in

TOKENS = 2000
PLAN = Plan(bits=4, group=16)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return load_model(make_checkpoint(tmp_path_factory.mktemp("model"), "bert", width=64, inner=128))


@pytest.fixture(scope="module")
def texts() -> tuple[Texts, Texts]:
    calibration, probe = built_in()
    return replace(calibration, pairs=calibration.pairs[::8], per_text=1), probe


def _pack(model: Model, texts: tuple[Texts, Texts]) -> Pack:
    return calibration_pack(model, texts[0], TOKENS)


def _error(model: Model, texts: tuple[Texts, Texts], plan: Plan) -> float:
    changed = quantise_layers(model, _pack(model, texts), plan)
    quantised = replace(model, tensors={**model.tensors, **changed})
    exact, other = probe_logits(model, texts[1]), probe_logits(quantised, texts[1])
    return compare_logits(exact, other, 2, texts[1].per_text).logit_error


def test_answers_change_far_less_than_by_rounding_to_nearest(
    model: Model, texts: tuple[Texts, Texts]
) -> None:
    nearest = _error(model, texts, replace(PLAN, method="nearest"))
    compensated = _error(model, texts, PLAN)
    assert compensated < 0.75 * nearest
    assert _error(model, texts, Plan(bits=8, group=0)) < 0.2 * compensated


def test_linear_layers_become_integers_and_the_rest_stays(model: Model, texts: tuple[Texts, Texts]) -> None:
    seen: list[tuple[int, int]] = []
    changed = quantise_layers(
        model, _pack(model, texts), PLAN, lambda done, layers: seen.append((done, layers))
    )
    weights = {name for name, tensor in changed.items() if isinstance(tensor, Quantised)}
    parts = ("query", "key", "value", "attention", "up", "down")
    assert weights == {f"layers.{number}.{part}.weight" for number in range(2) for part in parts}
    assert set(changed) - weights == {
        f"layers.{number}.{part}.bias" for number in range(2) for part in parts if part != "key"
    }
    for name in weights:
        tensor = changed[name]
        assert (
            isinstance(tensor, Quantised) and tensor.bits == 4 and tensor.shape == model.tensors[name].shape
        )
        assert tensor.scales.shape[1] == tensor.shape[1] // 16
    assert seen == [(1, 2), (2, 2)]


def test_the_same_again_gives_the_same_bytes(model: Model, texts: tuple[Texts, Texts]) -> None:
    first, second = (quantise_layers(model, _pack(model, texts), PLAN) for _ in range(2))
    assert list(first) == list(second)
    for name, tensor in first.items():
        other = second[name]
        if isinstance(tensor, Quantised) and isinstance(other, Quantised):
            assert np.array_equal(tensor.integers, other.integers)
            assert np.array_equal(tensor.scales, other.scales)
        else:
            assert np.array_equal(tensor, other)  # type: ignore[arg-type]


def test_the_size_of_the_parts_in_memory_changes_nothing(
    model: Model, texts: tuple[Texts, Texts], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = quantise_layers(model, _pack(model, texts), PLAN)
    monkeypatch.setattr(calibrate, "ROWS", 97)
    parts = quantise_layers(model, _pack(model, texts), PLAN)
    for name, tensor in whole.items():
        other = parts[name]
        if isinstance(tensor, Quantised) and isinstance(other, Quantised):
            # Sums round otherwise, and what is half-way between two integers passes it on to later columns.
            least = 0.99 if name.startswith(("layers.0.query", "layers.0.key", "layers.0.value")) else 0.7
            assert (tensor.integers == other.integers).mean() > least
        else:
            assert np.allclose(tensor, other, atol=0.1)  # type: ignore[arg-type]


def test_biases_take_up_the_mean_shift(model: Model, texts: tuple[Texts, Texts]) -> None:
    pack = _pack(model, texts)
    changed = quantise_layers(model, pack, replace(PLAN, correction=0.0))
    weights = {name: model.floats(name) for name in model.tensors}
    inputs = embed(weights, model.encoder, pack)  # of the first layer, the same for both models
    rounded = changed["layers.0.value.weight"]
    assert isinstance(rounded, Quantised)
    exact = inputs @ weights["layers.0.value.weight"].T + weights["layers.0.value.bias"]
    other = inputs @ rounded.dequantise().T + changed["layers.0.value.bias"]
    assert np.abs(exact.mean(axis=0) - other.mean(axis=0)).max() < 1e-4
    uncorrected = inputs @ rounded.dequantise().T + weights["layers.0.value.bias"]
    assert np.abs(exact.mean(axis=0) - uncorrected.mean(axis=0)).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_all_families(family: str, texts: tuple[Texts, Texts], tmp_path: Path) -> None:
    model = load_model(make_checkpoint(tmp_path, family))
    assert _error(model, texts, Plan(bits=8, group=0, embeddings=True)) < 0.1


@pytest.mark.parametrize(
    "config",
    [
        {"share_att_key": False, "position_buckets": -1},
        {"conv_kernel_size": 3, "conv_groups": 2, "embedding_size": 16},
        {"relative_attention": False, "pos_att_type": [], "position_biased_input": True},
    ],
)
def test_variants_of_deberta(config: dict[str, object], texts: tuple[Texts, Texts], tmp_path: Path) -> None:
    model = load_model(make_checkpoint(tmp_path, "deberta-v2", **config))
    changed = quantise_layers(model, _pack(model, texts), PLAN)
    own = "position_buckets" in config
    assert ("layers.1.position_key.weight" in changed) == ("layers.1.position_query.weight" in changed) == own
    assert _error(model, texts, Plan(bits=8, group=0)) < 0.1


def test_the_word_table_can_be_in_integers_too(model: Model, texts: tuple[Texts, Texts]) -> None:
    changed = quantise_layers(model, _pack(model, texts), replace(PLAN, embeddings=True))
    table = changed["embeddings.word.weight"]
    assert isinstance(table, Quantised) and table.bits == 8 and table.scales.shape[1] == 1
    assert np.abs(table.dequantise() - model.floats("embeddings.word.weight")).max() < table.scales.max()
