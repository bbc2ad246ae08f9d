"""Facts: what is given is read; unknown keys name the nearest right one; energy needs its method."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.zeroshot.card.errors import CardError
from gristmill.zeroshot.card.facts import Facts, read_facts

WHOLE = """
name = "one"
licence = "Apache-2.0"
language = ["en", "de"]
limits = "Short texts."
authors = ["A. B."]
[[datasets]]
name = "snli"
rows = 3
[compute]
energy_kwh = 0.5
energy_method = "meter"
[examples]
http = "POST /"
"""


def facts(tmp_path: Path, text: str) -> Facts:
    (tmp_path / "card.toml").write_text(text)
    return read_facts(tmp_path / "card.toml")


def test_all_of_it_is_read(tmp_path: Path) -> None:
    found = facts(tmp_path, WHOLE)
    assert (found.name, found.language, found.limits) == ("one", ["en", "de"], "Short texts.")
    assert (found.datasets[0].name, found.datasets[0].rows, found.datasets[0].used) == ("snli", 3, None)
    assert (found.compute.energy_kwh, found.compute.energy_method) == (0.5, "meter")
    assert found.examples.http == "POST /"
    assert facts(tmp_path, "") == Facts()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('license = "MIT"', "unknown key license; did you mean licence"),
        ("[compute]\ncpu_hour = 3", "unknown key compute.cpu_hour; did you mean compute.cpu_hours"),
        ('[[datasets]]\nname = "x"\nurls = "y"', "unknown key datasets.urls; did you mean datasets.url"),
        ("zzzz = 1", "unknown key zzzz; known keys here: name, version"),
        ("name = 3", "Expected `str`, got `int` - at `name`; mend"),
        ('[[datasets]]\nurl = "x"', "missing required field `name`"),
        ("[compute]\nenergy_kwh = 1.0", "without compute.energy_method"),
        ("[compute]\ncpu_hours = -1.0", "negative or infinite"),
        ("[compute]\ncpu_hours = nan", "negative or infinite"),
        ("name = ", "is not valid TOML"),
        ("name = 'a'\nname = 'b'", "is not valid TOML"),
    ],
)
def test_mistakes_name_the_file_and_the_mend(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(CardError) as caught:
        facts(tmp_path, text)
    assert message in str(caught.value)
    assert str(tmp_path / "card.toml") in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CardError, match="cannot be read"):
        read_facts(tmp_path / "nowhere.toml")
