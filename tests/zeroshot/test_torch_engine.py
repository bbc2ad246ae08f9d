"""The torch engine against transformers on all families, in all precisions, and its independence of batch mates.

CUDA is tested where there is one; what CUDA adds in plain torch (padded blocks, several replicas) runs on the CPU too.
"""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import FAMILIES, SENTENCES, make_checkpoint

from gristmill.errors import MissingExtraError, ModelError
from gristmill.zeroshot.engines.base import Dropout, Pack
from gristmill.zeroshot.engines.torch import create
from gristmill.zeroshot.head import logits
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Encoder, Model, Quantised, RelativeAttention

torch = pytest.importorskip("torch")
CUDA = torch.cuda.is_available()
needs_cuda = pytest.mark.skipif(not CUDA, reason="needs a CUDA device")
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="needs bitsandbytes"
)

PAIRS = [
    (SENTENCES[0], "This example is a bug report."),
    (SENTENCES[0], "This example is a question."),
    (SENTENCES[1], "This example is politics."),
    ("No.", "This text is about sport."),
    (" ".join(SENTENCES[:4]), "This example is a feature request."),
    (SENTENCES[8], "sport"),
    ("A b", "c"),
]
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    **{family: (family, {}) for family in FAMILIES},
    "bert-relu": ("bert", {"hidden_act": "relu"}),
    "v2-plain-distances": ("deberta-v2", {"position_buckets": -1, "max_relative_positions": 24}),
    "v2-own-projections": ("deberta-v2", {"share_att_key": False}),
    "v2-c2p": ("deberta-v2", {"pos_att_type": ["c2p"], "norm_rel_ebd": "none"}),
    "v2-p2c": ("deberta-v2", {"pos_att_type": ["p2c"]}),
    "v2-no-terms": ("deberta-v2", {"pos_att_type": []}),
    "v2-convolution": ("deberta-v2", {"conv_kernel_size": 3, "conv_act": "gelu", "type_vocab_size": 2}),
    "v2-one-layer-convolution": ("deberta-v2", {"conv_kernel_size": 5, "conv_groups": 4, "layers": 1}),
    "v2-absolute": (
        "deberta-v2",
        {"position_biased_input": True, "relative_attention": False, "pos_att_type": []},
    ),
    "v2-narrow-table": ("deberta-v2", {"embedding_size": 16}),
    "v1-p2c": ("deberta", {"pos_att_type": ["p2c"], "max_relative_positions": 20}),
}


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


def encode(folder: Path, pairs: list[tuple[str, str]]) -> tuple[Pack, list[int]]:
    """A pack of the pairs, by length, and the pairs' numbers in the pack's order."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [tokenizer(*pair, truncation="only_first", return_token_type_ids=True) for pair in pairs]
    order = sorted(range(len(rows)), key=lambda number: len(rows[number]["input_ids"]))
    ids = [np.array(rows[number]["input_ids"], np.int32) for number in order]
    types = [np.array(rows[number]["token_type_ids"], np.int32) for number in order]
    lengths = np.array([len(row) for row in ids], np.int32)
    return Pack(np.concatenate(ids), np.concatenate(types), lengths), order


def only(pack: Pack, number: int) -> Pack:
    """One sequence of a pack."""
    end = int(pack.lengths[: number + 1].sum())
    rows = slice(end - int(pack.lengths[number]), end)
    return Pack(pack.ids[rows], pack.types[rows], pack.lengths[number : number + 1])


def reference(folder: Path, pack: Pack, family: str) -> Any:
    """transformers' logits, one sequence at a time."""
    from transformers import AutoModelForSequenceClassification

    network = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    with torch.inference_mode():
        for number in range(len(pack.lengths)):
            one = only(pack, number)
            inputs = {"input_ids": torch.from_numpy(one.ids.astype(np.int64))[None]}
            if family in ("bert", "deberta", "deberta-v2"):
                inputs["token_type_ids"] = torch.from_numpy(one.types.astype(np.int64))[None]
            found.append(network(**inputs).logits[0].numpy())
    return np.stack(found)


