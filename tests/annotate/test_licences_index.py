from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gristmill.annotate.licences import index
from gristmill.errors import LicenceIndexError
from gristmill.spdx import expressions

PATH = Path(index.__file__).parent / index.NAME


def test_the_index_is_whole() -> None:
    made = index.builtin()
    rules, texts = len(made.rule_hash), len(made.text_rule)
    assert rules > 30_000
    assert texts > 10_000
    assert made.key_rules[-1] == rules
    assert int(made.rule_expression.max()) < len(made.expressions)
    assert len(made.text_words) == made.text_bounds[-1]
    assert len(made.shingle_texts) == made.shingle_bounds[-1]
    assert int(made.shingle_texts.max()) == texts - 1
    assert (np.diff(made.shingles.astype(np.int64)) > 0).all()
    assert made.name(0)
    assert "scancode-toolkit-mini" in " ".join(made.sources)


def test_every_expression_can_be_read() -> None:
    for expression in filter(None, index.builtin().expressions):
        assert expressions.normalise(expression) not in (None, expressions.UNKNOWN)


def test_arrays_are_mapped_and_cannot_be_written() -> None:
    assert not index.builtin().text_words.flags.writeable


@pytest.mark.parametrize(
    "damage",
    [b"", b"\0" * 8, b"\xff" * 64, PATH.read_bytes()[:5000], PATH.read_bytes().replace(b'"version":"1.', b'"version":"0.', 1)],
)  # fmt: skip
def test_a_damaged_index_says_how_to_mend_it(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(damage)
    with pytest.raises(LicenceIndexError, match="reinstall gristmill"):
        index.load(path)


def test_a_missing_index() -> None:
    with pytest.raises(LicenceIndexError):
        index.load(Path("/nowhere"))
