from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny_models import make_checkpoint

from gristmill.errors import TextError
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.quantise import texts as module
from gristmill.zeroshot.quantise.sequences import calibration_pack, join_pairs
from gristmill.zeroshot.quantise.texts import built_in, read_texts
from gristmill.zeroshot.tokens import PairEncoder


def _write(folder: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path = folder / "texts.txt"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def test_built_in_sets_share_no_text_and_no_hypothesis() -> None:
    calibration, probe = built_in()
    for side in (0, 1):
        assert not {pair[side] for pair in calibration.pairs} & {pair[side] for pair in probe.pairs}
    assert len(probe.pairs) == 32 * probe.per_text
    assert len({text for text, _ in calibration.pairs}) == 70
    assert all(text.strip() for pair in (*calibration.pairs, *probe.pairs) for text in pair)


def test_hypotheses_of_a_text_are_different_and_stand_together() -> None:
    for texts in built_in():
        for start in range(0, len(texts.pairs), texts.per_text):
            own = texts.pairs[start : start + texts.per_text]
            assert len({text for text, _ in own}) == 1 and len(set(own)) == texts.per_text


def test_every_label_meets_a_text() -> None:
    calibration, probe = built_in()
    for texts, labels in ((calibration, module.LABELS), (probe, module.PROBE_LABELS)):
        assert all(any(label in hypothesis for _, hypothesis in texts.pairs) for label in labels)


def test_a_file_is_split_into_two_sets(tmp_path: Path) -> None:
    lines = [f"text {number}" for number in range(9)]
    calibration, probe = read_texts(_write(tmp_path, ["\ufeff" + lines[0], "", " ", *lines[1:], lines[3]]))
    assert list(dict.fromkeys(text for text, _ in probe.pairs)) == ["text 0", "text 3", "text 6"]
    assert {text for text, _ in calibration.pairs} == set(lines) - {"text 0", "text 3", "text 6"}
    assert calibration.source == "texts.txt" and calibration.digest != probe.digest


def test_a_user_s_labels_are_used_alone(tmp_path: Path) -> None:
    path = _write(tmp_path, [f"text {number}" for number in range(12)])
    for texts in read_texts(path, ("bug", "no bug {}")):
        assert texts.per_text == 2
        assert {"bug" in hypothesis for _, hypothesis in texts.pairs} == {True}
        assert any("no bug {}" in hypothesis for _, hypothesis in texts.pairs)


def test_the_digest_tells_the_texts(tmp_path: Path) -> None:
    lines = [f"text {number}" for number in range(9)]
    first = read_texts(_write(tmp_path, lines))[1].digest
    assert first == read_texts(_write(tmp_path, lines))[1].digest
    assert first != read_texts(_write(tmp_path, ["other", *lines[1:]]))[1].digest
    assert first.startswith("sha256:")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"one\ntwo\none\n", "holds 2 different texts"),
        (b"", "holds 0 different texts"),
        (b"good\n\xff\xfe", "not UTF-8 at byte 5"),
        (b"x" * 2000, "larger than 1000 bytes"),
    ],
)
def test_files_of_no_use_are_refused(
    data: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_BYTES", 1000)
    (tmp_path / "texts.txt").write_bytes(data)
    with pytest.raises(TextError, match=message):
        read_texts(tmp_path / "texts.txt")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TextError, match=r"nowhere\.txt cannot be read"):
        read_texts(tmp_path / "nowhere.txt")


def test_mixtures_fill_up_to_the_tokens_asked_for(tmp_path: Path) -> None:
    model = load_model(make_checkpoint(tmp_path, "bert"))
    calibration, _ = built_in()
    sequences = join_pairs(PairEncoder(model.folder, model.encoder), calibration)
    own = sum(len(ids) for ids, _ in sequences)
    few, many = calibration_pack(model, calibration, 1), calibration_pack(model, calibration, own + 5000)
    assert len(few.ids) == own and len(few.lengths) == len(sequences)
    assert own + 5000 <= len(many.ids) < own + 5000 + model.encoder.max_tokens
    assert np.all(np.diff(many.lengths) >= 0) and many.lengths.sum() == len(many.ids) == len(many.types)
    assert many.lengths.max() <= model.encoder.max_tokens
    assert many.ids.min() >= 0 and many.ids.max() < model.encoder.vocabulary
    again = calibration_pack(model, calibration, own + 5000)
    assert np.array_equal(many.ids, again.ids)
