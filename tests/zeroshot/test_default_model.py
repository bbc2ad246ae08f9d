"""The model in the package: it is there, small enough, and right about what anyone can judge."""

from __future__ import annotations

import json

import pytest

from gristmill.cli import main
from gristmill.errors import ModelError
from gristmill.zeroshot import ZeroShotClassifier, default
from gristmill.zeroshot.calibration import load_calibration

LARGEST = 30e6

EXAMPLES = {
    "sports": (
        "The striker scored twice in the second half and the home team won the cup.",
        "She broke the world record over 400 metres at the games.",
    ),
    "cooking": (
        "Whisk the eggs with sugar, fold in the flour and bake for forty minutes.",
        "Let the onions brown slowly in butter before the stock goes in.",
    ),
    "finance": (
        "The central bank raised its rate and shares fell by two percent.",
        "The company's quarterly profit rose on higher interest income.",
    ),
    "weather": (
        "Heavy rain and strong winds are expected along the coast tonight.",
        "Tomorrow stays sunny with temperatures around twenty degrees.",
    ),
    "computer hardware": (
        "The laptop has a faster processor and sixteen gigabytes of memory.",
        "My graphics card runs hot, so I replaced the fan.",
    ),
}


@pytest.fixture(scope="module")
def classifier() -> ZeroShotClassifier:
    return ZeroShotClassifier.default(engine="numpy")


def test_it_is_small_and_has_all_its_parts() -> None:
    folder = default.default_folder()
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < LARGEST
    training = json.loads((folder / "training.json").read_text("utf-8"))
    assert training["base_model"]["licence"] == "Apache-2.0"
    assert all(one["licence"] and one["used"] > 0 for one in training["data"]["sets"])


def test_topics_that_no_training_set_has_are_told_apart(classifier: ZeroShotClassifier) -> None:
    labels = list(EXAMPLES)
    texts = [(text, label) for label, some in EXAMPLES.items() for text in some]
    found = classifier([text for text, _ in texts], labels)
    right = sum(result["labels"][0] == label for result, (_, label) in zip(found, texts, strict=True))
    assert right >= 9, [(one["sequence"], one["labels"][0]) for one in found]


def test_it_knows_entailment_from_contradiction(classifier: ZeroShotClassifier) -> None:
    pairs = [
        ("A man is playing a guitar on stage.", "A person is making music."),
        ("A man is playing a guitar on stage.", "The man is asleep."),
    ]
    entailed, contradicted = (
        logits for logits in classifier.score_pairs(pairs) if not isinstance(logits, Exception)
    )
    assert entailed.argmax() == classifier.ids.entailment
    assert contradicted.argmax() == classifier.ids.contradiction


def test_its_temperatures_are_applied(classifier: ZeroShotClassifier) -> None:
    stored = load_calibration(default.default_folder())
    assert stored is not None
    assert classifier.calibration == stored
    assert stored.single != 1.0
    assert stored.fits["single"].error_after <= 0.05


def test_its_template_is_its_own(classifier: ZeroShotClassifier) -> None:
    assert classifier.hypothesis_template == "This text is about {}."


def test_a_copy_without_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(default, "FOLDER", "nowhere")
    with pytest.raises(ModelError, match="without its default model"):
        ZeroShotClassifier.default()
    assert main(["classify", "a text", "--labels", "a,b"]) == 1
    assert "or name a model" in capsys.readouterr().err
