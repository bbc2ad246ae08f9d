"""The caller's template wins over the language's, over the model's own, over the default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import make_checkpoint

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot.hypotheses import choose_template, own_template
from gristmill.zeroshot.labels import DEFAULT_TEMPLATE, parse_template
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.templates import template_for

OWN = parse_template("Own {}.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_checkpoint(tmp_path / "model", "bert", width=8, heads=2, inner=8, layers=1)


def configure(folder: Path, **values: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_model_names_its_own_template(folder: Path) -> None:
    assert own_template(load_model(folder)).text == DEFAULT_TEMPLATE
    configure(folder, gristmill={"other": 1})
    assert own_template(load_model(folder)).text == DEFAULT_TEMPLATE
    configure(folder, gristmill={"hypothesis_template": "It is about {}."})
    assert own_template(load_model(folder)).text == "It is about {}."


@pytest.mark.parametrize("template", ["nothing", 3, "{0.__class__}"])
def test_a_model_that_names_no_template_is_refused(folder: Path, template: object) -> None:
    configure(folder, gristmill={"hypothesis_template": template})
    with pytest.raises(ModelError, match=r"config\.json: 'gristmill'"):
        own_template(load_model(folder))


def test_the_callers_template_wins() -> None:
    fixed, template_of = choose_template(OWN, "Mine {}.", None)
    assert fixed is not None
    assert fixed.text == template_of("x").text == "Mine {}."
    assert choose_template(OWN, None, None)[0] == OWN


def test_a_language_has_a_template() -> None:
    fixed, template_of = choose_template(OWN, None, "de")
    assert fixed is not None
    assert fixed.text == template_of("x").text == template_for("de")


def test_each_text_may_have_the_template_of_its_language() -> None:
    pytest.importorskip("py3langid")
    fixed, template_of = choose_template(OWN, None, "auto")
    assert fixed is None
    german = "Der neue Treiber stürzt beim Aufwachen ab, und der Bildschirm bleibt danach schwarz."
    french = "Ce texte parle de politique et d'économie; voilà où ça nous mène, n'est-ce pas?"
    assert template_of(german).text == template_for("de")
    assert template_of(french).text == template_for("fr")


def test_both_are_too_many_and_some_are_unknown() -> None:
    with pytest.raises(LabelError, match="give one of them"):
        choose_template(OWN, "Mine {}.", "de")
    with pytest.raises(LabelError):
        choose_template(OWN, None, "klingon")
