"""The classifier as a caller meets it: every form of input, every trap of the pipeline, bad input and large input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import LabelError, ModelError, TextError
from gristmill.zeroshot import ZeroShotClassifier, schedule
from gristmill.zeroshot.engines.base import Dropout, Engine, Pack, Precision
from gristmill.zeroshot.engines.choose import choose_engine
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Floats

LABELS = ["bug report", "feature request", "question"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("classifier") / "model", "distilbert", seed=7)


@pytest.fixture(scope="module")
def classifier(folder: Path) -> Iterator[ZeroShotClassifier]:
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as found:
        yield found


class Sums:
    """An engine that costs next to nothing: states are a function of the ids of each sequence."""

    name, device = "sums", "cpu"
    precision: Precision = "float32"
    workers, token_budget = 2, 512

    def __init__(self, width: int) -> None:
        self.width = width
        self.sequences = 0

    def states(self, pack: Pack, dropout: Dropout | None = None) -> Floats:
        self.sequences += len(pack.lengths)
        starts = np.cumsum(pack.lengths) - pack.lengths
        sums = np.add.reduceat(pack.ids, starts)
        return np.sin(np.outer(sums, np.arange(self.width))).astype(np.float32)

    def close(self) -> None:
        pass


@pytest.fixture
def sums(folder: Path) -> ZeroShotClassifier:
    model = load_model(folder)
    return ZeroShotClassifier(model, Sums(model.encoder.width))


def test_a_string_gives_a_result_and_a_list_gives_a_list(classifier: ZeroShotClassifier) -> None:
    one = classifier(SENTENCES[0], LABELS)
    assert set(one) == {"sequence", "labels", "scores"}
    assert sum(one["scores"]) == pytest.approx(1)
    assert classifier([SENTENCES[0]], LABELS) == [one]
    assert classifier([], LABELS) == []


def test_every_text_of_a_tuple_is_classified(classifier: ZeroShotClassifier) -> None:
    results = classifier(tuple(SENTENCES[:3]), LABELS)
    assert [result["sequence"] for result in results] == list(SENTENCES[:3])


def test_other_iterables_give_a_lazy_iterator(classifier: ZeroShotClassifier) -> None:
    for texts in (iter(SENTENCES), np.array(SENTENCES), dict.fromkeys(SENTENCES).keys()):
        found = classifier(texts, LABELS)
        assert iter(found) is found
        assert [result["sequence"] for result in found] == list(SENTENCES)


@pytest.mark.parametrize("texts", [{"a"}, frozenset("a"), {"a": 1}, b"a", 3, None])
def test_what_holds_no_texts_in_order_is_refused(classifier: ZeroShotClassifier, texts: Any) -> None:
    with pytest.raises(TextError, match="texts must be a string, a list or an iterable"):
        classifier(texts, LABELS)


def test_labels_in_a_string_and_as_keyword(classifier: ZeroShotClassifier) -> None:
    wanted = classifier(SENTENCES[0], LABELS)
    assert classifier(SENTENCES[0], "bug report, feature request ,question,") == wanted
    assert classifier(sequences=SENTENCES[0], candidate_labels=LABELS) == wanted
    assert classifier(SENTENCES[0], LABELS, batch_size=32) == wanted


def test_unknown_arguments_are_refused(classifier: ZeroShotClassifier) -> None:
    with pytest.raises(TypeError):
        classifier(SENTENCES[0])  # type: ignore[call-overload]
    with pytest.raises(TypeError):
        classifier(SENTENCES[0], LABELS, True)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="multi_lable"):
        classifier(SENTENCES[0], LABELS, multi_lable=True)  # type: ignore[call-overload]


def unread() -> Iterator[str]:
    raise AssertionError("a text was read before the labels were checked")
    yield ""


@pytest.mark.parametrize(
    ("labels", "options", "message"),
    [
        ([], {}, "no candidate labels"),
        (["a"], {}, "multi_label=True"),
        (["a", "a"], {}, "twice"),
        (["a", ""], {}, "empty"),
        (["a", "word " * 200], {}, "shorten the label"),
        (["a", "b"], {"hypothesis_template": "no place"}, "no place for the label"),
        (["a", "b"], {"hypothesis_template": "{} " + "word " * 200}, "shorten the label or the template"),
        (["a", "b"], {"hypothesis_template": "{}", "language": "de"}, "give one of them"),
        (["a", "b"], {"threshold": 2}, "from 0 to 1"),
        (["a", "b"], {"beam": 2}, "beam is for a tree"),
        ({"a": 1}, {}, "use a mapping"),
    ],
)
def test_labels_are_checked_before_a_text_is_read(
    classifier: ZeroShotClassifier, labels: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(LabelError, match=message):
        classifier(unread(), labels, **options)


def test_a_label_of_braces_is_a_label_in_any_place(classifier: ZeroShotClassifier) -> None:
    for labels in (["{}", "x"], ["x", "{}"]):
        assert sorted(classifier(SENTENCES[0], labels)["labels"]) == ["x", "{}"]


def test_equal_scores_keep_the_order_of_the_labels(classifier: ZeroShotClassifier) -> None:
    # An uncased tokenizer reads them alike.
    labels = ["sport", "SPORT", "Sport"]
    assert classifier(SENTENCES[0], labels)["labels"] == labels


@pytest.mark.parametrize(
    "text", ["a\0b \0", "lone \ud800 surrogate", "x" * 10_000_000, "word " * 2_000_000, "é" * 1_000_000]
)
def test_strange_and_large_texts_are_answered(classifier: ZeroShotClassifier, text: str) -> None:
    result = classifier(text, LABELS)
    assert result["sequence"] == text
    assert sum(result["scores"]) == pytest.approx(1)


def test_fifty_thousand_labels(sums: ZeroShotClassifier) -> None:
    labels = [f"label {number}" for number in range(50_000)]
    result = sums(SENTENCES[0], labels)
    assert sorted(result["labels"]) == sorted(labels)
    assert sum(result["scores"]) == pytest.approx(1)
    assert result["scores"] == sorted(result["scores"], reverse=True)
    with pytest.raises(LabelError, match="at most 200000"):
        sums(SENTENCES[0], [str(number) for number in range(200_001)])


def test_memory_does_not_grow_with_the_input(
    sums: ZeroShotClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "REMEMBERED_BYTES", 1 << 16)

    def peak(texts: int) -> int:
        stream = sums((f"{SENTENCES[number % 13]} {number}" for number in range(texts)), LABELS)
        tracemalloc.start()
        count = sum(1 for _ in stream)
        highest = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert count == texts
        return highest

    peak(300)  # first uses of everything
    assert peak(2000) < 1.3 * peak(500)


def test_equal_pairs_are_computed_once(sums: ZeroShotClassifier) -> None:
    results = sums([SENTENCES[0], SENTENCES[1]] * 200, LABELS)
    assert results[0] == results[398]
    engine = sums.engine
    assert isinstance(engine, Sums)
    assert engine.sequences == 6


def test_logits_and_probabilities_are_those_of_each_label(classifier: ZeroShotClassifier) -> None:
    result = classifier(SENTENCES[0], LABELS, return_logits=True, return_probabilities=True)
    hypotheses = [f"This example is {label}." for label in result["labels"]]
    (wanted,) = classifier.logits([(SENTENCES[0], hypotheses)])
    np.testing.assert_allclose(result["logits"], wanted, atol=1e-5)
    powers = np.exp(wanted)
    np.testing.assert_allclose(result["probabilities"], powers / powers.sum(axis=1, keepdims=True), atol=1e-5)


def test_low_level_streams_keep_order_and_take_an_empty_premise(classifier: ZeroShotClassifier) -> None:
    pairs = [(text, ["a", "b c"][: 1 + number % 2]) for number, text in enumerate(["", *SENTENCES])]
    logits = list(classifier.logits(iter(pairs)))
    states = list(classifier.states(iter(pairs)))
    classes, width = classifier.model.head.classes, classifier.model.encoder.width
    assert [found.shape for found in logits] == [(1 + number % 2, classes) for number in range(14)]
    assert [found.shape for found in states] == [(1 + number % 2, width) for number in range(14)]
    (alone,) = classifier.logits([pairs[5]])
    np.testing.assert_allclose(alone, logits[5], atol=1e-5)
    with pytest.raises(TextError, match="row 1: a premise must be a string"):
        list(classifier.logits([("x", ["y"]), (None, ["y"])]))  # type: ignore[list-item]


def test_temperatures_of_the_calibration_are_applied_unless_another_is_given(folder: Path) -> None:
    model = load_model(folder)
    engine: Engine = choose_engine(model, engine="numpy")
    calibration: Any = SimpleNamespace(single=2.0, multi=5.0)
    plain = ZeroShotClassifier(model, engine)
    calibrated = ZeroShotClassifier(model, engine, calibration=calibration)
    assert calibrated.calibration is calibration
    for multi_label, temperature in ((False, 2.0), (True, 5.0)):
        options: dict[str, Any] = {"multi_label": multi_label}
        found = calibrated(SENTENCES[0], LABELS, **options)
        assert found == plain(SENTENCES[0], LABELS, temperature=temperature, **options)
        assert found != plain(SENTENCES[0], LABELS, **options)
        assert calibrated(SENTENCES[0], LABELS, temperature=1.0, **options) == plain(
            SENTENCES[0], LABELS, **options
        )


def test_a_calibration_beside_the_model_is_loaded(folder: Path, tmp_path: Path) -> None:
    from gristmill.zeroshot.calibration import Fit, save_calibration

    own = shutil.copytree(folder, tmp_path / "own")
    fit = Fit(
        temperature=3.0,
        data="sha256:00",
        fitted_texts=2,
        held_out_texts=2,
        labels=3,
        template="This example is {}.",
        seed=0,
        precision="float32",
        bins=15,
        error_before=0.5,
        error_after=0.25,
        loss_before=1.0,
        loss_after=0.5,
    )
    save_calibration(own, load_model(own), single=fit)
    calibrated = ZeroShotClassifier.from_pretrained(own, engine="numpy")
    plain = ZeroShotClassifier.from_pretrained(folder, engine="numpy")
    assert calibrated.calibration is not None
    assert plain.calibration is None
    assert calibrated(SENTENCES[0], LABELS) == plain(SENTENCES[0], LABELS, temperature=3.0)
    assert calibrated(SENTENCES[0], LABELS) != plain(SENTENCES[0], LABELS)
    assert calibrated(SENTENCES[0], LABELS, multi_label=True) == plain(SENTENCES[0], LABELS, multi_label=True)


def test_multi_label_needs_a_class_for_contradiction(tmp_path: Path) -> None:
    make_checkpoint(
        tmp_path / "m",
        "bert",
        width=8,
        heads=2,
        inner=8,
        layers=1,
        classes=2,
        label2id={"neutral": 0, "entailment": 1},
    )
    classifier = ZeroShotClassifier.from_pretrained(tmp_path / "m", engine="numpy")
    assert len(classifier(SENTENCES[0], LABELS)["labels"]) == 3
    with pytest.raises(ModelError, match="no class for contradiction"):
        classifier(unread(), LABELS, multi_label=True)


def test_an_encoder_without_a_classifier_is_refused(folder: Path) -> None:
    model = load_model(folder, classifier=False)
    with pytest.raises(ModelError, match="classifier=True"):
        ZeroShotClassifier(model, Sums(model.encoder.width))


def test_templates_of_the_model_the_constructor_and_the_call(folder: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "own")
    config = json.loads((own / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"gristmill": {"hypothesis_template": "Own {}."}}))
    of_model = ZeroShotClassifier.from_pretrained(own, engine="numpy")
    of_caller = ZeroShotClassifier.from_pretrained(
        own, engine="numpy", hypothesis_template="This example is {}."
    )
    assert of_model.hypothesis_template == "Own {}."
    default = ZeroShotClassifier.from_pretrained(folder, engine="numpy")(SENTENCES[0], LABELS)
    assert of_caller(SENTENCES[0], LABELS) == default
    assert of_model(SENTENCES[0], LABELS) != default
    assert of_model(SENTENCES[0], LABELS, hypothesis_template="This example is {}.") == default


def test_languages_have_templates(classifier: ZeroShotClassifier) -> None:
    from gristmill.zeroshot.templates import template_for

    german = "Der neue Treiber stürzt beim Aufwachen ab, und der Bildschirm bleibt danach schwarz."
    labels = ["Fehler", "Frage"]
    wanted = classifier(german, labels, hypothesis_template=template_for("de"))
    assert classifier(german, labels, language="de") == wanted
    pytest.importorskip("py3langid")
    english = "The new driver crashes on resume and the screen stays black until a reboot."
    found = classifier([german, english], labels, language="auto")
    assert found[0]["scores"] == pytest.approx(wanted["scores"], abs=1e-5)
    plain = classifier(english, labels, hypothesis_template=template_for("en"))
    assert found[1]["scores"] == pytest.approx(plain["scores"], abs=1e-5)


def test_threads_may_share_it(classifier: ZeroShotClassifier) -> None:
    wanted = [classifier(text, LABELS) for text in SENTENCES]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda text: classifier(text, LABELS), SENTENCES * 3))
    for result, one in zip(found, wanted * 3, strict=True):
        assert result["labels"] == one["labels"]
        assert result["scores"] == pytest.approx(one["scores"], abs=1e-5)


def test_a_stream_may_be_left_early(classifier: ZeroShotClassifier) -> None:
    stream = classifier((SENTENCES[number % 13] for number in range(10**9)), LABELS)
    assert next(stream)["sequence"] == SENTENCES[0]
    stream.close()  # type: ignore[attr-defined]
    assert classifier(SENTENCES[0], LABELS)["labels"]


def test_an_error_of_the_input_comes_through(classifier: ZeroShotClassifier) -> None:
    def texts() -> Iterator[str]:
        yield SENTENCES[0]
        raise OSError("the file is gone")

    with pytest.raises(OSError, match="the file is gone"):
        list(classifier(texts(), LABELS))


def test_importing_the_package_loads_nothing_of_the_mill_or_of_extras() -> None:
    script = (
        "import sys; import gristmill.zeroshot; light = set(sys.modules);"
        "from gristmill.zeroshot import ZeroShotClassifier, Shortlist, Result;"
        "import json; print(json.dumps([sorted(light), sorted(sys.modules)]))"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    light, loaded = (set(names) for names in json.loads(run.stdout))
    assert "numpy" not in light
    heavy = {"torch", "openvino", "transformers", "huggingface_hub", "pyarrow", "duckdb", "py3langid"}
    assert not heavy & loaded
    rooms = {name.split(".")[1] for name in loaded if name.startswith("gristmill.")}
    assert rooms == {"zeroshot", "errors"}
