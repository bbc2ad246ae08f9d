"""Which engine is chosen: by what is asked for, installed, and there; each choice without importing the others."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny_models import make_checkpoint

from gristmill.errors import MissingExtraError, ModelError
from gristmill.zeroshot.engines import choose
from gristmill.zeroshot.engines.base import Pack
from gristmill.zeroshot.engines.choose import ENGINES, PRECISIONS, choose_engine
from gristmill.zeroshot.engines.numpy.engine import NumpyEngine
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Model


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("choose"), "distilbert")


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[tuple[str, dict[str, Any]]]]:
    """Make the machine one with these packages and this hardware; returns what engines are made, and how."""

    def make(*installed: str, gpu: bool = False, flags: str = "") -> list[tuple[str, dict[str, Any]]]:
        made: list[tuple[str, dict[str, Any]]] = []

        def load(name: str) -> Any:
            kind = name.removeprefix("gristmill.zeroshot.engines.")

            def create(model: Model, **options: Any) -> Any:
                made.append((kind, options))
                precision = options.get("precision", "float32")
                return SimpleNamespace(name=kind, device="cpu", precision=precision, workers=1)

            return SimpleNamespace(create=create)

        monkeypatch.setattr(choose, "import_module", load)
        monkeypatch.setattr(choose, "_installed", lambda package: package in installed)
        monkeypatch.setattr(choose, "_has_gpu", lambda: gpu)
        monkeypatch.setattr(choose, "_cpu_flags", lambda: frozenset(flags.split()))
        return made

    return make


BOTH = ("openvino", "torch")


@pytest.mark.parametrize(
    ("installed", "hardware", "asked", "stored", "wanted"),
    [
        ((), {}, {}, "float32", ("numpy", None)),
        (BOTH, {}, {}, "float32", ("numpy", None)),
        (BOTH, {"flags": "avx512f avx512_bf16"}, {}, "float32", ("openvino", "float32")),
        (BOTH, {"flags": "amx_tile"}, {}, "bfloat16", ("openvino", "float32")),
        (("torch",), {"flags": "avx512_bf16"}, {}, "float32", ("numpy", None)),
        (BOTH, {"gpu": True, "flags": "avx512_bf16"}, {}, "float32", ("torch", "float32")),
        (BOTH, {"gpu": True}, {"device": "cpu"}, "float32", ("numpy", None)),
        (("openvino",), {"gpu": True}, {}, "float32", ("numpy", None)),
        (BOTH, {}, {"device": "cuda:1"}, "float32", ("torch", "float32")),
        (BOTH, {}, {"precision": "bfloat16"}, "float32", ("openvino", "bfloat16")),
        (("torch",), {}, {"precision": "bfloat16"}, "float32", ("torch", "bfloat16")),
        (BOTH, {}, {"precision": "float16"}, "float32", ("torch", "float16")),
        (BOTH, {}, {"precision": "int8"}, "float32", ("openvino", "int8")),
        (("torch",), {}, {"precision": "int8"}, "float32", ("torch", "int8")),
        (BOTH, {}, {}, "int8", ("openvino", "int8")),
        (BOTH, {"gpu": True}, {}, "int4", ("torch", "int4")),
        (("torch",), {}, {}, "int4", ("numpy", None)),
        ((), {}, {}, "int8", ("numpy", None)),
        ((), {}, {"precision": "float32"}, "int8", ("numpy", None)),
        (BOTH, {"flags": "avx512_bf16"}, {"engine": "numpy"}, "float32", ("numpy", None)),
        (BOTH, {"gpu": True}, {"engine": "openvino"}, "float32", ("openvino", "float32")),
        (BOTH, {}, {"engine": "torch", "precision": "int4"}, "float32", ("torch", "int4")),
    ],
)
def test_what_is_chosen(
    installed: tuple[str, ...],
    hardware: dict[str, Any],
    asked: dict[str, str],
    stored: str,
    wanted: tuple[str, str | None],
    model: Model,
    machine: Any,
) -> None:
    made = machine(*installed, **hardware)
    choose_engine(replace(model, precision=stored), **asked)  # type: ignore[arg-type]
    [(name, options)] = made
    assert (name, options.get("precision")) == wanted
    assert options.get("device") == (asked.get("device", "auto") if name == "torch" else None)


def test_options_reach_the_engine(model: Model, machine: Any) -> None:
    for engine in ENGINES:
        made = machine(*BOTH)
        choose_engine(model, engine=engine, workers=3, pooling="mean")
        assert made[0][1]["workers"] == 3
        assert made[0][1]["pooling"] == "mean"


@pytest.mark.parametrize(
    ("installed", "asked", "error", "message"),
    [
        (
            (),
            {"engine": "onnx"},
            ModelError,
            "'onnx' is not known; use auto or one of numpy, openvino, torch",
        ),
        (
            (),
            {"precision": "fp32"},
            ModelError,
            "'fp32' is not known.*float32, bfloat16, float16, int8, int4",
        ),
        ((), {"engine": "openvino"}, MissingExtraError, r"pip install 'gristmill\[openvino\]'"),
        ((), {"engine": "torch"}, MissingExtraError, r"pip install 'gristmill\[torch\]'"),
        ((), {"device": "cuda"}, MissingExtraError, r"gristmill\[torch\]"),
        ((), {"precision": "bfloat16"}, MissingExtraError, r"gristmill\[openvino\]"),
        ((), {"precision": "int8"}, MissingExtraError, r"gristmill\[openvino\]"),
        ((), {"precision": "float16"}, MissingExtraError, r"gristmill\[torch\]"),
        ((), {"engine": "numpy", "precision": "int8"}, ModelError, "stored as float32.*gristmill quantize"),
        ((), {"engine": "numpy", "precision": "bfloat16"}, ModelError, "cannot run it in bfloat16"),
        (
            (),
            {"engine": "numpy", "device": "cuda:0"},
            ModelError,
            "'cuda:0': the numpy engine runs on the CPU",
        ),
        (BOTH, {"engine": "openvino", "device": "cuda"}, ModelError, "the openvino engine runs on the CPU"),
    ],
)
def test_what_cannot_be_had_is_refused_by_name(
    installed: tuple[str, ...], asked: dict[str, str], error: type, message: str, model: Model, machine: Any
) -> None:
    made = machine(*installed)
    with pytest.raises(error, match=message):
        choose_engine(model, **asked)  # type: ignore[arg-type]
    assert not made


def test_a_bfloat16_checkpoint_is_no_quantised_one(model: Model, machine: Any) -> None:
    """numpy widens it; asked for bfloat16 arithmetic it must say no."""
    machine()
    with pytest.raises(ModelError, match="cannot run it in bfloat16"):
        choose_engine(replace(model, precision="bfloat16"), engine="numpy", precision="bfloat16")


def test_every_precision_has_an_answer(model: Model, machine: Any) -> None:
    for precision in PRECISIONS:
        made = machine(*BOTH)
        choose_engine(model, precision=precision)
        assert made[0][1].get("precision", "float32") == precision


def test_signs_of_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[str] = []

    def load(name: str) -> Any:
        asked.append(name)
        return SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: True))

    monkeypatch.setattr(choose, "import_module", load)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(choose, "GPU_SIGNS", (str(tmp_path / "nvidia0"),))
    assert not choose._has_gpu()
    assert asked == [], "torch takes seconds to import; without a sign of a GPU it must not be"
    (tmp_path / "nvidia0").touch()
    assert choose._has_gpu()
    assert asked == ["torch"]
    for hidden in ("", "-1", " "):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert not choose._has_gpu()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert choose._has_gpu()


def test_the_numpy_engine_is_made_and_the_log_tells(model: Model, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gristmill.zeroshot"):
        engine = choose_engine(model, engine="numpy", workers=2)
    assert isinstance(engine, NumpyEngine)
    [line] = [record.getMessage() for record in caplog.records if record.name == "gristmill.zeroshot"]
    assert line == f"{model.name}: engine numpy on cpu, precision float32, 2 at a time (asked for)"
    ids = np.array([2, 7, 3], np.int32)
    assert engine.states(Pack(ids, ids * 0, np.array([3], np.int32))).shape == (1, 32)


def test_nothing_is_imported_that_is_not_used(folder: Path) -> None:
    program = (
        "import sys\n"
        "from gristmill.zeroshot.models.load import load_model\n"
        "from gristmill.zeroshot.engines.choose import choose_engine\n"
        f"choose_engine(load_model({str(folder)!r}), engine='numpy')\n"
        "heavy = {'torch', 'openvino', 'transformers', 'huggingface_hub', 'scipy', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(f'imported {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
