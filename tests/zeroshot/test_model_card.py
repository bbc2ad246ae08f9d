"""A card of a tiny model: front matter, tables and JSON say the same, and what nobody said is not stated."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from huggingface_hub import ModelCard
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import GristmillError
from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.calibration import Fit, save_calibration
from gristmill.zeroshot.card.card import make_card, render, write_card
from gristmill.zeroshot.card.errors import CardError
from gristmill.zeroshot.card.evaluations import read_evaluations
from gristmill.zeroshot.card.facts import Facts, parse_facts
from gristmill.zeroshot.evaluate.folder import write_folder
from gristmill.zeroshot.evaluate.pairs import THREE, evaluate_pairs
from gristmill.zeroshot.evaluate.record import Data, evaluation
from gristmill.zeroshot.evaluate.texts import evaluate_texts
from gristmill.zeroshot.quantise.quantise import Options, quantise

LABELS = ["bug report", "feature request", "question", "praise", "complaint", "idea"]
TRUTH = (np.arange(13) % 6)[:, None] == np.arange(6)
FIT = Fit(2.5, "sha256:0", 100, 90, 3, "t", 0, "float32", 15, 0.11, 0.05, 1.0, 0.9)
FACTS = {
    "name": "maker/tiny | model",
    "licence": "Apache-2.0",
    "language": "en",
    "authors": ["A. {B}.", "C. D."],
    "year": 2026,
    "intended_use": "Sorting *issues*.",
    "limits": ["Never for medicine."],
    "compute": {"energy_kwh": 0.25, "energy_method": "a meter at the socket"},
    "datasets": [{"name": "more/data", "licence": "MIT", "rows": 5}],
    "examples": {"http": "POST /models/tiny\n```"},
}
TRAINING = {
    "base_model": {"name": "base/encoder", "licence": "Apache-2.0", "digest": "sha256:1"},
    "data": {"sets": [{"name": "snli", "title": "SNLI <b>|", "url": "https://example.org", "used": 7}]},
    "recipe": {"rate": 5e-5},
    "seed": 3,
    "command": "make train",
    "compute": {"cpu_hours": 3.2},
}


def measured(
    folder: Path, output: Path, name: str, *, task: str = "texts", precision: str = "float32"
) -> None:
    with ZeroShotClassifier.from_pretrained(
        folder, engine="numpy", precision=precision, workers=1
    ) as classifier:
        if task == "pairs":
            pairs = [(one, "It crashes.") for one in SENTENCES]
            outcome = evaluate_pairs(classifier, pairs, [THREE[n % 3] for n in range(13)])
        else:
            outcome = evaluate_texts(classifier, SENTENCES, LABELS, TRUTH, multi_label=task == "several")
        data = Data(
            name, f"{name}.jsonl", f"sha256:{name}", 15, 13, ((2, "bad"),), command=f"gristmill {name}"
        )
        write_folder(output, evaluation(outcome, data, classifier), outcome)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A calibrated model, its int8 copy, another model, and evaluations of all three."""
    place = tmp_path_factory.mktemp("card")
    model = make_checkpoint(place / "tiny", "bert", seed=2)
    (model / "training.json").write_text(json.dumps(TRAINING))
    with ZeroShotClassifier.from_pretrained(model, engine="numpy") as classifier:
        save_calibration(model, classifier.model, single=FIT)
    make_checkpoint(place / "other", "bert", seed=3)
    quantise(str(model), place / "small", Options(bits=8, allow_loss=True))
    measured(model, place / "all" / "a", "issues | set")
    measured(model, place / "all" / "b", "pairs", task="pairs")
    measured(model, place / "all" / "c", "tags", task="several")
    measured(place / "small", place / "all" / "d", "issues | set", precision="auto")
    measured(place / "other", place / "all" / "e", "issues | set")
    return place


def facts(values: dict[str, Any] | None = None) -> Facts:
    return parse_facts(FACTS if values is None else values, "card.toml")


