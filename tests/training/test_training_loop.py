"""A run that was stopped goes on to the very same weights; the best are kept; what is written loads in transformers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny_models import make_checkpoint
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertForSequenceClassification

from training import loop
from training.batches import Encoder, plan_batches, stack
from training.development import Choice, Development
from training.examples import LabelledText, NliPair, Task
from training.loop import Settings, train
from training.network import Masks, save_network
from training.pairs import Question

PAIRS = [NliPair(f"the cat number {n} runs", f"a cat {n % 7} sleeps", n % 3, "some") for n in range(60)]
COLOURS = {name: (name,) for name in ("red", "green", "blue", "grey")}
TASK = Task(
    "colours",
    "some",
    [LabelledText(f"it is {name} {n}", (name,)) for n in range(9) for name in COLOURS],
    COLOURS,
)
DISTILLED = [Question("a cat runs", ("red", "blue"), -1, False, "distilled", (0.9, 0.1))] * 30
CROSSED = [
    Question(f"cat {n} runs", ("a cat sleeps",), 2, False, "crossed", classes=(0.1, 0.2, 0.7))
    for n in range(8)
]
SETTINGS = Settings(epochs=2, tokens=300, rate=1e-2, distilled_first=20, distilled_each=5, crossed=4)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Masks, "SIZE", 1 << 16)
    monkeypatch.setattr(loop, "CHECKPOINT_STEPS", 4)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "base", "bert", attention_probs_dropout_prob=0.0)


def _train(base: Path, folder: Path, settings: Settings = SETTINGS) -> dict[str, torch.Tensor]:
    network = BertForSequenceClassification.from_pretrained(base, attn_implementation="eager")
    encoder = Encoder(Tokenizer.from_file(str(base / "tokenizer.json")))
    development = Development(
        {"some": PAIRS[:10]}, {"colours": [Choice("it is red", ("red", "blue"), ("red", "blue"), 0)]}
    )
    device = torch.device("cpu")
    return train(network, encoder, PAIRS, [TASK], development, settings, DISTILLED, CROSSED, folder, device)


def test_an_interrupted_run_does_the_same_steps(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _train(base, tmp_path / "whole")
    steps = json.loads((tmp_path / "whole/state.json").read_text())["step"]
    assert steps > 8

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    kept = loop._Run.save
    saved = []

    def save_once(self: loop._Run, step: int, *rest: object) -> None:
        kept(self, step, *rest)  # type: ignore[arg-type]
        saved.append(step)
        stop()

    monkeypatch.setattr(loop._Run, "save", save_once)
    with pytest.raises(KeyboardInterrupt):
        _train(base, tmp_path / "stopped")
    assert saved == [4]
    monkeypatch.setattr(loop._Run, "save", kept)
    again = _train(base, tmp_path / "stopped")
    assert {name: one.numpy().tobytes() for name, one in again.items()} == {
        name: one.numpy().tobytes() for name, one in whole.items()
    }
    last = [load_file(next((tmp_path / name).glob("state-*.safetensors"))) for name in ("whole", "stopped")]
    assert all(torch.equal(last[0][name], last[1][name]) for name in last[0])


def test_other_settings_are_refused(base: Path, tmp_path: Path) -> None:
    _train(base, tmp_path / "run")
    with pytest.raises(ValueError, match="other settings"):
        _train(base, tmp_path / "run", replace(SETTINGS, rate=1e-3))


def test_the_table_of_words_stays_as_it_was(base: Path, tmp_path: Path) -> None:
    trained = _train(base, tmp_path / "run")
    assert not any("word_embeddings" in name for name in trained)
    before = load_file(base / "model.safetensors")
    assert any(not torch.equal(before[name], one) for name, one in trained.items())


def test_the_folder_loads_in_transformers(base: Path, tmp_path: Path) -> None:
    trained = _train(base, tmp_path / "run")
    weights = {**load_file(base / "model.safetensors"), **trained}
    config = json.loads((base / "config.json").read_text())
    save_network(weights, config, base, tmp_path / "model")
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "model")
    assert model(**tokenizer("a cat", "it runs", return_tensors="pt")).logits.shape == (1, 3)
    state = model.state_dict()
    assert all(torch.equal(state[name], one) for name, one in trained.items())


def test_batches_hold_every_question_once(base: Path) -> None:
    encoder = Encoder(Tokenizer.from_file(str(base / "tokenizer.json")))
    questions = [
        Question("cat " * (n % 13 + 1), tuple(f"{n} {k}" for k in range(n % 4 + 1)), -1, True, "some")
        for n in range(300)
    ]
    planned = plan_batches(questions, encoder, tokens=200, seed=1)
    assert sorted(one.hypotheses for part in planned for one in part) == sorted(
        one.hypotheses for one in questions
    )
    for part in planned:
        batch = stack(part, encoder)
        assert batch.ids.numel() <= 200 or len(part) == 1
        assert len(batch.ids) == sum(len(one.hypotheses) for one in part)
        assert int(batch.positive.sum()) == len(part)


def test_masks_are_the_same_for_the_same_step() -> None:
    masks = Masks(0.5, 0, torch.device("cpu"))
    states = torch.ones(10, 20, dtype=torch.bfloat16)
    masks.begin(7)
    first, second = masks(states), masks(states)
    masks.begin(7)
    assert torch.equal(masks(states), first)
    assert not torch.equal(first, second)
    assert {*first.unique().tolist()} == {0.0, 2.0}
    masks.eval()
    assert torch.equal(masks(states), states)
