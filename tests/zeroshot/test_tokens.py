"""Pairs made of two halves are the pairs of transformers, token for token and type for type."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import FAMILIES, SENTENCES, make_checkpoint

from gristmill.errors import LabelError, ModelError
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.tokens import PairEncoder

TYPED = ("bert",)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tokens")
    return {
        family: make_checkpoint(root / family, family, width=8, heads=2, inner=8, layers=1)
        for family in FAMILIES
    }


@pytest.fixture(scope="module")
def encoders(checkpoints: dict[str, Path]) -> dict[str, PairEncoder]:
    return {family: encoder(folder) for family, folder in checkpoints.items()}


@pytest.fixture(scope="module")
def oracles(checkpoints: dict[str, Path]) -> dict[str, Any]:
    from transformers import AutoTokenizer

    return {family: AutoTokenizer.from_pretrained(folder) for family, folder in checkpoints.items()}


def encoder(folder: Path) -> PairEncoder:
    return PairEncoder(folder, load_model(folder).encoder)


def same(ours: PairEncoder, oracle: Any, family: str, premise: str, hypothesis: str, limit: bool) -> None:
    second = ours.hypotheses([hypothesis])[0]
    room = ours.room(second)
    first = ours.premises([premise], limit_tokens=room if limit else None)[0]
    ids, types = ours.join(first, second)
    wanted = oracle(premise, hypothesis, truncation="only_first", max_length=ours.max_tokens)
    assert ids.tolist() == wanted["input_ids"]
    assert ids.dtype == types.dtype == np.int32
    assert types.tolist() == (wanted["token_type_ids"] if family in TYPED else [0] * len(ids))


@pytest.mark.parametrize("limit", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_pairs_equal_transformers(
    encoders: dict[str, PairEncoder], oracles: dict[str, Any], family: str, limit: bool
) -> None:
    longer = [
        " ".join(SENTENCES),
        SENTENCES[0] * 40,
        "x" * 500,
        "\0 a\0b",
        "\t\n  two  \u00a0 spaces ",
        "<s> [SEP]",
        " ",
    ]
    for premise in [*SENTENCES, *longer]:
        for hypothesis in ("This example is sport.", "Это о спорте", "{}", "a"):
            same(encoders[family], oracles[family], family, premise, hypothesis, limit)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(premise=st.text(max_size=200), hypothesis=st.text(min_size=1, max_size=20), limit=st.booleans())
@pytest.mark.parametrize("family", FAMILIES)
def test_any_text_gives_the_pair_of_transformers(
    encoders: dict[str, PairEncoder],
    oracles: dict[str, Any],
    family: str,
    premise: str,
    hypothesis: str,
    limit: bool,
) -> None:
    same(encoders[family], oracles[family], family, premise, hypothesis, limit)


@pytest.mark.parametrize("family", FAMILIES)
def test_single_texts_equal_transformers(
    encoders: dict[str, PairEncoder], oracles: dict[str, Any], family: str
) -> None:
    for text in (*SENTENCES, " ".join(SENTENCES) * 3):
        ids, types = encoders[family].single(text)
        wanted = oracles[family](text, truncation=True, max_length=128)["input_ids"]
        assert ids.tolist() == wanted and types.tolist() == [0] * len(wanted)


LONG = {
    "words": " ".join(SENTENCES) * 60,
    "no spaces": "".join(SENTENCES).replace(" ", "") * 60,
    "Chinese": "这段文字是关于政治的。新的驱动程序在恢复时崩溃" * 2000,
    "lines": "a line\n\n" * 9000,
    "wide spaces": ("word" + " " * 3000) * 12,
    "one word": "a" * 60_000,
    "one word of another alphabet": "политика" * 8000,
    "accents": "e\u0301" * 20_000,
    "then a tail": "z" * 40_000 + " and a tail of words" * 20,
    "masks": "a <mask> [MASK] " * 4000,
}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_limit_gives_what_the_whole_text_begins_with(
    encoders: dict[str, PairEncoder], oracles: dict[str, Any], family: str, name: str
) -> None:
    wanted = oracles[family](LONG[name], add_special_tokens=False)["input_ids"]
    for limit in (1, 100):
        assert encoders[family].premises([LONG[name]], limit_tokens=limit)[0].tolist() == wanted[:limit]
    assert encoders[family].premises([LONG[name]])[0].tolist() == wanted


def test_a_limit_reads_no_more_of_a_long_text_than_it_needs(checkpoints: dict[str, Path]) -> None:
    for family in ("distilbert", "roberta", "deberta-v2"):
        ours = encoder(checkpoints[family])
        read: list[int] = []
        plain = ours._plain

        def count(texts: Any, plain: Any = plain, read: list[int] = read) -> Any:
            read.append(sum(map(len, texts)))
            return plain(texts)

        ours._plain = count  # type: ignore[method-assign]
        assert len(ours.premises(["some words here " * 600_000], limit_tokens=100)[0]) == 100
        assert 0 < sum(read) < 20_000
        read.clear()
        assert len(ours.premises(["ab" * 5_000_000], limit_tokens=100)[0]) >= 1
        assert sum(read) < 40_000


def test_many_texts_short_and_long_keep_their_order(encoders: dict[str, PairEncoder]) -> None:
    texts = [SENTENCES[0], " ".join(SENTENCES) * 40, "", SENTENCES[1]]
    limited = encoders["bert"].premises(texts, limit_tokens=50)
    assert [ids.tolist() for ids in limited] == [
        ids.tolist()[:50] for ids in encoders["bert"].premises(texts)
    ]
    assert encoders["bert"].premises([]) == [] and encoders["bert"].hypotheses([]) == []


@pytest.mark.parametrize("family", FAMILIES)
def test_lone_surrogates_count_as_the_replacement_character(
    encoders: dict[str, PairEncoder], family: str
) -> None:
    ours = encoders[family]
    assert ours.premises(["a\ud800b \udfff"])[0].tolist() == ours.premises(["a\ufffdb \ufffd"])[0].tolist()
    assert ours.hypotheses(["\udc80 is"])[0].tolist() == ours.hypotheses(["\ufffd is"])[0].tolist()


def test_a_hypothesis_that_leaves_no_room_is_named(encoders: dict[str, PairEncoder]) -> None:
    ours = encoders["bert"]
    fits = "a " * (ours.max_tokens - 4)
    assert ours.room(ours.hypotheses([fits])[0]) == 1
    ids, _ = ours.join(ours.premises(["b c d"])[0], ours.hypotheses([fits])[0])
    assert len(ids) == ours.max_tokens
    with pytest.raises(LabelError, match=r"'a a a .*' has 125 tokens.*leave no room.*shorten the label"):
        ours.hypotheses(["fine", "a " + fits])
    with pytest.raises(LabelError, match="letters; shorten"):
        ours.hypotheses(["b c " * 100_000])


def test_truncation_on_the_left_is_honoured(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    folder = Path(shutil.copytree(checkpoints["bert"], tmp_path / "m"))
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"truncation_side": "left"}))
    ours, oracle = encoder(folder), AutoTokenizer.from_pretrained(folder)
    same(ours, oracle, "bert", " ".join(SENTENCES), "This is sport.", False)
    same(ours, oracle, "bert", " ".join(SENTENCES), "This is sport.", True)


def spoil(folder: Path, change: Any) -> Path:
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["model"]["vocab"].update({f"new{n}": 400 + n for n in range(9)}), "table of 380 rows"),
        (lambda t: t.pop("model"), "no valid tokenizer"),
        (lambda t: t["post_processor"]["pair"].pop(3), "lays texts out"),
        (
            lambda t: t["post_processor"]["pair"].extend(t["post_processor"]["pair"][1:2]),
            "lays texts out|no valid",
        ),
        (lambda t: t["post_processor"]["pair"][3]["Sequence"].update(type_id=5), "6 token types"),
    ],
)
def test_a_tokenizer_that_does_not_fit_is_refused(
    checkpoints: dict[str, Path], tmp_path: Path, change: Any, message: str
) -> None:
    folder = spoil(Path(shutil.copytree(checkpoints["bert"], tmp_path / "m")), change)
    with pytest.raises(ModelError, match=message):
        encoder(folder)


def test_another_layout_of_special_tokens_is_read_off_the_tokenizer(
    checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    def change(content: Any) -> None:
        pair = content["post_processor"]["pair"]
        pair.insert(3, {"SpecialToken": {"id": "[SEP]", "type_id": 1}})
        pair.append({"SpecialToken": {"id": "[CLS]", "type_id": 0}})

    folder = spoil(Path(shutil.copytree(checkpoints["bert"], tmp_path / "m")), change)
    ours = encoder(folder)
    ids, types = ours.join(np.array([50, 51], np.int32), np.array([60], np.int32))
    assert ids.tolist() == [2, 50, 51, 3, 3, 60, 3, 2]
    assert types.tolist() == [0, 0, 0, 0, 1, 1, 1, 0]


def test_a_pair_that_is_joined_otherwise_is_found_out(checkpoints: dict[str, Path]) -> None:
    ours = encoder(checkpoints["bert"])
    ours._pair = ours._single  # a layout that the tokenizer does not use
    ours.premises(["a text"])
    with pytest.raises(ModelError, match="joins a pair in a way"):
        ours.hypotheses(["a hypothesis"])
