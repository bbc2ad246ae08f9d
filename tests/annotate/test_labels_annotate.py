"""Labels of texts: the classifier's scores text by text, and everything pinned that they depend on."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file, save_file
from tiny_models import make_checkpoint

from gristmill import tables
from gristmill.annotate import labels
from gristmill.annotate.labels import PinnedSet, annotate, beginning, pin
from gristmill.errors import LabelError, MissingExtraError, ModelError
from gristmill.recipe import LabelSet
from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.calibration import Fit, save_calibration
from gristmill.zeroshot.models.load import load_model

LABELS = ("sport", "politics", "a bug")
TEXTS = ("The new driver crashes on resume.", "How do I install the package?", "Bitte, ein Fehler.")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A recipe's folder, with a model in it."""
    folder = tmp_path_factory.mktemp("recipe")
    make_checkpoint(folder / "model", "bert")
    yield folder
    labels.close_model()


def wanted(**values: object) -> LabelSet:
    return LabelSet(**{"name": "topic", "model": "model", "labels": LABELS, "engine": "numpy"} | values)  # type: ignore[arg-type]


def batch(*texts: str | bytes | None) -> pa.RecordBatch:
    data = [text.encode() if isinstance(text, str) else text for text in texts]
    ids = [f"{number:040x}" for number in range(len(texts))]
    return pa.RecordBatch.from_arrays(
        [pa.array(ids, pa.string()), pa.array(data, pa.large_binary())], names=["content_id", "text"]
    )


@pytest.mark.parametrize("multi_label", [True, False])
def test_scores_are_the_classifiers_rounded(base: Path, multi_label: bool) -> None:
    chosen = pin(wanted(multi_label=multi_label, template="Das ist {}."), base)
    found = annotate(batch(*TEXTS), chosen)
    assert found.schema == tables.LABELS.schema
    with ZeroShotClassifier.from_pretrained(base / "model", engine="numpy") as classifier:
        expected = [
            classifier(text, list(LABELS), multi_label=multi_label, hypothesis_template="Das ist {}.")
            for text in TEXTS
        ]
    rows = found.to_pylist()
    assert [(row["content_id"][-1], row["label"]) for row in rows] == [
        (str(number), label) for number in range(3) for label in LABELS
    ]
    for number, result in enumerate(expected):
        scores = dict(zip(result["labels"], result["scores"], strict=True))
        ours = [row["score"] for row in rows[3 * number : 3 * number + 3]]
        np.testing.assert_allclose(ours, [scores[label] for label in LABELS], atol=5.1e-5)
        assert ours == [round(score, 4) for score in ours]
        assert len(set(ours)) > 1
    revision = ZeroShotClassifier.from_pretrained(base / "model", engine="numpy").model.revision
    assert revision.startswith("sha256:")
    assert {(row["set"], row["model"], row["revision"], row["engine"]) for row in rows} == {
        ("topic", "model", revision, "numpy cpu")
    }
    assert {(row["template"], row["precision"], row["multi_label"]) for row in rows} == {
        ("Das ist {}.", "float32", multi_label)
    }


@pytest.mark.parametrize("engine", ["numpy", "openvino", "torch"])
def test_a_text_has_the_same_scores_whatever_stands_beside_it(base: Path, engine: str) -> None:
    if engine != "numpy":
        pytest.importorskip(engine)
    chosen = pin(wanted(engine=engine), base)
    assert (chosen.engine, chosen.precision) == (engine, "float32")
    texts = [*TEXTS, *TEXTS[::-1]]
    together = annotate(batch(*texts), chosen)["score"].to_pylist()
    alone = {text: annotate(batch(text), chosen)["score"].to_pylist() for text in TEXTS}
    assert together == [score for text in texts for score in alone[text]]


def test_texts_without_words_have_no_rows(base: Path) -> None:
    chosen = pin(wanted(), base)
    found = annotate(batch(None, "", " \n\t", "\ufeff", TEXTS[0], b"\x00"), chosen)
    assert set(found["content_id"].to_pylist()) == {f"{4:040x}"}
    assert annotate(batch(), chosen).num_rows == 0


def test_only_the_beginning_counts(base: Path) -> None:
    chosen = pin(wanted(max_characters=20), base)
    same = [TEXTS[0][:20], TEXTS[0], TEXTS[0][:20] + TEXTS[1], "\ufeff" + TEXTS[0]]
    scores = annotate(batch(*same, TEXTS[0][:19]), chosen)["score"].to_pylist()
    assert scores[:3] == scores[3:6] == scores[6:9] == scores[9:12]
    assert scores[:3] != scores[12:]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), st.integers(1, 30))
def test_the_beginning_is_cut_by_characters(text: str, most: int) -> None:
    expected = text.removeprefix("\ufeff")[:most]
    assert beginning(memoryview(text.encode()), most) == expected


def test_the_beginning_of_ten_megabytes_is_all_that_is_read(base: Path) -> None:
    chosen = pin(wanted(), base)
    head = "sport " * 400
    large = annotate(batch((head + "politics " * 1_200_000).encode()), chosen)
    assert large["score"].to_pylist() == annotate(batch(head), chosen)["score"].to_pylist()