def test_front_matter_is_what_the_hub_reads(place: Path) -> None:
    values = make_card(place / "tiny", [place / "all"], facts())
    text = render(values)
    front = yaml.safe_load(text.split("---\n")[1])
    assert front == values["front_matter"]
    assert (front["license"], front["language"], front["pipeline_tag"]) == (
        "apache-2.0",
        ["en"],
        "zero-shot-classification",
    )
    assert (front["base_model"], front["datasets"]) == ("base/encoder", ["snli", "more/data"])
    card = ModelCard(text)
    assert card.data.model_name == "maker/tiny | model"
    results = card.data.eval_results
    assert results is not None
    assert {(one.dataset_name, one.task_type) for one in results} == {
        ("issues | set", "zero-shot-classification"),
        ("pairs", "text-classification"),
        ("tags", "zero-shot-classification"),
    }
    found = {(one.dataset_name, one.metric_name): one.metric_value for one in results}
    for name, folder, main in (("issues | set", "a", "accuracy"), ("pairs", "b", "accuracy"),
                               ("tags", "c", "subset_accuracy")):  # fmt: skip
        written = json.loads((place / "all" / folder / "evaluation.json").read_bytes())
        shown = "Subset accuracy" if main == "subset_accuracy" else "Accuracy"
        assert found[name, shown] == written["measures"][main]["value"]
        assert found[name, "Macro-F1"] == written["measures"]["macro_f1"]["value"]
        error = written["calibration"]["with_temperature"]["error"]
        assert found[name, "Expected calibration error"] == error
    assert ("issues | set", "Top-3 accuracy") in found
    assert ("pairs", "Micro-F1") not in found


def test_sections_say_what_was_measured_and_stated(place: Path) -> None:
    values = make_card(place / "tiny", [place / "all"], facts())
    text = render(values)
    one = next(one for one in values["evaluations"] if one["name"] == "issues | set")
    share = one["measures"]["accuracy"]
    interval = f"{100 * share['value']:.1f} ({100 * share['low']:.1f} to {100 * share['high']:.1f})"
    model = values["model"]
    for part in (
        "# maker/tiny \\| model",
        "bert: 2 layers, width 32, 4 heads",
        f"{model['parameters']:,}, of them {model['embedding_parameters']:,} in the word table",
        "Sorting *issues*.",
        "- Never for medicine.",
        "[SNLI \\<b\\>\\|](https://example.org)",
        "| more/data | not stated | MIT | 5 | not stated | not stated |",
        "| rate | `5e-05` |",
        "| seed | `3` |",
        "| CPU hours | 3.2 |",
        "| energy, kWh | 0.25 |",
        "a meter at the socket",
        "make train",
        "gristmill issues | set",
        "  author = {A. B. and C. D.},\n  year = {2026}",
        "````text\nPOST /models/tiny\n```\n````",
        f"| issues \\| set | one label | 13 | 6 | {interval} |",
        "| labels that share 1 | 2.5 | 100 | 90 | 11.0 | 5.0 |",
    ):
        assert part in text, part
    assert "No calibration stands beside it" not in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    for before, line in pairwise(rows):
        cells = [one.count("|") - one.count("\\|") for one in (before, line)]
        if line.startswith("| --- "):
            assert cells[0] == cells[1]


def test_parameters_are_those_of_the_weights(place: Path) -> None:
    from safetensors.numpy import load_file

    tensors = load_file(place / "tiny" / "model.safetensors")
    wanted = sum(one.size for name, one in tensors.items() if "position_ids" not in name)
    for folder in ("tiny", "small"):
        assert make_card(place / folder)["model"]["parameters"] == wanted


def test_other_models_are_told_apart(place: Path) -> None:
    of = [one["relation"] for one in make_card(place / "tiny", [place / "all"])["evaluations"]]
    assert of == ["this", "this", "this", "made_from_this", "other"]
    values = make_card(place / "small", [place / "all"])
    of = [one["relation"] for one in values["evaluations"]]
    assert of == ["original", "original", "original", "this", "other"]
    assert [one["result"] for one in values["evaluations"]] == [False, False, False, True, False]
    (entry,) = values["front_matter"]["model-index"][0]["results"]
    assert entry["dataset"]["name"] == "issues | set"
    text = render(values)
    assert "Its linear layers were rounded to int8" in text
    assert "the model that this was quantised from" in text
    assert values["model"]["bytes"] < make_card(place / "tiny")["model"]["bytes"]


