"""training.json is read leniently, and what facts say of a set stands before it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gristmill.errors import ModelError
from gristmill.zeroshot.card.facts import Compute, DataSet
from gristmill.zeroshot.card.training import Training, merged_compute, merged_sets, read_training

WHOLE = {
    "format": 1,
    "base_model": {"name": "base/model", "licence": "Apache-2.0", "digest": "sha256:1", "other": 3},
    "data": {
        "digest": "sha256:2",
        "sets": [{"name": "snli", "rows": 10, "used": 8, "pairs": 8, "kind": "nli"}],
    },
    "recipe": {"rate": 5e-5, "epochs": 3, "mixed": True, "schedule": "linear"},
    "seed": 0,
    "compute": {"cpu_hours": 3.2, "device": "CPU", "flops": 1e15},
    "command": "make train",
    "held_out": ["topics"],
    "ideas": [{"name": "longer", "result": "no gain"}],
}


def read(tmp_path: Path, values: object) -> Training:
    (tmp_path / "training.json").write_text(json.dumps(values))
    return read_training(tmp_path)


def test_all_of_it_is_read(tmp_path: Path) -> None:
    found = read(tmp_path, WHOLE)
    assert found.base_model == {"name": "base/model", "licence": "Apache-2.0", "digest": "sha256:1"}
    assert found.sets == (DataSet(name="snli", rows=10, used=8, pairs=8, kind="nli"),)
    assert found.recipe == WHOLE["recipe"]
    assert (found.seed, found.command, found.data_digest) == (0, "make train", "sha256:2")
    assert (found.held_out, found.ideas) == (("topics",), (("longer", "no gain"),))
    assert found.compute == Compute(cpu_hours=3.2, device="CPU", flops=1e15)


@pytest.mark.parametrize("value", [3, "x", [], {}, None, [3], {"a": []}])
def test_what_has_another_form_is_not_stated(tmp_path: Path, value: object) -> None:
    found = read(
        tmp_path, dict.fromkeys(("base_model", "data", "recipe", "compute", "held_out", "ideas"), value)
    )
    assert found == Training()
    wrong = {"data": {"sets": [{"name": value if value != "x" else 1, "rows": "many"}]}, "seed": True}
    assert read(tmp_path, wrong) == Training()


def test_no_file_and_a_damaged_one(tmp_path: Path) -> None:
    assert read_training(tmp_path) == Training()
    (tmp_path / "training.json").write_text("{")
    with pytest.raises(ModelError, match=r"training\.json"):
        read_training(tmp_path)


def test_energy_without_a_method_is_not_stated(tmp_path: Path) -> None:
    assert read(tmp_path, {"compute": {"energy_kwh": 2}}).compute.energy_kwh is None
    both = {"energy_kwh": 2, "energy_method": "meter"}
    assert read(tmp_path, {"compute": both}).compute.energy_kwh == 2


def test_facts_fill_in_and_win(tmp_path: Path) -> None:
    training = read(tmp_path, WHOLE)
    facts = [DataSet(name="more", rows=1), DataSet(name="snli", licence="CC BY-SA 4.0", used=7)]
    one, two = merged_sets(training, facts)
    assert (one.name, one.rows, one.used, one.licence) == ("snli", 10, 7, "CC BY-SA 4.0")
    assert (two.name, two.rows) == ("more", 1)
    found = merged_compute(training, Compute(cpu_hours=9.0))
    assert (found.cpu_hours, found.device) == (9.0, "CPU")
