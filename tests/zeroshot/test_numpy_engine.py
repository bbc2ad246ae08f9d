"""The numpy engine against transformers on all families, its independence of batch mates, and its dropout."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import FAMILIES, SENTENCES, make_checkpoint

from gristmill.errors import ModelError
from gristmill.zeroshot.engines.base import Dropout, Pack
from gristmill.zeroshot.engines.numpy import attention, create, forward, layout
from gristmill.zeroshot.engines.numpy.normal import exponentials
from gristmill.zeroshot.engines.numpy.relative import (
    add_relative,
    add_relative_first,
    distance_rows,
    find_distances,
)
from gristmill.zeroshot.engines.numpy.scratch import Scratch
from gristmill.zeroshot.head import logits
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Model, Quantised, RelativeAttention

VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in FAMILIES},
    "one-layer": ("distilbert", {"layers": 1, "seed": 1}),
    "relu": ("bert", {"hidden_act": "relu", "seed": 2}),
    "tanh-gelu": ("roberta", {"hidden_act": "gelu_new", "seed": 3}),
    "silu": ("bert", {"hidden_act": "silu", "layers": 3, "seed": 4}),
    "one-head": ("xlm-roberta", {"heads": 1, "seed": 5}),
    "v1-p2c": ("deberta", {"pos_att_type": ["p2c"], "max_relative_positions": 20, "seed": 6}),
    "v1-absolute": ("deberta", {"position_biased_input": True, "type_vocab_size": 2}),
    "v2-plain-distances": ("deberta-v2", {"position_buckets": -1, "max_relative_positions": 24}),
    "v2-own-projections": ("deberta-v2", {"share_att_key": False, "seed": 7}),
    "v2-c2p": ("deberta-v2", {"pos_att_type": ["c2p"], "norm_rel_ebd": "none"}),
    "v2-p2c": ("deberta-v2", {"pos_att_type": ["p2c"], "layers": 1}),
    "v2-no-terms": ("deberta-v2", {"pos_att_type": []}),
    "v2-convolution": ("deberta-v2", {"conv_kernel_size": 3, "conv_act": "gelu", "type_vocab_size": 2}),
    "v2-one-layer-convolution": ("deberta-v2", {"conv_kernel_size": 5, "conv_groups": 4, "layers": 1}),
    "v2-absolute": (
        "deberta-v2",
        {"position_biased_input": True, "relative_attention": False, "pos_att_type": []},
    ),
    "v2-narrow-table": ("deberta-v2", {"embedding_size": 16}),
}


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Threads of tiny products wait for each other most of the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Checkpoints by variant, each made once."""
    made: dict[str, Path] = {}

    def get(variant: str) -> Path:
        if variant not in made:
            family, settings = VARIANTS[variant]
            made[variant] = make_checkpoint(tmp_path_factory.mktemp(variant), family, **settings)
        return made[variant]

    return get


@pytest.fixture(scope="module")
def models(folders: Any) -> Any:
    """Models by variant, each loaded once."""
    loaded: dict[str, Model] = {}

    def get(variant: str) -> Model:
        if variant not in loaded:
            loaded[variant] = load_model(folders(variant))
        return loaded[variant]

    return get


