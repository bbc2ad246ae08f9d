"""Loading: every family's tensors found under our names, equal to transformers'; whatever is wrong is named."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tiny_models import FAMILIES, make_checkpoint

from gristmill.errors import ModelError
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import EntailmentIds
from gristmill.zeroshot.models.shapes import encoder_shapes, head_shapes


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("checkpoints")
    return {family: make_checkpoint(root / family, family) for family in FAMILIES}


@pytest.fixture
def distilbert(checkpoints: dict[str, Path], tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(checkpoints["distilbert"], tmp_path / "model"))


def edit(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= changes
    (folder / "config.json").write_text(json.dumps({k: v for k, v in config.items() if v is not ...}))


def edit_weights(folder: Path, change: Any) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(change(tensors) or tensors, folder / "model.safetensors")


@pytest.mark.parametrize("family", FAMILIES)
def test_every_tensor_of_every_family_is_there_with_its_shape(
    checkpoints: dict[str, Path], family: str
) -> None:
    model = load_model(checkpoints[family])
    wanted = encoder_shapes(model.encoder) | head_shapes(model.encoder, 3)
    assert {name: tensor.shape for name, tensor in model.tensors.items()} == wanted
    assert all(tensor.dtype == np.float32 for tensor in model.tensors.values())
    assert model.encoder.family == family
    assert model.encoder.max_tokens == 128
    assert model.ids == EntailmentIds(entailment=2, contradiction=0, neutral=1)
    assert model.labels == ("contradiction", "neutral", "entailment")
    assert model.precision == "float32"
    assert model.revision.startswith("sha256:")


def test_heads_are_those_of_transformers(checkpoints: dict[str, Path]) -> None:
    """The dense layer and activation of each family, against transformers' own head on the same states."""
    import torch
    from transformers import AutoModelForSequenceClassification

    from gristmill.zeroshot.head import logits

    states = np.random.default_rng(1).standard_normal((5, 32)).astype(np.float32)
    for family in FAMILIES:
        model = load_model(checkpoints[family])
        oracle = AutoModelForSequenceClassification.from_pretrained(checkpoints[family]).eval()
        hidden = torch.from_numpy(states)[:, None]
        with torch.no_grad():
            if family == "distilbert":
                wanted = oracle.classifier(torch.relu(oracle.pre_classifier(hidden[:, 0])))
            elif family == "bert":
                wanted = oracle.classifier(oracle.bert.pooler(hidden))
            elif "roberta" in family:
                wanted = oracle.classifier(hidden)
            else:
                wanted = oracle.classifier(oracle.pooler(hidden))
        np.testing.assert_allclose(logits(model, states), wanted.numpy(), atol=1e-5)


def test_debertas_fused_projection_is_taken_apart_head_by_head(checkpoints: dict[str, Path]) -> None:
    import torch
    from transformers import AutoModel

    model = load_model(checkpoints["deberta"])
    attention = AutoModel.from_pretrained(checkpoints["deberta"]).encoder.layer[1].attention.self
    states = np.random.default_rng(1).standard_normal((1, 7, 32)).astype(np.float32)
    with torch.no_grad():
        fused = attention.transpose_for_scores(attention.in_proj(torch.from_numpy(states)))
        parts = fused.chunk(3, dim=-1)  # [1, heads, tokens, size]
    for name, part in zip(("query", "key", "value"), parts, strict=True):
        ours = (states @ model.floats(f"layers.1.{name}.weight").T).reshape(1, 7, 4, 8).transpose(0, 2, 1, 3)
        np.testing.assert_allclose(ours, part.numpy(), atol=1e-5)
    assert not model.floats("layers.1.key.bias").any()
    np.testing.assert_array_equal(model.floats("layers.1.query.bias"), attention.q_bias.detach().numpy())


def test_deberta_v2_xlarge_style_with_convolution_and_keys_of_its_own(tmp_path: Path) -> None:
    folder = make_checkpoint(
        tmp_path / "m",
        "deberta-v2",
        conv_kernel_size=3,
        conv_act="gelu",
        share_att_key=False,
        position_biased_input=True,
        type_vocab_size=2,
        embedding_size=16,
        norm_rel_ebd="none",
        pos_att_type="c2p|p2c",
    )
    model = load_model(folder)
    relative = model.encoder.relative
    assert relative is not None
    assert (relative.convolution, relative.convolution_activation) == (3, "gelu")
    assert not relative.shared_keys and not relative.normalised
    assert relative.content_to_position and relative.position_to_content
    assert model.encoder.embedding_width == 16 and model.encoder.token_types == 2
    assert model.tensors["layers.1.position_key.weight"].shape == (32, 32)
    assert model.tensors["embeddings.projection.weight"].shape == (32, 16)