def run(model: Model, pack: Pack, precision: Any = "float32", device: str = "cpu", **options: Any) -> Any:
    engine = create(model, precision=precision, device=device, **options)
    try:
        return engine.states(pack)
    finally:
        engine.close()


def relative_error(found: Any, wanted: Any) -> float:
    return float(np.sqrt(((found - wanted) ** 2).mean() / (wanted**2).mean()))


@pytest.mark.parametrize("variant", VARIANTS)
def test_float32_logits_equal_those_of_transformers(variant: str, folders: Any) -> None:
    folder = folders(variant)
    pack, _ = encode(folder, PAIRS)
    wanted = reference(folder, pack, VARIANTS[variant][0])
    assert wanted.std() > 0.5, "logits must differ for this test to mean anything"
    model = load_model(folder)
    np.testing.assert_allclose(logits(model, run(model, pack)), wanted, atol=1e-4)


@pytest.mark.parametrize("variant", ["bert", "deberta-v2", "v2-convolution", "v2-p2c", "deberta"])
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_padded_blocks_give_the_states_of_exact_ones(
    variant: str, pooling: Any, folders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gristmill.zeroshot.engines.torch import engine
    from gristmill.zeroshot.engines.torch.blocks import lay_out

    model = load_model(folders(variant))
    pack, _ = encode(folders(variant), PAIRS)
    exact = run(model, pack, pooling=pooling)
    blocks = []

    def padded(pack: Pack, encoder: Any, device: Any) -> Any:
        layout = lay_out(pack, encoder, device, step=64)
        blocks.extend(layout.blocks)
        return layout

    monkeypatch.setattr(engine, "lay_out", padded)
    np.testing.assert_allclose(run(model, pack, pooling=pooling), exact, atol=1e-5)
    assert any(block.mask is not None for block in blocks)


def sequence_by_sequence(
    query: Any, key: Any, value: Any, query_bounds: Any, bounds: Any, longest_query: int, longest: int
) -> Any:
    """What the variable-length kernel computes, by its definition; the kernel itself runs on CUDA alone."""
    pieces = []
    for sequence in range(len(bounds) - 1):
        q = query[int(query_bounds[sequence]) : int(query_bounds[sequence + 1])]
        k, v = (x[int(bounds[sequence]) : int(bounds[sequence + 1])] for x in (key, value))
        assert len(q) <= longest_query
        assert len(k) <= longest
        weights = torch.softmax(torch.einsum("qhd,khd->hqk", q, k) / q.shape[2] ** 0.5, dim=-1)
        pieces.append(torch.einsum("hqk,khd->qhd", weights, v))
    return torch.cat(pieces)


@pytest.mark.parametrize("family", ["distilbert", "bert", "roberta"])
@pytest.mark.parametrize("pooling", ["first", "mean"])
def test_the_variable_length_path_gives_the_same_states(
    family: str, pooling: Any, folders: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gristmill.zeroshot.engines.torch import attention

    varlen = pytest.importorskip("torch.nn.attention.varlen")
    inspect.signature(varlen.varlen_attn).bind(*range(7))
    model = load_model(folders(family))
    pack, _ = encode(folders(family), PAIRS)
    wanted = run(model, pack, pooling=pooling)
    calls = []

    def kernel(*arguments: Any) -> Any:
        calls.append(arguments[5:])
        return sequence_by_sequence(*arguments)

    monkeypatch.setattr(attention, "variable_length", lambda *_: kernel)
    np.testing.assert_allclose(run(model, pack, pooling=pooling), wanted, atol=1e-5)
    longest = int(pack.lengths[-1])
    assert calls == [(longest, longest), (1 if pooling == "first" else longest, longest)]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "int8"])