def make_pack(model: Model, lengths: list[int], seed: int = 0) -> Pack:
    """Random sequences, each length's second one a copy of the first but for its last half."""
    random = np.random.default_rng(seed)
    ids, types = [], []
    for number, length in enumerate(sorted(lengths)):
        row = random.integers(5, model.encoder.vocabulary, length)
        if number and len(ids[-1]) == length:
            row[: length // 2] = ids[-1][: length // 2]
        ids.append(row)
        kinds = max(model.encoder.token_types, 1)
        types.append((np.arange(length) * 3 // length).clip(0, kinds - 1))
    return Pack(
        np.concatenate(ids).astype(np.int32),
        np.concatenate(types).astype(np.int32),
        np.array(sorted(lengths), np.int32),
    )


def only(pack: Pack, number: int) -> Pack:
    """One sequence of a pack."""
    end = int(pack.lengths[: number + 1].sum())
    rows = slice(end - int(pack.lengths[number]), end)
    return Pack(pack.ids[rows], pack.types[rows], pack.lengths[number : number + 1])


def reference(folder: Path, pack: Pack, family: str, part: str = "logits") -> Any:
    """transformers' logits, or its last hidden states averaged, one sequence at a time."""
    import torch
    from transformers import AutoModel, AutoModelForSequenceClassification

    kind = AutoModelForSequenceClassification if part == "logits" else AutoModel
    network = kind.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    with torch.inference_mode():
        for number in range(len(pack.lengths)):
            one = only(pack, number)
            inputs = {"input_ids": torch.from_numpy(one.ids.astype(np.int64))[None]}
            if family in ("bert", "deberta", "deberta-v2"):
                inputs["token_type_ids"] = torch.from_numpy(one.types.astype(np.int64))[None]
            result = network(**inputs)
            row = result.logits[0] if part == "logits" else result.last_hidden_state[0].mean(0)
            found.append(row.numpy())
    return np.stack(found)


LENGTHS = [3, 3, 5, 17, 17, 17, 17, 40, 128, 128]


@pytest.mark.parametrize("variant", VARIANTS)
def test_logits_equal_those_of_transformers(variant: str, folders: Any, models: Any) -> None:
    model = models(variant)
    assert model.encoder.max_tokens == 128
    pack = make_pack(model, LENGTHS)
    wanted = reference(folders(variant), pack, VARIANTS[variant][0])
    assert wanted.std() > 0.5, "logits must differ for this test to mean anything"
    found = logits(model, create(model, workers=1).states(pack))
    assert np.abs(found - wanted).max() < 4e-5


@pytest.mark.parametrize("variant", ["distilbert", "xlm-roberta", "v2-convolution"])
def test_mean_pooling_is_the_mean_of_all_tokens(variant: str, folders: Any, models: Any) -> None:
    pack = make_pack(models(variant), LENGTHS)
    wanted = reference(folders(variant), pack, VARIANTS[variant][0], "mean")
    found = create(models(variant), pooling="mean").states(pack)
    np.testing.assert_allclose(found, wanted, atol=3e-5)


@pytest.mark.parametrize("variant", [*FAMILIES, "v2-convolution"])
def test_a_state_does_not_depend_on_pack_mates(variant: str, models: Any) -> None:
    model = models(variant)
    pack = make_pack(model, LENGTHS)
    engine = create(model)
    together = engine.states(pack)
    alone = np.concatenate([engine.states(only(pack, number)) for number in range(len(pack.lengths))])
    np.testing.assert_allclose(together, alone, atol=2e-5)


@pytest.mark.parametrize("pooling", ["first", "mean"])
@pytest.mark.parametrize("variant", ["distilbert", "one-layer", "deberta", "deberta-v2"])
def test_cutting_the_work_otherwise_changes_nothing(
    variant: str, pooling: Any, models: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blocks of rows, parts of heads, and rows computed once for all their copies."""
    model = models(variant)
    pack = make_pack(model, LENGTHS)
    wanted = create(model, pooling=pooling).states(pack)
    monkeypatch.setattr(forward, "ROWS", 7)
    monkeypatch.setattr(attention, "SCORES", 2 * 17 * 17)
    for share in (0.0, 1.0):
        monkeypatch.setattr(layout, "WORTHWHILE", share)
        assert (layout.lay_out(pack, model.encoder).copies is None) == (share == 0)
        found = create(model, pooling=pooling).states(pack)
        np.testing.assert_allclose(found, wanted, atol=2e-5)


def test_rows_that_are_there_twice_are_found(models: Any) -> None:
    model = models("bert")
    text = np.arange(7, 17, dtype=np.int32)
    labels = [np.array([20, number], np.int32) for number in range(8)]
    ids = np.concatenate([part for label in labels for part in (text, label)])
    types = np.tile(np.array([0] * 10 + [1] * 2, np.int32), 8)
    found = layout.lay_out(Pack(ids, types, np.full(8, 12, np.int32)), model.encoder)
    assert found.copies is not None
    assert len(found.distinct) == 10 + 1 + 8
    np.testing.assert_array_equal(ids[found.distinct][found.copies], ids)
    np.testing.assert_array_equal(types[found.distinct][found.copies], types)
    np.testing.assert_array_equal(found.positions[found.distinct][found.copies], found.positions)


@pytest.mark.parametrize(("bits", "groups"), [(8, 1), (4, 4)])
@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_a_quantised_checkpoint_answers_as_its_integers_say(
    bits: int, groups: int, family: str, models: Any
) -> None:
    plain = models(family)
    largest = 2 ** (bits - 1) - 1
    integers, widened = dict(plain.tensors), dict(plain.tensors)
    for name, tensor in plain.tensors.items():
        if name.startswith(("layers.", "embeddings.word")) and len(tensor.shape) == 2:
            grouped = np.asarray(tensor).reshape(len(tensor), groups, -1)
            scales = (np.abs(grouped).max(axis=2) / largest).astype(np.float32)
            rounded = np.rint(grouped / scales[:, :, None]).astype(np.int8).reshape(tensor.shape)
            integers[name] = Quantised(rounded, scales, bits)
            widened[name] = integers[name].dequantise()
    pack = make_pack(plain, LENGTHS)
    engine = create(replace(plain, tensors=integers, precision=f"int{bits}"))
    assert engine.precision == f"int{bits}"
    found = engine.states(pack)
    np.testing.assert_allclose(found, create(replace(plain, tensors=widened)).states(pack), atol=1e-6)
    assert np.abs(found - create(plain).states(pack)).max() > 1e-3, "the rounding must show"


def test_building_an_engine_leaves_the_model_as_it_was(models: Any) -> None:
    for variant in ("bert", "deberta-v2", "v2-own-projections", "v2-convolution"):
        model = models(variant)
        before = {name: np.array(tensor) for name, tensor in model.tensors.items()}
        create(model).states(make_pack(model, [3, 9]), Dropout(1, 0.1, 0.1))
        for name, tensor in before.items():
            np.testing.assert_array_equal(model.tensors[name], tensor, err_msg=name)


def test_threads_share_an_engine(models: Any) -> None:
    model = models("deberta-v2")
    engine = create(model, workers=4)
    packs = [make_pack(model, LENGTHS[number:], number) for number in range(8)] * 2
    wanted = [engine.states(pack) for pack in packs]
    with ThreadPoolExecutor(4) as threads:
        for found, one in zip(threads.map(engine.states, packs), wanted, strict=True):
            np.testing.assert_array_equal(found, one)


def test_a_later_call_does_not_change_an_earlier_answer(models: Any) -> None:
    for pooling in ("first", "mean"):
        engine = create(models("bert"), pooling=pooling)  # type: ignore[arg-type]
        first = engine.states(make_pack(models("bert"), LENGTHS, 1))
        kept = first.copy()
        engine.states(make_pack(models("bert"), LENGTHS, 2))
        np.testing.assert_array_equal(first, kept)


@pytest.mark.parametrize("family", FAMILIES)
def test_dropout_goes_by_seed_and_sequence_whatever_the_pack(family: str, models: Any) -> None:
    model = models(family)
    pack = make_pack(model, LENGTHS)
    engine = create(model)
    drop = Dropout(5, 0.2, 0.2)
    one = engine.states(pack, drop)
    np.testing.assert_array_equal(one, engine.states(pack, drop))
    alone = [engine.states(only(pack, number), drop) for number in range(len(pack.lengths))]
    np.testing.assert_allclose(one, np.concatenate(alone), atol=3e-5)
    assert np.abs(one - engine.states(pack, Dropout(6, 0.2, 0.2))).max() > 1e-2
    np.testing.assert_allclose(engine.states(pack, Dropout(5, 0.0, 0.0)), engine.states(pack), atol=2e-5)


@pytest.mark.parametrize(
    ("variant", "hidden", "heads"),
    [
        ("distilbert", 0.3, 0.0),
        ("distilbert", 0.0, 0.3),
        ("roberta", 0.3, 0.3),
        ("deberta-v2", 0.3, 0.0),
        ("deberta-v2", 0.0, 0.3),
    ],
)
def test_dropout_has_the_spread_that_training_has(
    variant: str, hidden: float, heads: float, folders: Any, models: Any
) -> None:
    import torch
    from transformers import AutoModel

    model, samples = models(variant), 600
    pack = make_pack(model, [9])
    names = (
        {"dropout": hidden, "attention_dropout": heads}
        if variant == "distilbert"
        else {"hidden_dropout_prob": hidden, "attention_probs_dropout_prob": heads}
    )
    network = AutoModel.from_pretrained(folders(variant), dtype=torch.float32, **names).train()
    torch.manual_seed(0)
    with torch.inference_mode():
        # In many calls, since sequences of one share the noise of DeBERTa's relative embeddings.
        ids = torch.from_numpy(pack.ids.astype(np.int64))[None].expand(6, -1)
        states = [network(input_ids=ids).last_hidden_state[:, 0].numpy() for _ in range(samples // 6)]
    wanted = np.concatenate(states)
    engine = create(model)
    found = np.concatenate([engine.states(pack, Dropout(seed, hidden, heads)) for seed in range(samples)])
    spread = wanted.std(axis=0)
    assert spread.mean() > 0.05
    # A deviation estimated from so many samples is off by 3 percent, a mean by 4 percent of the deviation.
    np.testing.assert_allclose(found.std(axis=0).mean() / spread.mean(), 1, atol=0.06)
    assert np.abs(found.mean(axis=0) - wanted.mean(axis=0)).max() < 0.25 * spread.mean()


def test_what_does_not_fit_is_refused(models: Any) -> None:
    model = models("bert")
    engine = create(model)
    good = make_pack(model, [4, 6])
    bad_id, bad_type = good.ids.copy(), good.types.copy()
    bad_id[3], bad_type[5] = model.encoder.vocabulary, -1
    for pack, message in (
        (replace(good, ids=bad_id), f"token id {model.encoder.vocabulary} is outside"),
        (replace(good, ids=-bad_id), "token id -"),
        (replace(good, types=bad_type), "token type -1 is outside"),
        (replace(good, lengths=np.array([4, 7], np.int32)), "does not match its lengths"),
        (replace(good, lengths=np.array([0, 10], np.int32)), "does not match its lengths"),
        (make_pack(model, [129]), "129 tokens is longer than the model's 128"),
    ):
        with pytest.raises(ModelError, match=message):
            engine.states(pack)
    with pytest.raises(ModelError, match="dropout rate"):
        engine.states(good, Dropout(0, 1.0, 0.0))
    with pytest.raises(ModelError, match="workers must be 1 or more"):
        create(model, workers=0)
    empty = np.zeros(0, np.int32)
    assert engine.states(Pack(empty, empty, empty)).shape == (0, 32)
    engine.close()
    with pytest.raises(ModelError, match="closed"):
        engine.states(good)


@pytest.mark.filterwarnings("error")
def test_weights_that_overflow_give_states_that_show_it(models: Any) -> None:
    model = models("bert")
    huge = {**model.tensors, "layers.0.up.weight": model.floats("layers.0.up.weight") * np.float32(1e38)}
    states = create(replace(model, tensors=huge)).states(make_pack(model, [5]))
    assert not np.isfinite(states).all()


@given(
    rows=st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=4, max_size=4), min_size=1, max_size=5),
    shift=st.sampled_from([0.0, -500.0, 500.0]),
)
def test_exponentials_make_a_softmax_of_any_scores(rows: list[list[float]], shift: float) -> None:
    scores = (np.array(rows, np.float64) + shift).astype(np.float32)
    exact = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    sums = exponentials(scores)
    np.testing.assert_allclose(scores / sums[:, None], exact, rtol=2e-5, atol=1e-30)


@pytest.mark.parametrize(("buckets", "distance"), [(256, 512), (32, 128), (16, 40), (5, 512), (0, 512)])
def test_distances_fall_into_the_buckets_of_training(buckets: int, distance: int) -> None:
    import torch
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    relative = RelativeAttention(buckets, distance, True, True, shared_keys=True, normalised=True)
    wanted = torch.arange(-599, 600)
    if buckets:
        wanted = make_log_bucket_position(wanted, buckets, distance).long()
    span = buckets or distance
    np.testing.assert_array_equal(
        distance_rows(relative, 600), (wanted + span).clamp(0, 2 * span - 1).numpy()
    )


@given(
    length=st.integers(1, 12),
    extra=st.integers(0, 4),
    buckets=st.sampled_from([0, 4, 6]),
    seed=st.integers(0, 9),
)
@settings(deadline=None, max_examples=40)
def test_relative_terms_are_sums_over_distances(length: int, extra: int, buckets: int, seed: int) -> None:
    """Against the definition, one pair of positions at a time."""
    relative = RelativeAttention(buckets, 8, True, True, shared_keys=True, normalised=False)
    rows = distance_rows(relative, length + extra)
    span = buckets or 8
    random = np.random.default_rng(seed)
    q, k = random.standard_normal((2, 2, 3, length, 4), dtype=np.float32)
    keys, queries = random.standard_normal((2, 3, 2 * span, 4), dtype=np.float32)
    wanted = np.zeros((2, 3, length, length), np.float32)
    for i in range(length):
        for j in range(length):
            row = rows[i - j + length + extra - 1]
            wanted[:, :, i, j] = (q[:, :, i] * keys[:, row]).sum(-1) + (k[:, :, j] * queries[:, row]).sum(-1)
    near = find_distances((keys, queries), rows).near(length, slice(0, 3))
    found, first = np.zeros_like(wanted), np.zeros((2, 3, 1, length), np.float32)
    add_relative(found, q, k, near, Scratch())
    add_relative_first(first, q[:, :, :1], k, near, Scratch())
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    np.testing.assert_allclose(first, wanted[:, :, :1], atol=1e-5)


def test_texts_of_all_kinds_through_the_tokenizer(folders: Any, models: Any) -> None:
    """A whole path once more, with real tokens: shared premises, special tokens, types."""
    from gristmill.zeroshot.tokens import PairEncoder

    model = models("bert")
    encoder = PairEncoder(model.folder, model.encoder)
    hypotheses = encoder.hypotheses(["This example is about sport.", "This example is a bug report."])
    pairs = [encoder.join(text, label) for text in encoder.premises(list(SENTENCES)) for label in hypotheses]
    pairs.sort(key=lambda pair: len(pair[0]))
    ids, types = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    pack = Pack(ids, types, np.array([len(pair[0]) for pair in pairs], np.int32))
    wanted = reference(folders("bert"), pack, "bert")
    found = logits(model, create(model).states(pack))
    assert math.isclose(float(np.abs(found - wanted).max()), 0, abs_tol=4e-5)