@pytest.mark.parametrize(("kind", "precision"), [("float16", "float16"), ("bfloat16", "bfloat16")])
def test_half_precision_is_widened_exactly(
    checkpoints: dict[str, Path], tmp_path: Path, kind: str, precision: str
) -> None:
    import torch
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    folder = Path(shutil.copytree(checkpoints["bert"], tmp_path / "m"))
    halves = {
        name: tensor.to(getattr(torch, kind))
        for name, tensor in load_torch(folder / "model.safetensors").items()
    }
    save_torch(halves, folder / "model.safetensors")
    model = load_model(folder)
    assert model.precision == precision
    wanted = halves["bert.encoder.layer.1.output.dense.weight"].float().numpy()
    np.testing.assert_array_equal(model.floats("layers.1.down.weight"), wanted)


def test_shards_load_as_one_file_does(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    folder = Path(shutil.copytree(checkpoints["roberta"], tmp_path / "m"))
    whole = load_model(folder)
    (folder / "model.safetensors").unlink()
    oracle = AutoModelForSequenceClassification.from_pretrained(checkpoints["roberta"])
    oracle.save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    sharded = load_model(folder)
    assert sharded.tensors.keys() == whole.tensors.keys()
    for name in whole.tensors:
        np.testing.assert_array_equal(sharded.floats(name), whole.floats(name))
    next(folder.glob("model-*.safetensors")).unlink()
    with pytest.raises(ModelError, match=r"lacks model-0000.*safetensors"):
        load_model(folder)


def test_old_checkpoints_with_gamma_buffers_and_wrappers(distilbert: Path) -> None:
    wanted = load_model(distilbert)

    def age(tensors: dict[str, Any]) -> dict[str, Any]:
        old = {
            "module."
            + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
                "LayerNorm.bias", "LayerNorm.beta"
            ): t
            for name, t in tensors.items()
        }
        return old | {"module.distilbert.embeddings.position_ids": np.arange(128)[None]}

    edit_weights(distilbert, age)
    model = load_model(distilbert)
    assert model.tensors.keys() == wanted.tensors.keys()
    np.testing.assert_array_equal(model.floats("embeddings.norm.bias"), wanted.floats("embeddings.norm.bias"))
    assert model.revision != wanted.revision


def test_an_encoder_alone_needs_no_head_and_no_labels(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path / "m", "bert", classes=0)
    model = load_model(folder, classifier=False)
    assert model.ids is None and model.labels == () and model.head.classes == 0
    assert model.tensors.keys() == encoder_shapes(model.encoder).keys()
    with pytest.raises(ModelError, match=r"lack.*classifier\.weight"):
        load_model(folder)


def test_float32_weights_are_views_of_the_file_and_cannot_be_written(checkpoints: dict[str, Path]) -> None:
    weight = load_model(checkpoints["bert"]).floats("layers.0.up.weight")
    assert not weight.flags.owndata
    with pytest.raises(ValueError, match="read-only"):
        weight[0, 0] = 1


def test_the_revision_follows_every_file_that_counts(distilbert: Path) -> None:
    seen = {load_model(distilbert).revision, load_model(distilbert).revision}
    assert len(seen) == 1
    (distilbert / "README.md").write_text("nothing")
    assert load_model(distilbert).revision in seen
    settings = distilbert / "tokenizer_config.json"
    settings.write_text(settings.read_text() + " ")
    new = load_model(distilbert).revision
    assert new not in seen
    assert load_model(distilbert, revision=new).revision == new
    with pytest.raises(ModelError, match="has the revision"):
        load_model(distilbert, revision=seen.pop())


def test_the_tokenizers_limit_counts(distilbert: Path) -> None:
    path = distilbert / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    for length, wanted in ((40, 40), (10**30, 128), (4000, 128), (None, 128)):
        path.write_text(json.dumps(settings | {"model_max_length": length}))
        assert load_model(distilbert).encoder.max_tokens == wanted


