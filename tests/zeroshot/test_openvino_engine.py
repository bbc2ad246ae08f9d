"""The OpenVINO engine: transformers' logits from every family, bounded error below float32, no effect of mates."""

from __future__ import annotations

import builtins
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import FAMILIES, make_checkpoint

from gristmill.errors import MissingExtraError, ModelError
from gristmill.zeroshot import head
from gristmill.zeroshot.engines import numpy as numpy_engine
from gristmill.zeroshot.engines.base import Dropout, Engine, Pack
from gristmill.zeroshot.engines.openvino import create
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Floats, Model
from gristmill.zeroshot.quantise.quantise import Options, quantise

pytest.importorskip("openvino")

LENGTHS = (3, 5, 5, 9, 17, 17, 40, 61)
VARIANTS: tuple[tuple[str, dict[str, Any]], ...] = (
    *((family, {}) for family in FAMILIES),
    ("bert", {"layers": 1}),
    ("bert", {"hidden_act": "gelu_new"}),
    ("roberta", {"hidden_act": "relu"}),
    ("deberta-v2", {"share_att_key": True, "position_buckets": 16, "relative_attention": True}),
    ("deberta-v2", {"pos_att_type": ["c2p"], "relative_attention": True}),
    ("deberta-v2", {"pos_att_type": ["p2c"], "relative_attention": True}),
    ("deberta-v2", {"conv_kernel_size": 3, "relative_attention": True}),
)


def pack(model: Model, lengths: tuple[int, ...] = LENGTHS, seed: int = 0) -> Pack:
    """Random ids; the pack of one length of another pack is the same sequence."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(5, model.encoder.vocabulary - 5, 64)[:length] for length in LENGTHS]
    ids = np.concatenate([rows[LENGTHS.index(length)] for length in lengths]).astype(np.int32)
    return Pack(ids, np.zeros_like(ids), np.array(lengths, np.int32))


def error(found: Floats, wanted: Floats) -> float:
    """Root mean square of the difference over that of the centred values."""
    centred = wanted - wanted.mean(axis=1, keepdims=True)
    return float(np.sqrt(((found - wanted) ** 2).mean() / (centred**2).mean()))


@pytest.mark.parametrize(("family", "config"), VARIANTS, ids=str)
def test_logits_are_those_of_transformers(family: str, config: dict[str, Any], tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForSequenceClassification

    model = load_model(make_checkpoint(tmp_path / "m", family, **config))
    asked = pack(model)
    found = head.logits(model, create(model, precision="float32", workers=1).states(asked))
    oracle = AutoModelForSequenceClassification.from_pretrained(tmp_path / "m").eval()
    ends = np.cumsum(LENGTHS)
    with torch.inference_mode():
        wanted = [
            oracle(input_ids=torch.from_numpy(part[None].astype(np.int64))).logits[0].numpy()
            for part in np.split(asked.ids, ends[:-1])
        ]
    assert np.abs(found - np.array(wanted)).max() < 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_mean_pooling_is_that_of_numpy(family: str, tmp_path: Path) -> None:
    model = load_model(make_checkpoint(tmp_path / "m", family))
    asked = pack(model)
    wanted = numpy_engine.create(model, workers=1, pooling="mean").states(asked)
    found = create(model, precision="float32", workers=1, pooling="mean").states(asked)
    assert np.abs(found - wanted).max() < 1e-5


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("ov") / "m"
    return load_model(make_checkpoint(folder, "bert", width=128, inner=512, heads=4, layers=3))


@pytest.mark.parametrize(("precision", "most"), [("bfloat16", 0.05), ("int8", 0.1)])
def test_lower_precisions_stay_near(precision: Any, most: float, model: Model) -> None:
    asked = pack(model)
    wanted = head.logits(model, create(model, precision="float32", workers=1).states(asked))
    found = head.logits(model, create(model, precision=precision, workers=1).states(asked))
    assert 0 < error(found, wanted) < most


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_mates_in_a_pack_change_nothing(precision: Any, model: Model) -> None:
    engine = create(model, precision=precision, workers=1)
    together = engine.states(pack(model))
    for number, length in enumerate(LENGTHS):
        if LENGTHS.count(length) == 1:
            alone = engine.states(pack(model, (length,)))
            # Kernels for few rows round elsewhere, in the precision's own steps.
            most = 1e-5 if precision == "float32" else 2e-2
            assert error(alone, together[number : number + 1]) < most


def test_threads_give_the_same(model: Model) -> None:
    engine = create(model, precision="float32", workers=4)
    wanted = engine.states(pack(model))
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(engine.states, [pack(model)] * 12):
            assert np.abs(found - wanted).max() < 1e-6


@pytest.mark.parametrize("precision", ["int8", "int4"])
def test_a_quantised_folder_runs_on_its_own_integers(precision: Any, model: Model, tmp_path: Path) -> None:
    options = Options(int(precision[3:]), limit=1.0, allow_loss=True, tokens=300)
    quantise(model.folder, tmp_path / "q", options)
    quantised = load_model(tmp_path / "q")
    asked = pack(quantised)
    wanted = head.logits(quantised, numpy_engine.create(quantised, workers=1).states(asked))
    engine = create(quantised, precision=precision, workers=1)
    assert engine.precision == precision
    assert error(head.logits(quantised, engine.states(asked)), wanted) < 0.05


def test_what_cannot_be_had_is_refused(model: Model) -> None:
    for precision, message in (("int4", "gristmill quantize"), ("float16", "use bfloat16")):
        with pytest.raises(ModelError, match=message):
            create(model, precision=precision)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="workers=0"):
        create(model, precision="float32", workers=0)
    engine = create(model, precision="float32", workers=1)
    with pytest.raises(ModelError, match="no dropout"):
        engine.states(pack(model), Dropout(1, 0.1, 0.1))
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.states(pack(model))


@pytest.mark.parametrize(
    "bad",
    [
        Pack(np.array([1, 10**6], np.int32), np.zeros(2, np.int32), np.array([2], np.int32)),
        Pack(np.array([1, -1], np.int32), np.zeros(2, np.int32), np.array([2], np.int32)),
        Pack(np.array([1, 2], np.int32), np.array([0, 9], np.int32), np.array([2], np.int32)),
        Pack(np.array([1, 2], np.int32), np.zeros(2, np.int32), np.array([3], np.int32)),
        Pack(np.ones(4000, np.int32), np.zeros(4000, np.int32), np.array([4000], np.int32)),
    ],
)
def test_a_pack_that_does_not_fit_is_refused(bad: Pack, model: Model) -> None:
    engine: Engine = create(model, precision="float32", workers=1)
    with pytest.raises(ModelError):
        engine.states(bad)


def test_without_openvino_the_extra_is_named(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "openvino":
            raise ImportError("no openvino")
        return real(name, *rest)

    monkeypatch.setitem(sys.modules, "openvino", None)
    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(MissingExtraError, match=r"gristmill\[openvino\]"):
        create(model, precision="float32")