def test_what_nobody_says_is_not_stated(place: Path) -> None:
    values = make_card(place / "other")
    text = render(values)
    front = yaml.safe_load(text.split("---\n")[1])
    assert set(front) == {"library_name", "pipeline_tag", "tags"}
    for part in ("| Licence | not stated |", "| Languages | not stated |", "| Authors | not stated |",
                 "No evaluation of this model was given.", "Of training: not stated.", "Energy: not stated.",
                 "How it was trained is not stated.", "No temperature is stored", "No calibration stands beside it",
                 "## How to cite\n\nNot stated.", "## Training data\n\nNot stated.",
                 "## Training procedure\n\nNot stated.", "Which languages it knows is not stated."):  # fmt: skip
        assert part in text, part
    assert "HTTP" not in text
    assert ModelCard(text).data.eval_results is None


def test_the_same_again_is_the_same(place: Path, tmp_path: Path) -> None:
    values = make_card(place / "tiny", [place / "all"], facts())
    card, beside = write_card(tmp_path / "MODEL_CARD.md", values)
    first = card.read_bytes(), beside.read_bytes()
    assert json.loads(first[1]) == values
    write_card(card, make_card(place / "tiny", [place / "all"], facts()))
    assert (card.read_bytes(), beside.read_bytes()) == first
    assert str(place).encode() not in first[0] + first[1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["MODEL_CARD.json", "MODEL_CARD.md"]


def test_another_text_is_not_written_over(place: Path, tmp_path: Path) -> None:
    values = make_card(place / "other")
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(CardError, match="--replace"):
        write_card(tmp_path / "README.md", values)
    assert (tmp_path / "README.md").read_text() == "mine"
    write_card(tmp_path / "README.md", values, replace=True)
    for wrong in (tmp_path / "card.txt", tmp_path):
        with pytest.raises(CardError):
            write_card(wrong, values, replace=True)


def test_evaluations_that_cannot_be_read(place: Path, tmp_path: Path) -> None:
    good = json.loads((place / "all" / "a" / "evaluation.json").read_bytes())
    path = tmp_path / "evaluation.json"
    cases: list[tuple[object, str]] = [
        ("{", "is not valid JSON"),
        ([], "'gristmill_evaluation' is None"),
        (good | {"gristmill_evaluation": 2}, "this version of Gristmill reads 1"),
        (good | {"task": "other"}, "task"),
        (good | {"timing": {}}, "missing required field"),
        (good | {"measures": {}}, "has no measure 'accuracy'"),
        ('{"gristmill_evaluation": NaN}', "NaN is no number"),
        ('{"gristmill_evaluation": 1, "seed": 1e999}', "1e999 is no number"),
    ]
    for value, message in cases:
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        with pytest.raises(GristmillError) as caught:
            read_evaluations([path])
        assert message in str(caught.value)
        assert str(path) in str(caught.value)
    (tmp_path / "empty").mkdir()
    with pytest.raises(CardError, match=r"holds no evaluation\.json"):
        read_evaluations([tmp_path / "empty"])
    folder = place / "all"
    assert len(read_evaluations([folder, folder / "a", folder / "a" / "evaluation.json"])) == 5


def test_a_result_is_that_of_the_models_own_precision(place: Path, tmp_path: Path) -> None:
    good = json.loads((place / "all" / "a" / "evaluation.json").read_bytes())
    other = json.loads(json.dumps(good))
    other["run"]["precision"] = "int8"
    other["measures"]["accuracy"]["value"] = 0.999
    for name, values in (("1", other), ("2", good)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "evaluation.json").write_text(json.dumps(values))
    values = make_card(place / "tiny", [tmp_path])
    assert [one["result"] for one in values["evaluations"]] == [False, True]
    (entry,) = values["front_matter"]["model-index"][0]["results"]
    assert entry["metrics"][0]["value"] == good["measures"]["accuracy"]["value"] != 0.999
    assert "99.9" in render(values)