def test_label2id_given_wins(distilbert: Path) -> None:
    edit(distilbert, id2label=..., label2id=...)
    with pytest.raises(ModelError, match=r"'LABEL_0', 'LABEL_1', 'LABEL_2'.*label2id="):
        load_model(distilbert)
    model = load_model(distilbert, label2id={"Entailed": 0, "contradicts": 2})
    assert model.ids == EntailmentIds(entailment=0, contradiction=2, neutral=None)
    assert model.labels == ("Entailed", "LABEL_1", "contradicts")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "t5"}, "'t5'; it must be a supported architecture: distilbert, bert, roberta"),
        ({"model_type": ...}, "supported architecture"),
        ({"dim": 33}, "not a multiple of n_heads"),
        ({"dim": "32"}, "'dim' is '32'"),
        ({"n_layers": 10**9}, "n_layers"),
        ({"n_layers": True}, "n_layers"),
        ({"n_layers": 1}, "says 1 layers, and the weights hold 2"),
        ({"n_layers": 3}, r"lack 'distilbert\.transformer\.layer\.2"),
        ({"hidden_dim": 65}, r"'distilbert\.transformer\.layer\.0\.ffn.*shape \[64, 32\].*\[65, 32\]"),
        ({"vocab_size": 30522}, r"word_embeddings\.weight' has the shape"),
        ({"activation": "mish"}, "'mish'; it must be one of gelu"),
        ({"dropout": float("nan")}, "dropout"),
        (
            {"id2label": {"0": "entailment", "1": "neutral", "2": "contradiction"}},
            "label2id says.*id2label says",
        ),
        ({"label2id": {"entailment": 7}, "id2label": ...}, "each of the 3 classes"),
    ],
)
def test_a_config_that_is_wrong_is_named(distilbert: Path, changes: dict[str, Any], message: str) -> None:
    edit(distilbert, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(distilbert)


@pytest.mark.parametrize(
    ("family", "changes", "message"),
    [
        ("bert", {"position_embedding_type": "relative_key"}, "position_embedding_type"),
        ("bert", {"is_decoder": True}, "is_decoder"),
        ("roberta", {"pad_token_id": 500}, "leaves no room"),
        ("deberta", {"talking_head": True}, "talking_head"),
        ("deberta", {"relative_attention": False}, "pos_att_type is set"),
        ("deberta", {"pos_att_type": ["p2p"]}, "pos_att_type"),
        ("deberta-v2", {"position_buckets": 1000}, "position_buckets"),
        ("deberta-v2", {"attention_head_size": 16}, "heads of size 16"),
        ("deberta-v2", {"conv_kernel_size": 4}, "must be odd"),
    ],
)
def test_variants_that_are_not_computed_are_refused(
    checkpoints: dict[str, Path], tmp_path: Path, family: str, changes: dict[str, Any], message: str
) -> None:
    folder = Path(shutil.copytree(checkpoints[family], tmp_path / "m"))
    edit(folder, **changes)
    with pytest.raises(ModelError, match=message):
        load_model(folder)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused_by_name(distilbert: Path, value: float) -> None:
    def spoil(tensors: dict[str, Any]) -> None:
        tensors["pre_classifier.weight"][3, 3] = value

    edit_weights(distilbert, spoil)
    with pytest.raises(ModelError, match=r"pre_classifier\.weight.*NaN or infinite"):
        load_model(distilbert)


def test_a_sum_that_overflows_is_not_taken_for_nan(distilbert: Path) -> None:
    def swell(tensors: dict[str, Any]) -> None:
        tensors["pre_classifier.weight"][:] = 3e38

    edit_weights(distilbert, swell)
    assert load_model(distilbert).floats("head.dense.weight").max() > 2e38


def test_missing_and_misshapen_weights_are_named(distilbert: Path) -> None:
    edit_weights(distilbert, lambda t: t | {"classifier.bias": np.zeros((3, 1), np.float32)})
    with pytest.raises(
        ModelError, match=r"'classifier\.bias' has the shape \[3, 1\]; config\.json asks for \[3\]"
    ):
        load_model(distilbert)
    name = "distilbert.transformer.layer.1.ffn.lin2.bias"
    edit_weights(distilbert, lambda tensors: {key: tensors[key] for key in tensors if key != name})
    with pytest.raises(ModelError, match=rf"the weights lack '{name}'"):
        load_model(distilbert)


def test_a_classifier_of_integers_is_refused(distilbert: Path) -> None:
    edit_weights(distilbert, lambda t: t | {"classifier.weight": np.zeros((3, 32), np.int64)})
    with pytest.raises(ModelError, match=r"classifier\.weight' is I64"):
        load_model(distilbert)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "tf_model.h5"])
def test_a_pickle_is_refused_with_the_way_to_convert_it(distilbert: Path, name: str) -> None:
    (distilbert / "model.safetensors").rename(distilbert / name)
    with pytest.raises(ModelError, match=rf"only {name}.*convert it once(.|\n)*from transformers import"):
        load_model(distilbert)


def test_no_weights_no_config_no_folder(distilbert: Path, tmp_path: Path) -> None:
    (distilbert / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="has no weights"):
        load_model(distilbert)
    (distilbert / "config.json").unlink()
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        load_model(distilbert)
    with pytest.raises(ModelError, match="no folder"):
        load_model(tmp_path / "nowhere")
    for name in ("", "a/b/c", "../x/y", "\0", "owner/na me", "-x/y", "https://somewhere/x"):
        with pytest.raises(ModelError, match="no folder"):
            load_model(name)


def test_a_truncated_file_is_refused_wherever_it_ends(distilbert: Path) -> None:
    path = distilbert / "model.safetensors"
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    for end in (0, 7, 8, 100, 8 + length, len(data) - 1):
        path.write_bytes(data[:end])
        with pytest.raises(ModelError, match=r"model\.safetensors"):
            load_model(distilbert)