def test_parameters_hold_all_but_where_the_model_lies(base: Path, tmp_path: Path) -> None:
    chosen = pin(wanted(), base)
    parameters = json.loads(json.dumps(chosen.parameters()))
    assert str(base) not in json.dumps(parameters)
    assert PinnedSet.of(parameters, chosen.folder) == chosen
    shutil.copytree(base / "model", tmp_path / "model")
    assert pin(wanted(), tmp_path).parameters() == chosen.parameters()
    for other in (
        {"labels": LABELS[::-1]}, {"multi_label": False}, {"template": "So {}."}, {"texts": "heads"},
        {"max_characters": 9}, {"name": "other"}, {"engine": "torch"},
    ):  # fmt: skip
        assert pin(wanted(**other), base).parameters() != chosen.parameters(), other


def test_a_template_of_the_models_own_is_pinned(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "model", tmp_path / "model")
    config = json.loads((tmp_path / "model/config.json").read_text())
    config["gristmill"] = {"hypothesis_template": "Own {}."}
    (tmp_path / "model/config.json").write_text(json.dumps(config))
    assert pin(wanted(), tmp_path).template == "Own {}."
    assert pin(wanted(), base).template == "This example is {}."


def test_a_calibration_beside_the_model_is_pinned_and_applied(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "model", tmp_path / "model")
    fit = Fit(
        temperature=4.0, data="sha256:0", fitted_texts=2, held_out_texts=2, labels=3, template="{}", seed=0,
        precision="float32", bins=10, error_before=0.2, error_after=0.1, loss_before=1.0, loss_after=0.9,
    )  # fmt: skip
    model = load_model(tmp_path / "model")
    save_calibration(model.folder, model, single=replace(fit, temperature=2.0), multi=fit)
    for multi_label, temperature in ((True, 4.0), (False, 2.0)):
        plain, chosen = (pin(wanted(multi_label=multi_label), folder) for folder in (base, tmp_path))
        assert (plain.temperature, chosen.temperature) == (1.0, temperature)
        assert plain.revision == chosen.revision
        assert plain.parameters() != chosen.parameters()
        cold, warm = (annotate(batch(*TEXTS), one)["score"].to_numpy() for one in (plain, chosen))
        assert np.ptp(warm) < np.ptp(cold)
    with ZeroShotClassifier.from_pretrained(tmp_path / "model", engine="numpy") as classifier:
        result = classifier(TEXTS[0], list(LABELS))
    found = dict(zip(LABELS, warm[: len(LABELS)].tolist(), strict=True))
    assert found == pytest.approx(dict(zip(result["labels"], result["scores"], strict=True)), abs=5.1e-5)


@pytest.mark.parametrize(
    ("values", "kind", "says"),
    [
        ({"model": "./none"}, ModelError, "none"),
        ({"model": "../x/\0"}, ModelError, "no folder"),
        ({"revision": "sha256:00"}, ModelError, "has the revision sha256:"),
        ({"template": "no place"}, LabelError, "has no place for the label"),
        ({"labels": ("a", "a")}, LabelError, "there twice"),
        ({"labels": ("a", " ")}, LabelError, "candidate label 1 is empty"),
        ({"labels": ("a",), "multi_label": False}, LabelError, "the only label"),
        ({"labels": ("long " * 200, "b")}, LabelError, "label"),
        ({"precision": "bfloat16"}, ModelError, "numpy"),
    ],
)
def test_mistakes_are_told_at_once_and_name_the_set(
    base: Path, values: dict[str, object], kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind) as caught:
        pin(wanted(**values), base)
    assert str(caught.value).startswith("annotate.labels 'topic': ")
    assert says in str(caught.value)


def test_a_missing_engine_names_the_extra(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith("gristmill.zeroshot.engines.torch")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(MissingExtraError, match=r"gristmill\[torch\]"):
        pin(wanted(engine="torch"), base)


def test_a_model_that_changed_since_is_refused(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "model", tmp_path / "model")
    chosen = pin(wanted(), tmp_path)
    make_checkpoint(tmp_path / "model", "bert", seed=1)
    with pytest.raises(ModelError, match=r"content 0{40}, label set 'topic': .* has the revision"):
        annotate(batch(TEXTS[0]), chosen)


def test_weights_that_give_no_score_are_told_of(base: Path, tmp_path: Path) -> None:
    shutil.copytree(base / "model", tmp_path / "model")
    weights = load_file(tmp_path / "model/model.safetensors")
    weights["classifier.bias"][:] = 3e38
    weights["classifier.weight"] *= 1e38
    save_file(weights, tmp_path / "model/model.safetensors")
    chosen = pin(wanted(), tmp_path)
    with pytest.raises(ModelError, match=r"content 0{40}, label set 'topic': .*not finite"):
        annotate(batch(TEXTS[0]), chosen)


def test_one_model_is_held_and_used_again(base: Path, tmp_path: Path) -> None:
    make_checkpoint(tmp_path / "model", "distilbert")
    here, there = pin(wanted(), base), pin(wanted(), tmp_path)
    first = labels._classifier(here)
    assert labels._classifier(replace(here, template="{}", texts="heads")) is first
    second = labels._classifier(there)
    assert second is not first
    assert list(labels._OPEN.values()) == [second]
    labels.close_model()
    assert not labels._OPEN


def test_nothing_of_it_is_imported_before_it_is_asked_for() -> None:
    code = (
        "import sys, gristmill.pipeline, gristmill.cli.build\n"
        "from gristmill.recipe import parse_recipe\n"
        "from pathlib import Path\n"
        'recipe = parse_recipe(\'[release]\\nname = "x"\\n[collect]\\nsources = ["dir:."]\\n\')\n'
        "gristmill.pipeline.read_inputs(recipe, Path('.'))\n"
        "print([m for m in sys.modules if m.startswith(('gristmill.zeroshot', 'tokenizers', 'torch'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