def test_a_state_does_not_depend_on_pack_mates(family: str, precision: Any, folders: Any) -> None:
    if precision == "int8":
        pytest.importorskip("bitsandbytes")
    model = load_model(folders(family))
    pack, _ = encode(folders(family), PAIRS)
    engine = create(model, precision=precision, device="cpu")
    together = engine.states(pack)
    alone = np.concatenate([engine.states(only(pack, number)) for number in range(len(pack.lengths))])
    # A rounding step of the type itself may tip with another order of additions; nothing larger may differ.
    limit = {"float32": 1e-5, "bfloat16": 3e-2, "int8": 2e-2}[precision]
    assert relative_error(together, alone) < limit / 2
    np.testing.assert_allclose(together, alone, atol=limit * np.abs(alone).max())


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("precision", "limit"), [("bfloat16", 0.05), ("float16", 0.01)])
def test_half_precisions_stay_near(family: str, precision: Any, limit: float, folders: Any) -> None:
    model = load_model(folders(family))
    pack, _ = encode(folders(family), PAIRS)
    exact = run(model, pack)
    error = relative_error(run(model, pack, precision), exact)
    assert 1e-5 < error < limit


@needs_bitsandbytes
@pytest.mark.parametrize("family", ["distilbert", "xlm-roberta", "deberta-v2"])
def test_bitsandbytes_on_the_cpu(family: str, folders: Any) -> None:
    model = load_model(folders(family))
    pack, _ = encode(folders(family), PAIRS)
    exact = run(model, pack)
    eight = relative_error(run(model, pack, "int8"), exact)
    four = relative_error(run(model, pack, "int4"), exact)
    assert 1e-4 < eight < 0.06
    assert eight < four < 0.7  # plain rounding to 4 bits is that coarse on weights without structure


@needs_bitsandbytes
def test_bitsandbytes_layers_are_near_the_layer_they_stand_for() -> None:
    from gristmill.zeroshot.engines.torch.bits import eight_bit_linear, four_bit_linear

    random = np.random.default_rng(5)
    weight, bias, x = (random.standard_normal(s).astype(np.float32) for s in ((48, 64), 48, (9, 64)))
    weight[3] = 0
    x[2] = 0
    wanted = x @ weight.T + bias
    b, rows = torch.from_numpy(bias), torch.from_numpy(x)
    with np.errstate(all="raise"):
        eight = eight_bit_linear(weight, b, torch.device("cpu"), torch.float32)(rows).numpy()
    four = four_bit_linear(torch.from_numpy(weight), b)(rows).numpy()
    assert relative_error(eight, wanted) < 0.015
    assert 0.02 < relative_error(four, wanted) < 0.12
    np.testing.assert_allclose(eight[2], bias, atol=1e-6)
    np.testing.assert_allclose(eight[:, 3], bias[3], atol=1e-6)


