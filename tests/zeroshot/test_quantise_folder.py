from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from threadpoolctl import threadpool_limits
from tiny_models import FAMILIES, make_checkpoint

from gristmill.errors import ModelError
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Quantised
from gristmill.zeroshot.quantise.folder import new_folder, read_back, write_model
from gristmill.zeroshot.quantise.gate import compare_logits, probe_logits
from gristmill.zeroshot.quantise.quantise import Options, quantise
from gristmill.zeroshot.quantise.rounding import find_scales, round_to_nearest
from gristmill.zeroshot.quantise.texts import Texts, built_in

LINEARS = 2 * (4 * 64 * 64 + 2 * 64 * 128)
INT8 = Options(bits=8, tokens=500, limit=0.1)
INT4 = Options(bits=4, tokens=500, limit=1.0)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_checkpoint(tmp_path_factory.mktemp("source") / "my-nli", "distilbert", width=64, inner=128)
    (folder / "LICENSE").write_text("do as you please")
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    return folder


@pytest.fixture(scope="module")
def texts() -> tuple[Texts, Texts]:
    calibration, probe = built_in()
    return replace(calibration, pairs=calibration.pairs[::16], per_text=1), replace(
        probe, pairs=probe.pairs[:128]
    )


@pytest.fixture(scope="module")
def int4(source: Path, texts: tuple[Texts, Texts], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An int4 folder; do not write into it."""
    folder = tmp_path_factory.mktemp("quantised") / "int4"
    quantise(source, folder, INT4, texts=texts)
    return folder


def test_int8_and_int4_are_a_quarter_and_an_eighth(
    source: Path, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    int8 = quantise(source, tmp_path / "int8", INT8, texts=texts)
    int4 = quantise(source, tmp_path / "int4", INT4, texts=texts)
    assert int8.linear_bytes == (4 * LINEARS, LINEARS + 4 * 2 * (4 * 64 + 128 + 64))
    assert int4.linear_bytes == (4 * LINEARS, LINEARS // 2 + 4 * LINEARS // 64)
    for figures, name in ((int8, "int8"), (int4, "int4")):
        path = tmp_path / name / "model.safetensors"
        assert figures.weights_bytes == ((source / "model.safetensors").stat().st_size, path.stat().st_size)
        stored = sum(
            array.nbytes for key, array in load_file(path).items() if "layer." in key and "weight" in key
        )
        norms = 2 * 2 * 64 * 4
        shapes = 12 * 16 if name == "int4" else 0
        assert stored == figures.linear_bytes[1] + norms + shapes
    assert int8.loss.logit_error < int4.loss.logit_error < 1


def test_the_figures_are_those_of_the_folder(source: Path, int4: Path, texts: tuple[Texts, Texts]) -> None:
    model, original = load_model(int4), load_model(source)
    assert model.precision == "int4" and model.labels == original.labels and model.ids == original.ids
    loss = compare_logits(probe_logits(original, texts[1]), probe_logits(model, texts[1]), 2, 8)
    figures = json.loads((int4 / "quantisation.json").read_text())
    assert figures["loss"]["logit_error"] == loss.logit_error
    assert figures["loss"]["label_agreement"] == loss.label_agreement and figures["loss"]["texts"] == 16
    assert figures["revision"] == original.revision and figures["model"] == "my-nli"
    assert figures["probe_digest"] == texts[1].digest and figures["calibration_digest"] == texts[0].digest
    card = (int4 / "README.md").read_text()
    for part in (
        f"{loss.logit_error:.2%}",
        f"{loss.label_agreement:.1%} of 16 texts",
        original.revision,
        texts[1].digest,
        "my-nli in int4",
        "GPTQ",
        "a scale for each row and 64 inputs",
    ):
        assert part in card
    assert str(source.parent) not in card + json.dumps(figures)


def test_what_belongs_to_the_model_comes_along_and_no_pickle(source: Path, int4: Path) -> None:
    assert sorted(path.name for path in int4.iterdir()) == sorted(
        {path.name for path in source.iterdir()} - {"pytorch_model.bin"} | {"README.md", "quantisation.json"}
    )
    for name in ("tokenizer.json", "tokenizer_config.json", "LICENSE"):
        assert (int4 / name).read_bytes() == (source / name).read_bytes()
    config, original = (json.loads((folder / "config.json").read_text()) for folder in (int4, source))
    assert {key: config[key] for key in original} == original


def test_the_same_again_gives_the_same_files(
    source: Path, int4: Path, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    quantise(source, tmp_path / "again", INT4, texts=texts)
    for path in int4.iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("bits", [4, 8])
def test_all_families_read_back(family: str, bits: int, tmp_path: Path) -> None:
    model = load_model(make_checkpoint(tmp_path / "source", family))
    changed = {
        name: round_to_nearest(tensor, find_scales(tensor, bits, tensor.shape[1] // 2 * (bits // 4)), bits)
        for name, tensor in model.tensors.items()
        if name.startswith("layers.") and not isinstance(tensor, Quantised) and tensor.ndim == 2
    }
    (tmp_path / "to").mkdir()
    write_model(tmp_path / "to", model, changed, 16 if bits == 4 else 0)
    written = read_back(tmp_path / "to", model, changed)
    assert written.precision == f"int{bits}"
    assert sum(isinstance(tensor, Quantised) for tensor in written.tensors.values()) == len(changed) >= 12


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("options", [replace(INT8, embeddings="int8"), replace(INT4, group=16)])
def test_transformers_reads_the_folders(
    family: str, options: Options, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    pytest.importorskip("compressed_tensors")
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    source = make_checkpoint(tmp_path / "source", family)
    quantise(source, tmp_path / "to", options, texts=texts)
    logits = probe_logits(load_model(tmp_path / "to"), texts[1])
    theirs = AutoModelForSequenceClassification.from_pretrained(tmp_path / "to").eval()
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "to")
    for (text, hypothesis), ours in list(zip(texts[1].pairs, logits, strict=True))[::9]:
        with torch.inference_mode():
            inputs = tokenizer(text, hypothesis, truncation="only_first", return_tensors="pt")
            expected = theirs(**inputs).logits[0].numpy()
        assert np.abs(ours - expected).max() < 1e-3


def test_embeddings_in_integers_make_the_smallest_file(
    source: Path, int4: Path, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    figures = quantise(source, tmp_path / "small", replace(INT4, embeddings="int8"), texts=texts)
    model = load_model(tmp_path / "small")
    table = model.tensors["embeddings.word.weight"]
    assert isinstance(table, Quantised) and table.bits == 8 and model.precision == "int4"
    rows, columns = table.shape
    saved = (int4 / "model.safetensors").stat().st_size - figures.weights_bytes[1]
    assert abs(saved - rows * (3 * columns - 4)) < 300  # the rest is the header's
    assert figures.embeddings == "int8" and figures.linear_bytes[1] == LINEARS // 2 + 4 * LINEARS // 64


def test_too_much_loss_leaves_nothing_unless_it_is_allowed(
    source: Path, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    strict = replace(INT4, limit=0.001)
    with pytest.raises(
        ModelError, match=r"relative logit error .*\(limit 0.10%: NOT passed\)[^$]*--allow-loss"
    ):
        quantise(source, tmp_path / "to", strict, texts=texts)
    assert not list(tmp_path.iterdir())
    figures = quantise(source, tmp_path / "to", replace(strict, allow_loss=True), texts=texts)
    assert not figures.passed and "It did not pass" in (tmp_path / "to" / "README.md").read_text()
    assert not json.loads((tmp_path / "to" / "quantisation.json").read_text())["passed"]


def test_default_limits_hold_by_precision(source: Path, texts: tuple[Texts, Texts], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"limit 20.00%: NOT passed"):
        quantise(source, tmp_path / "to", replace(INT4, limit=None), texts=texts)


def test_a_smaller_group_is_tried_where_a_larger_one_loses_too_much(
    source: Path, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    sizes = [
        quantise(source, tmp_path / str(group), replace(INT4, group=group), texts=texts) for group in (64, 32)
    ]
    errors = [figures.loss.logit_error for figures in sizes]
    assert errors[1] < errors[0]
    between = replace(INT4, limit=sum(errors) / 2)
    figures = quantise(source, tmp_path / "auto", between, texts=texts)
    assert figures.group_size == 32 and figures.passed and figures.loss == sizes[1].loss
    weights = [load_model(tmp_path / name).tensors["layers.1.up.weight"] for name in ("32", "auto")]
    assert all(isinstance(weight, Quantised) for weight in weights)
    assert np.array_equal(weights[0].integers, weights[1].integers)  # type: ignore[union-attr]


def test_an_existing_folder_is_only_replaced_when_asked(
    source: Path, int4: Path, texts: tuple[Texts, Texts], tmp_path: Path
) -> None:
    to = tmp_path / "to"
    shutil.copytree(int4, to)
    (to / "old").write_text("")
    with pytest.raises(ModelError, match="exists; name another folder, or give --replace"):
        quantise(source, to, INT8, texts=texts)
    assert load_model(to).precision == "int4"
    quantise(source, to, replace(INT8, replace=True), texts=texts)
    assert load_model(to).precision == "int8" and not (to / "old").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["to"]


def test_replacing_never_removes_what_is_no_model(source: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter").write_text("all my work")
    (tmp_path / "link").symlink_to(source)
    (tmp_path / "file").write_text("text")
    for name in ("thesis", "link", "file"):
        with pytest.raises(ModelError, match="is not a model's folder"):
            quantise(source, tmp_path / name, replace(INT8, replace=True))
    assert (tmp_path / "thesis" / "chapter").read_text() == "all my work"
    with pytest.raises(ModelError, match="is the model itself"):
        quantise(source, source, replace(INT8, replace=True))


def test_an_interrupted_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "to").mkdir()
    (tmp_path / "to" / "config.json").write_text("the old one")
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "to", replace=True) as folder:
        (folder / "config.json").write_text("half of it")
        raise KeyboardInterrupt
    assert (tmp_path / "to" / "config.json").read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == ["to"]


def test_a_folder_made_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="exists"), new_folder(tmp_path / "to", replace=False) as folder:
        (folder / "config.json").write_text("ours")
        (tmp_path / "to").mkdir()
    assert not list((tmp_path / "to").iterdir())


def test_damage_on_the_way_to_the_disk_is_noticed(source: Path, tmp_path: Path) -> None:
    model = load_model(source)
    weight = model.floats("layers.0.up.weight")
    changed = {"layers.0.up.weight": round_to_nearest(weight, find_scales(weight, 8, 64), 8)}
    # One linear layer alone is no whole int8 model for others, but reads back.
    write_model(tmp_path, model, changed, 0)
    assert read_back(tmp_path, model, changed).precision == "int8"
    path = tmp_path / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(ModelError, match=r"'layers\.0\.up\.weight' does not read back"):
        read_back(tmp_path, model, changed)


def test_a_quantised_model_is_not_quantised_again(int4: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="quantised already"):
        quantise(int4, tmp_path / "to", INT8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (replace(INT8, group=32), "8 bits have one scale a row"),
        (replace(INT4, group=48), "group size 48 must divide the layers' inputs, which are 64 and 128"),
    ],
)
def test_groups_that_do_not_fit_are_refused(
    source: Path, options: Options, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelError, match=message):
        quantise(source, tmp_path / "to", options)


def test_half_precision_stays_where_nothing_was_rounded(source: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file

    shutil.copytree(source, tmp_path / "half")
    path = tmp_path / "half" / "model.safetensors"
    save_file({name: tensor.to(torch.bfloat16) for name, tensor in load_torch(path).items()}, path)
    model = load_model(tmp_path / "half")
    weight = model.floats("layers.0.up.weight")
    changed = {"layers.0.up.weight": round_to_nearest(weight, find_scales(weight, 8, 64), 8)}
    (tmp_path / "to").mkdir()
    write_model(tmp_path / "to", model, changed, 0)
    read_back(tmp_path / "to", model, changed)
    stored = load_torch(tmp_path / "to" / "model.safetensors")
    table = "distilbert.embeddings.word_embeddings.weight"
    assert torch.equal(stored[table], load_torch(path)[table]) and stored[table].dtype == torch.bfloat16
