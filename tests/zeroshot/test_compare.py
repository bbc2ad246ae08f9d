"""Two models in processes of their own: the figures are those of the classifier, and failures name the model."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_models import SENTENCES, make_checkpoint

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot import compare as compare_module
from gristmill.zeroshot.calibration import Fit, save_calibration
from gristmill.zeroshot.compare import Candidate, compare
from gristmill.zeroshot.compare_child import peak_memory
from gristmill.zeroshot.evaluation import judge
from gristmill.zeroshot.metrics import mcnemar
from gristmill.zeroshot.models.load import load_model

LABELS = ["bug report", "feature request", "question"]
TEXTS = [*SENTENCES, "\0", "lone \ud800"]
TRUTH = np.eye(3, dtype=bool)[np.arange(len(TEXTS)) % 3]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    root = tmp_path_factory.mktemp("compare")
    first = make_checkpoint(root / "first", "distilbert", seed=1)
    second = make_checkpoint(root / "second", "bert", seed=2)
    fit = Fit(3.0, "sha256:x", 10, 10, 3, "{}", 0, "float32", 15, 0.2, 0.1, 1.0, 0.5)
    save_calibration(second, load_model(second), single=fit)
    return first, second


def test_figures_are_those_of_the_classifier(folders: tuple[Path, Path]) -> None:
    candidates = [Candidate(str(folder), engine="numpy", workers=1) for folder in folders]
    found = compare(*candidates, TEXTS, LABELS, TRUTH)
    assert (found.texts, found.failed, found.labels) == (len(TEXTS) - 1, 1, 3)
    keep = [place for place, text in enumerate(TEXTS) if text != "\0"]
    bests = []
    for folder, run, quality in zip(folders, found.runs, found.quality, strict=True):
        with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as classifier:
            scores = np.zeros((len(keep), 3))
            for row, place in enumerate(keep):
                result = classifier(TEXTS[place], LABELS)
                scores[row, [LABELS.index(label) for label in result["labels"]]] = result["scores"]
            wanted = judge(scores, TRUTH[keep], multi_label=False)
            assert run.revision == classifier.model.revision
        assert quality.accuracy == wanted.accuracy
        assert quality.macro_f1 == wanted.macro_f1
        assert quality.calibration_error == pytest.approx(wanted.calibration_error, abs=1e-4)
        assert (run.engine, run.precision, run.device, run.workers) == ("numpy", "float32", "cpu", 1)
        assert run.pairs_per_second == pytest.approx(3 * run.texts_per_second)
        assert run.pairs_per_cpu_second == pytest.approx(3 * run.texts_per_cpu_second)
        assert run.texts_per_second == pytest.approx(len(keep) / run.wall_seconds)
        assert 10e6 < run.peak_bytes < 1e9
        assert run.peak_device_bytes is None
        weights = (folder / "model.safetensors").stat().st_size
        assert weights < run.bytes_on_disk < weights + 1e6
        bests.append(scores.argmax(axis=1))
    assert [run.temperature for run in found.runs] == [1.0, 3.0]
    assert found.agreement == pytest.approx((bests[0] == bests[1]).mean())
    rights = [best == TRUTH[keep].argmax(axis=1) for best in bests]
    assert found.only_first_right == (rights[0] & ~rights[1]).sum()
    assert found.only_second_right == (rights[1] & ~rights[0]).sum()
    assert found.p_value == mcnemar(found.only_first_right, found.only_second_right)


def test_a_model_agrees_with_itself(folders: tuple[Path, Path]) -> None:
    one = Candidate(str(folders[0]), engine="numpy")
    truth = TRUTH.copy()
    truth[0] = True
    found = compare(
        one, one, TEXTS[:5], LABELS, truth[:5], multi_label=True, hypothesis_template="{}", threshold=0.0
    )
    assert (found.agreement, found.p_value, found.multi_label) == (1.0, 1.0, True)
    # with a threshold of 0 all labels are found, which is right for the first text alone
    assert [quality.accuracy for quality in found.quality] == [0.2, 0.2]


def test_errors_name_the_model(folders: tuple[Path, Path], tmp_path: Path) -> None:
    good = Candidate(str(folders[0]), engine="numpy")
    (tmp_path / "empty").mkdir()
    for bad, error in (
        (Candidate(str(tmp_path / "empty")), "config.json is missing"),
        (replace(good, engine="abacus"), "engine 'abacus' is not known"),
        (replace(good, revision="sha256:0"), "has the revision"),
    ):
        with pytest.raises(ModelError, match=error) as caught:
            compare(bad, good, TEXTS[:2], LABELS, TRUTH[:2])
        assert bad.model in str(caught.value)
    with pytest.raises((ModelError, LabelError), match="twice"):
        compare(good, good, TEXTS[:2], ["a", "a", "b"], TRUTH[:2])
    with pytest.raises(ModelError, match="no text could be classified by both"):
        compare(good, good, ["", "\0"], LABELS, TRUTH[:2])


def test_a_process_that_is_killed_is_told_of(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dies.py").write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGKILL)})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(compare_module, "CHILD", "dies")
    one = Candidate(str(folders[0]))
    with pytest.raises(ModelError, match="ended by SIGKILL; there was too little memory"):
        compare(one, one, TEXTS[:2], LABELS, TRUTH[:2])
    (tmp_path / "dies.py").write_text("raise SystemExit(7)\n")
    with pytest.raises(ModelError, match="exit code 7"):
        compare(one, one, TEXTS[:2], LABELS, TRUTH[:2])


def test_peak_memory_is_the_processes_own() -> None:
    code = "from gristmill.zeroshot.compare_child import peak_memory; {}; print(peak_memory())"
    held = bytearray(400 << 20)
    held[::4096] = b"x" * len(held[::4096])  # so that a parent's memory, if it were counted, would show
    peaks = []
    for extra in ("pass", "x = b'x' * (200 << 20)"):
        ran = subprocess.run(
            [sys.executable, "-c", code.format(extra)], capture_output=True, text=True, check=True
        )
        peaks.append(int(ran.stdout))
    assert peaks[0] < 300 << 20
    assert 180 << 20 < peaks[1] - peaks[0] < 220 << 20
    assert peak_memory() > len(held)