def quantise(model: Model, bits: int, groups: int) -> Model:
    """The model's encoder with linear weights and word table rounded to ``bits``."""
    largest = 2 ** (bits - 1) - 1
    tensors = dict(model.tensors)
    for name, tensor in model.tensors.items():
        if tensor.ndim == 2 and name.startswith(("layers.", "embeddings.word")):  # type: ignore[union-attr]
            rows, columns = tensor.shape
            grouped = np.asarray(tensor).reshape(rows, groups, columns // groups)
            scales = (np.abs(grouped).max(axis=2) / largest).astype(np.float32)
            integers = np.rint(grouped / scales[:, :, None]).astype(np.int8).reshape(rows, columns)
            tensors[name] = Quantised(integers, scales, bits)
    return replace(model, tensors=tensors, precision=f"int{bits}")


@pytest.mark.parametrize(("bits", "groups"), [(8, 1), (4, 4)])
@pytest.mark.parametrize("family", ["bert", "deberta-v2"])
def test_a_quantised_checkpoint_runs_on_its_own_integers(
    bits: int, groups: int, family: str, folders: Any
) -> None:
    model = quantise(load_model(folders(family)), bits, groups)
    pack, _ = encode(folders(family), PAIRS)
    widened = run(model, pack)
    np.testing.assert_allclose(run(model, pack, f"int{bits}"), widened, atol=1e-5)
    plain = run(load_model(folders(family)), pack)
    assert relative_error(widened, plain) > 1e-3, "the rounding must show, or the integers were not used"


def test_four_bits_take_half_a_byte_and_odd_columns_work() -> None:
    from gristmill.zeroshot.engines.torch.linears import Place, make_linear

    random = np.random.default_rng(3)
    place = Place(torch.device("cpu"), torch.float32, "int4", keep_integers=True, bitsandbytes=False)
    for columns, stored in ((8, torch.uint8), (7, torch.int8)):
        integers = random.integers(-7, 8, (5, columns)).astype(np.int8)
        weight = Quantised(integers, random.random((5, 1)).astype(np.float32), 4)
        bias = random.random(5).astype(np.float32)
        linear = make_linear([weight], [bias], place)
        assert linear.keywords["integers"].dtype == stored  # type: ignore[attr-defined]
        x = random.random((3, columns)).astype(np.float32)
        found = linear(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(found, x @ weight.dequantise().T + bias, rtol=1e-5)
    assert linear.keywords["integers"].numel() == 35  # type: ignore[attr-defined]


@pytest.mark.parametrize(("buckets", "distance"), [(256, 512), (32, 128), (16, 40), (5, 512), (0, 512)])
def test_distances_fall_into_the_buckets_of_training(buckets: int, distance: int) -> None:
    from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

    from gristmill.zeroshot.engines.torch.relative import distance_rows

    relative = RelativeAttention(buckets, distance, True, True, shared_keys=True, normalised=True)
    wanted = torch.arange(-599, 600)
    if buckets:
        wanted = make_log_bucket_position(wanted, buckets, distance).long()
    span = buckets or distance
    assert torch.equal(distance_rows(relative, 600), (wanted + span).clamp(0, 2 * span - 1))


@given(
    length=st.integers(1, 40),
    buckets=st.sampled_from([0, 4, 6, 16]),
    distance=st.integers(5, 48),
    extra=st.integers(0, 5),
    seed=st.integers(0, 9),
)
@settings(deadline=None, max_examples=60)
def test_relative_bias_is_the_sum_over_distances(
    length: int, buckets: int, distance: int, extra: int, seed: int
) -> None:
    """Against the definition, one pair of positions at a time."""
    from gristmill.zeroshot.engines.torch.relative import distance_rows, relative_bias

    relative = RelativeAttention(
        buckets, max(distance, buckets), True, True, shared_keys=True, normalised=False
    )
    rows = distance_rows(relative, length + extra)
    span = buckets or relative.distance
    assert rows.min() >= 0
    assert rows.max() < 2 * span
    random = torch.Generator().manual_seed(seed)
    q, k = (torch.randn(2, 3, length, 4, generator=random) for _ in range(2))
    keys, queries = (torch.randn(3, 2 * span, 4, generator=random) for _ in range(2))
    found = relative_bias(q, k, keys[:, rows], queries[:, rows])
    wanted = torch.zeros(2, 3, length, length)
    for i in range(length):
        for j in range(length):
            row = int(rows[i - j + length + extra - 1])
            wanted[:, :, i, j] = (q[:, :, i] * keys[:, row]).sum(-1) + (k[:, :, j] * queries[:, row]).sum(-1)
    assert found is not None
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(
        relative_bias(q[:, :, :1], k, keys[:, rows], queries[:, rows]), wanted[:, :, :1]
    )


@given(lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12), step=st.sampled_from([1, 8, 64]))
@settings(deadline=None, max_examples=60)
def test_blocks_cover_each_row_once(lengths: list[int], step: int) -> None:
    from gristmill.zeroshot.engines.torch.blocks import collect, lay_out, spread

    encoder = Encoder("bert", 1, 8, 1, 8, "gelu", 1e-12, 9, 30, token_types=2)
    total = sum(lengths)
    zeros = np.zeros(total, np.int32)
    pack = Pack(zeros, zeros, np.sort(np.array(lengths, np.int32)))
    layout = lay_out(pack, encoder, torch.device("cpu"), step=step)
    x = torch.arange(1, total + 1, dtype=torch.float32)[:, None].expand(-1, 3)
    back = torch.cat([collect(spread(x, block), block) for block in layout.blocks])
    assert torch.equal(back, x)
    for block in layout.blocks:
        spaced = spread(x, block)
        real = torch.ones(block.count, block.length, dtype=torch.bool)
        assert torch.equal((spaced[..., 0] != 0), real if block.mask is None else block.mask[:, 0, 0])
    assert sum(block.count for block in layout.blocks) == len(lengths)


def test_blocks_are_bounded_by_their_scores(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from gristmill.zeroshot.engines.torch import blocks

    model = load_model(folders("deberta-v2"))
    pack, _ = encode(folders("deberta-v2"), [*PAIRS[:1] * 5, *PAIRS[2:5]])
    wanted = run(model, pack)
    plain = blocks.lay_out(pack, model.encoder, torch.device("cpu")).blocks
    length = next(block.length for block in plain if block.count == 5)
    monkeypatch.setattr(blocks, "SCORES", 2 * model.encoder.heads * length**2)
    bounded = blocks.lay_out(pack, model.encoder, torch.device("cpu")).blocks
    assert [block.count for block in bounded if block.length == length] == [2, 2, 1]
    np.testing.assert_allclose(run(model, pack), wanted, atol=1e-5)


def test_mean_pooling_is_the_mean_of_all_tokens(folders: Any) -> None:
    from transformers import AutoModel

    folder = folders("bert")
    pack, _ = encode(folder, PAIRS)
    encoder = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    wanted = []
    with torch.inference_mode():
        for number in range(len(pack.lengths)):
            one = only(pack, number)
            ids, types = (torch.from_numpy(part.astype(np.int64))[None] for part in (one.ids, one.types))
            wanted.append(encoder(input_ids=ids, token_type_ids=types).last_hidden_state[0].mean(0).numpy())
    found = run(load_model(folder), pack, pooling="mean")
    np.testing.assert_allclose(found, np.stack(wanted), atol=1e-5)


def test_dropout_is_seeded(folders: Any) -> None:
    model = load_model(folders("deberta-v2"))
    pack, _ = encode(folders("deberta-v2"), PAIRS)
    engine = create(model, precision="float32", device="cpu")
    one = engine.states(pack, Dropout(1, 0.1, 0.1))
    np.testing.assert_array_equal(one, engine.states(pack, Dropout(1, 0.1, 0.1)))
    assert np.abs(one - engine.states(pack, Dropout(2, 0.1, 0.1))).max() > 1e-3
    np.testing.assert_allclose(engine.states(pack, Dropout(1, 0.0, 0.0)), engine.states(pack), atol=1e-5)


@pytest.mark.parametrize(("hidden", "attention"), [(0.3, 0.0), (0.0, 0.3)])
@pytest.mark.parametrize("family", ["distilbert", "roberta", "deberta-v2"])
def test_dropout_has_the_spread_that_training_had(
    family: str, hidden: float, attention: float, folders: Any
) -> None:
    from transformers import AutoModelForSequenceClassification

    folder, copies, samples = folders(family), 64, 40
    pack, _ = encode(folder, PAIRS[6:])
    many = Pack(np.tile(pack.ids, copies), np.tile(pack.types, copies), np.tile(pack.lengths, copies))
    engine = create(load_model(folder), precision="float32", device="cpu")
    ours = np.stack([engine.states(many, Dropout(seed, hidden, attention)) for seed in range(samples)])
    network = AutoModelForSequenceClassification.from_pretrained(
        folder, dtype=torch.float32
    ).base_model.train()
    for name, module in network.named_modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = attention if name.endswith(("attention.dropout", "self.dropout")) else hidden
    ids = torch.from_numpy(np.tile(pack.ids.astype(np.int64), (copies, 1)))
    with torch.no_grad():
        torch.manual_seed(0)
        theirs = np.stack([network(input_ids=ids)[0][:, 0].numpy() for _ in range(samples)])

    def spreads(states: Any) -> Any:
        """Of single sequences, and of whole packs' means, which shows what a pack's sequences share."""
        return states.reshape(-1, states.shape[2]).std(axis=0).mean(), states.mean(axis=1).std(axis=0).mean()

    single, shared = (mine / other for mine, other in zip(spreads(ours), spreads(theirs), strict=True))
    assert abs(single - 1) < 0.04
    assert abs(shared - 1) < 0.15
    assert np.abs(ours.mean(axis=(0, 1)) - theirs.mean(axis=(0, 1))).mean() < 0.05 * spreads(theirs)[0]


def test_threads_share_replicas_and_get_the_same_states(folders: Any) -> None:
    from gristmill.zeroshot.engines.torch.engine import TorchEngine
    from gristmill.zeroshot.engines.torch.linears import Place
    from gristmill.zeroshot.engines.torch.network import build_network

    model = load_model(folders("roberta"))
    place = Place(torch.device("cpu"), torch.float32, "float32", keep_integers=False, bitsandbytes=False)
    replicas = (build_network(model, place), build_network(model, place))
    engine = TorchEngine(replicas, "float32", workers=4, pooling="first")
    assert [engine._take(), engine._take(), engine._take()] == [0, 1, 0]
    engine._running = [0, 0]
    pack, _ = encode(folders("roberta"), PAIRS)
    wanted = engine.states(pack)
    with ThreadPoolExecutor(4) as threads:
        for found in threads.map(engine.states, [pack] * 12):
            np.testing.assert_allclose(found, wanted, atol=1e-6)
    assert engine._running == [0, 0]


def test_one_thread_a_worker_and_the_callers_setting_is_kept() -> None:
    from gristmill.zeroshot.engines.torch.devices import one_thread

    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
        with ThreadPoolExecutor(1) as fresh:

            def inside() -> int:
                with one_thread():
                    return int(torch.get_num_threads())

            assert fresh.submit(inside).result() == 1
    finally:
        torch.set_num_threads(before)


def test_a_pack_too_large_for_the_device_is_halved(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory that runs out is played, since a test cannot fill a device; the halving is real."""
    from gristmill.zeroshot.engines.torch import engine as module

    model = load_model(folders("bert"))
    pack, _ = encode(folders("bert"), PAIRS)
    engine = create(model, precision="float32", device="cpu")
    wanted = engine.states(pack)
    real, sizes = module.lay_out, []

    def small(pack: Pack, *rest: Any) -> Any:
        sizes.append(len(pack.lengths))
        if len(pack.lengths) > limit:
            raise torch.OutOfMemoryError("played")
        return real(pack, *rest)

    monkeypatch.setattr(module, "lay_out", small)
    limit = 2
    np.testing.assert_allclose(engine.states(pack), wanted, atol=1e-5)
    assert sizes == [7, 3, 1, 2, 4, 2, 2]
    limit = 0
    with pytest.raises(ModelError, match="does not fit into the memory of cpu"):
        engine.states(pack)


def test_bad_packs_are_refused(folders: Any) -> None:
    model = load_model(folders("bert"))
    engine = create(model, precision="float32", device="cpu")
    good, _ = encode(folders("bert"), PAIRS[:1])
    assert engine.states(Pack(good.ids[:0], good.types[:0], good.lengths[:0])).shape == (0, 32)
    for bad, message in (
        (replace(good, ids=good.ids + 100_000), "outside the model's vocabulary"),
        (replace(good, ids=-1 - good.ids), "token id -"),
        (replace(good, types=good.types + 2), "outside the model's 2 types"),
        (replace(good, lengths=good.lengths + 1), "does not match its lengths"),
        (replace(good, types=good.types[1:]), "does not match its lengths"),
        (
            Pack(np.zeros(129, np.int32), np.zeros(129, np.int32), np.array([129], np.int32)),
            "longer than the model's 128",
        ),
    ):
        with pytest.raises(ModelError, match=message):
            engine.states(bad)


def test_bad_requests_are_refused(folders: Any) -> None:
    model = load_model(folders("bert"))
    for device in ("tpu", "cuda:x", "cuda:99", "", "cpu,cpu", "cuda:0,cuda:0"):
        with pytest.raises(ModelError, match="device"):
            create(model, precision="float32", device=device)
    with pytest.raises(ModelError, match="precision 'int2'"):
        create(model, precision="int2", device="cpu")  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="workers must be 1"):
        create(model, precision="float32", device="cpu", workers=0)
    with pytest.raises(ModelError, match="quantised to int8 and cannot run in int4"):
        create(quantise(model, 8, 1), precision="int4", device="cpu")
    engine = create(model, precision="float32", device="cpu")
    engine.close()
    pack, _ = encode(folders("bert"), PAIRS[:1])
    with pytest.raises(ModelError, match="closed"):
        engine.states(pack)


def test_float16_that_overflows_is_an_error_and_no_nan(folders: Any) -> None:
    model = load_model(folders("bert"))
    tensors = dict(model.tensors)
    tensors["layers.0.down.weight"] = model.floats("layers.0.down.weight") * 1e6
    large = replace(model, tensors=tensors)
    pack, _ = encode(folders("bert"), PAIRS[:2])
    assert np.isfinite(run(large, pack, "bfloat16")).all()
    with pytest.raises(ModelError, match="overflow float16"):
        run(large, pack, "float16")


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, gristmill.zeroshot.engines.torch; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_torch_names_the_extra(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(folders("bert"))
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtraError, match=r"gristmill\[torch\]"):
        create(model, precision="float32", device="cpu")


def test_missing_bitsandbytes_names_the_extra(folders: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import gristmill.zeroshot.engines.torch.bits as bits

    model = load_model(folders("bert"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "bitsandbytes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(bits, "import_module", _no_module)
    with pytest.raises(MissingExtraError, match=r"bitsandbytes.*gristmill\[torch\]"):
        create(model, precision="int8", device="cpu")


def _no_module(name: str) -> Any:
    raise ImportError(f"no {name}")


def test_importing_bitsandbytes_asks_no_one_for_kernels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real package this shows on processors with AVX512-BF16 alone; here a small one asks everywhere."""
    from gristmill.zeroshot.engines.torch.bits import load_bitsandbytes

    for name in [name for name in sys.modules if name.partition(".")[0] == "bitsandbytes"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "kernels.py").write_text("")
    (tmp_path / "bitsandbytes.py").write_text(
        "try:\n    import kernels\n    found = True\nexcept ImportError:\n    found = False\n"
    )
    try:
        assert load_bitsandbytes().found is False
        import kernels  # type: ignore[import-not-found]

        assert kernels.__file__ == str(tmp_path / "kernels.py"), "it must be hidden during the import only"
    finally:
        sys.modules.pop("bitsandbytes", None)
        sys.modules.pop("kernels", None)


@needs_cuda
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("precision", "limit"), [("float32", 1e-4), ("bfloat16", 0.05), ("float16", 0.01)])
def test_cuda_gives_the_states_of_the_cpu(variant: str, precision: Any, limit: float, folders: Any) -> None:
    model = load_model(folders(variant))
    pack, _ = encode(folders(variant), PAIRS * 9)
    for pooling in ("first", "mean"):
        wanted = run(model, pack, pooling=pooling)
        found = run(model, pack, precision, device="cuda", pooling=pooling)
        assert relative_error(found, wanted) < limit


@needs_cuda
@needs_bitsandbytes
@pytest.mark.parametrize("family", ["distilbert", "deberta-v2"])
@pytest.mark.parametrize(("precision", "limit"), [("int8", 0.06), ("int4", 0.5)])
def test_bitsandbytes_on_cuda(family: str, precision: Any, limit: float, folders: Any) -> None:
    model = load_model(folders(family))
    pack, _ = encode(folders(family), PAIRS)
    assert relative_error(run(model, pack, precision, device="cuda"), run(model, pack)) < limit


@needs_cuda
def test_cuda_runs_a_checkpoints_own_integers_and_threads(folders: Any) -> None:
    model = quantise(load_model(folders("bert")), 4, 4)
    pack, _ = encode(folders("bert"), PAIRS)
    engine = create(model, precision="int4", device="cuda")
    assert engine.workers == 2 * torch.cuda.device_count()
    assert engine.token_budget > 10_000
    wanted = run(model, pack)
    with ThreadPoolExecutor(engine.workers) as threads:
        for found in threads.map(engine.states, [pack] * 8):
            assert relative_error(found, wanted) < 0.05
