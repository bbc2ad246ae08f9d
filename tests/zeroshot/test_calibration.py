"""Temperatures beside the model: written, read, merged, refused for other weights and for any damage."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import SENTENCES, make_checkpoint

from gristmill.zeroshot import ZeroShotClassifier
from gristmill.zeroshot.calibration import FILE, Fit, load_calibration, save_calibration
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.temperature import CalibrationError

FIT = Fit(
    temperature=2.5,
    data="sha256:00",
    fitted_texts=60,
    held_out_texts=61,
    labels=3,
    template="Text über {}. \ud800",
    seed=0,
    precision="float32",
    bins=15,
    error_before=0.25,
    error_after=0.0625,
    loss_before=1.5,
    loss_after=0.75,
)
LABELS = ["bug report", "feature request", "question"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("calibration") / "model", "distilbert", layers=1)


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    shutil.copytree(checkpoint, tmp_path / "model")
    return tmp_path / "model"


def test_no_file_is_no_calibration(folder: Path) -> None:
    assert load_calibration(folder) is None


def test_what_is_saved_is_loaded(folder: Path) -> None:
    model = load_model(folder)
    saved = save_calibration(folder, model, single=FIT)
    found = load_calibration(folder)
    assert found == saved == load_calibration(folder, revision=model.revision)
    assert found is not None
    assert (found.single, found.multi) == (2.5, 1.0)
    assert found.fits["single"] == FIT
    save_calibration(folder, model, multi=replace(FIT, temperature=0.5))
    found = load_calibration(folder)
    assert found is not None
    assert (found.single, found.multi) == (2.5, 0.5)
    assert sorted(path.name for path in folder.iterdir() if "calibration" in path.name) == [FILE]
    assert load_model(folder).revision == model.revision  # the file is no part of the model


def test_the_classifier_applies_it(folder: Path) -> None:
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as plain:
        wanted = plain(SENTENCES[0], LABELS, temperature=2.5)
        assert wanted != plain(SENTENCES[0], LABELS)
    save_calibration(folder, load_model(folder), single=FIT)
    with ZeroShotClassifier.from_pretrained(folder, engine="numpy") as calibrated:
        assert calibrated(SENTENCES[0], LABELS) == wanted


def test_another_revision_is_refused_by_name(folder: Path) -> None:
    model = load_model(folder)
    save_calibration(folder, model, single=FIT)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"other": 1}))
    for revision in (None, "sha256:other", "0" * 40):
        with pytest.raises(CalibrationError, match="another revision of the model") as caught:
            load_calibration(folder, revision=revision)
        assert str(folder / FILE) in str(caught.value)
        assert model.revision in str(caught.value)
    # a new fit replaces it, and does not keep the old one's other mode
    saved = save_calibration(folder, load_model(folder), multi=FIT)
    assert saved.fits.keys() == {"multi"}
    assert load_calibration(folder) == saved


def test_the_same_files_may_come_by_another_revision(folder: Path) -> None:
    commit = "a" * 40
    saved = save_calibration(folder, replace(load_model(folder), revision=commit), single=FIT)
    assert saved.revision == commit
    for revision in (None, commit, "b" * 40, load_model(folder).revision):
        assert load_calibration(folder, revision=revision) == saved


def test_another_programs_file_is_left_alone(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / FILE).write_text('{"method": "minmax"}')
    assert load_calibration(folder) is None
    assert "not of Gristmill" in caplog.text


DAMAGES: list[tuple[str, Any]] = [
    ("gristmill_calibration", 2),
    ("gristmill_calibration", True),
    ("revision", 5),
    ("digest", ""),
    ("more", 1),
    ("single", None),
    ("single", {"temperature": 1.0}),
    *(("single.temperature", value) for value in (0, -1, 1e9, True, "2", None, 10**400)),
    ("single.temperature", float("nan")),
    ("single.fitted_texts", 1.5),
    ("single.fitted_texts", -1),
    ("single.template", 3),
    ("single.error_before", float("inf")),
]


@pytest.mark.parametrize(("key", "value"), DAMAGES, ids=str)
def test_damage_is_refused_by_key(folder: Path, key: str, value: Any) -> None:
    save_calibration(folder, load_model(folder), single=FIT)
    values = json.loads((folder / FILE).read_text())
    place = values
    *way, last = key.split(".")
    for step in way:
        place = place[step]
    place[last] = value
    (folder / FILE).write_text(json.dumps(values))
    with pytest.raises(CalibrationError) as caught:
        load_calibration(folder)
    assert str(folder / FILE) in str(caught.value)
    assert repr(key) in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"gristmill_calibration": 1}', "[" * 100_000])
def test_no_json_and_nothing_in_it(folder: Path, text: str) -> None:
    (folder / FILE).write_text(text)
    with pytest.raises(CalibrationError, match="calibrat"):
        load_calibration(folder)
    assert save_calibration(folder, load_model(folder), single=FIT).single == 2.5


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["single", "x"]), inner),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.dictionaries(st.sampled_from(["revision", "digest", "single", "multi", "z"]), json_values))
def test_any_json_is_refused_and_no_other_error_raised(folder: Path, values: dict[str, Any]) -> None:
    (folder / FILE).write_text(json.dumps({"gristmill_calibration": 1} | values))
    with pytest.raises(CalibrationError):
        load_calibration(folder)


def test_saving_needs_a_fit_and_a_place(folder: Path, tmp_path: Path) -> None:
    model = load_model(folder)
    with pytest.raises(CalibrationError, match="no temperature"):
        save_calibration(folder, model)
    with pytest.raises(CalibrationError, match="cannot be written"):
        save_calibration(tmp_path / "nowhere", model, single=FIT)
