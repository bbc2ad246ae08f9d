"""Reading a folder's tokenizer: its settings, its older form, and what is wrong with it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from tiny_models import SENTENCES, make_checkpoint, make_tokenizer
from tokenizers import Tokenizer

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.tokenizer import gives_types, load_tokenizer, longest_word


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("t") / "bert", "bert", width=8, heads=2, inner=8, layers=1)


@pytest.fixture
def folder(checkpoint: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint, tmp_path / "m"))


def ids(tokenizer: Tokenizer, text: str) -> list[int]:
    return list(tokenizer.encode(text, "b").ids)


def test_vocab_txt_alone_gives_the_same_tokens(folder: Path) -> None:
    whole = load_tokenizer(folder, "bert")
    pieces = sorted(whole.get_vocab().items(), key=lambda item: item[1])
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece, _ in pieces))
    (folder / "tokenizer.json").unlink()
    old = load_tokenizer(folder, "bert")
    for text in (*SENTENCES, "[MASK] and [SEP]", "ÄÖ é 数据"):
        assert ids(old, text) == ids(whole, text)
        assert old.encode(text, "b").type_ids == whole.encode(text, "b").type_ids
    with pytest.raises(ModelError, match=r"tokenizer\.json is missing.*save_pretrained"):
        load_tokenizer(folder, "roberta")
    (folder / "vocab.txt").write_text("a\nb\n")
    with pytest.raises(ModelError, match=r"vocab\.txt lacks \[PAD\]"):
        load_tokenizer(folder, "bert")


@pytest.mark.parametrize(
    "setting", [{"do_lower_case": False}, {"strip_accents": False}, {"tokenize_chinese_chars": False}, {}]
)
def test_settings_of_bert_win_as_in_transformers(folder: Path, setting: dict[str, bool]) -> None:
    from transformers import AutoTokenizer

    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | setting))
    oracle = AutoTokenizer.from_pretrained(folder)
    for text in ("Driver ÉCLAIR élan", "段文字 x"):
        assert ids(load_tokenizer(folder, "bert"), text) == oracle(text, "b")["input_ids"]


def test_padding_and_truncation_of_the_file_are_not_used(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=50)
    tokenizer.enable_truncation(5)
    tokenizer.save(str(folder / "tokenizer.json"))
    assert 20 < len(load_tokenizer(folder, "bert").encode(SENTENCES[0]).ids) < 50


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000, b'{"version":"1.0","model":null}']
)
def test_a_file_that_is_no_tokenizer_is_refused(folder: Path, content: bytes) -> None:
    (folder / "tokenizer.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"tokenizer\.json is no valid tokenizer"):
        load_tokenizer(folder, "bert")


def test_types_are_given_as_the_tokenizers_class_or_settings_say() -> None:
    def of(**values: object) -> bool:
        return gives_types(Config(Path("x"), values))

    assert of() and of(tokenizer_class="BertTokenizerFast") and of(tokenizer_class="DebertaV2Tokenizer")
    assert not of(tokenizer_class="DistilBertTokenizerFast") and not of(tokenizer_class="XLMRobertaTokenizer")
    assert not of(model_input_names=["input_ids", "attention_mask"])
    assert of(tokenizer_class="DistilBertTokenizer", model_input_names=["input_ids", "token_type_ids"])


def test_only_berts_tokenizer_has_a_longest_word(folder: Path) -> None:
    tokenizer = load_tokenizer(folder, "bert")
    assert longest_word(tokenizer) == 100
    tokenizer.add_tokens(["abc"])  # such a token is found in the middle of a word
    assert longest_word(tokenizer) is None
    assert longest_word(make_tokenizer("roberta").backend_tokenizer) is None
