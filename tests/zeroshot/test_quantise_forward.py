"""The steps that calibration goes through, joined, are the encoder that the numpy engine runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import make_checkpoint

from gristmill.zeroshot.activations import activate
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.engines.numpy import create
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.quantise import forward
from gristmill.zeroshot.quantise.forward import (
    attend,
    convolve,
    embed,
    linear,
    normalise,
    relative_table,
    runs,
)

CASES: list[tuple[str, dict[str, Any]]] = [
    ("distilbert", {}),
    ("bert", {}),
    ("roberta", {}),
    ("xlm-roberta", {}),
    ("deberta", {}),
    ("deberta-v2", {}),
    ("deberta-v2", {"share_att_key": False, "position_buckets": -1, "norm_rel_ebd": "none"}),
    ("deberta-v2", {"pos_att_type": ["p2c"], "position_biased_input": True, "type_vocab_size": 2}),
    ("deberta-v2", {"conv_kernel_size": 3, "conv_groups": 2, "embedding_size": 16}),
]


def _pack() -> Pack:
    random = np.random.default_rng(0)
    lengths = np.array([3, 5, 5, 5, 40], np.int32)
    ids = random.integers(5, 90, lengths.sum()).astype(np.int32)
    return Pack(ids, np.zeros(len(ids), np.int32), lengths)


@pytest.mark.parametrize(("family", "config"), CASES)
@pytest.mark.parametrize("scores", [forward.SCORES, 1])
def test_steps_give_the_engine_s_states(
    family: str, config: dict[str, Any], scores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forward, "SCORES", scores)
    model = load_model(make_checkpoint(tmp_path, family, **config))
    encoder, pack = model.encoder, _pack()
    weights = {name: model.floats(name) for name in model.tensors}
    table = relative_table(weights, encoder)
    embedded = x = embed(weights, encoder, pack)
    for number in range(encoder.layers):
        layer = f"layers.{number}"
        mixed = linear(weights, f"{layer}.attention", attend(weights, encoder, layer, x, pack, table))
        attended = normalise(weights, f"{layer}.attention_norm", mixed + x, encoder.epsilon)
        widened = activate(encoder.activation, linear(weights, f"{layer}.up", attended))
        x = linear(weights, f"{layer}.down", widened) + attended
        x = normalise(weights, f"{layer}.norm", x, encoder.epsilon)
        if number == 0 and encoder.relative and encoder.relative.convolution:
            x = convolve(weights, encoder, embedded, x, pack)
    engine = create(model, workers=1)
    try:
        expected = engine.states(pack)
    finally:
        engine.close()
    assert np.abs(x[np.cumsum(pack.lengths) - pack.lengths] - expected).max() < 1e-4


@pytest.mark.parametrize("scores", [forward.SCORES, 100])
def test_runs_cover_the_pack_once(scores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "SCORES", scores)
    found = list(runs(_pack(), 4))
    rows = np.concatenate([np.arange(58)[run.rows] for run in found])
    assert np.array_equal(rows, np.arange(58))
    assert [length for run in found for length in [run.length] * run.count] == [3, 5, 5, 5, 40]
    assert (len(found) == 3) == (scores == forward.SCORES and scores > 100)
