"""The folder of a quantised model: written aside, read back and compared, then given its name."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import CONFIG, WEIGHTS
from gristmill.zeroshot.models.load import load_model, open_checkpoint
from gristmill.zeroshot.models.model import Model, Quantised, Tensor
from gristmill.zeroshot.models.quantised import METHOD, PACKED, SCALE, SHAPE, pack_rows
from gristmill.zeroshot.models.weights import Stored
from gristmill.zeroshot.quantise.fused import join_fused
from gristmill.zeroshot.quantise.weights import write_weights

COPIED = re.compile(
    r"tokenizer(_config)?\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(txt|json)|merges\.txt|spm\.model"
    r"|sentencepiece\.bpe\.model|(LICEN[CS]E|NOTICE)(\.(md|txt))?"
)
"""Files that are taken over as they are; weights in other formats are not among them."""
EMBEDDING = "re:.*word_embeddings$"


@contextmanager
def new_folder(to: Path, *, replace: bool) -> Iterator[Path]:
    """A folder beside ``to`` to write into; at the end it becomes ``to``, and with an error it goes away.

    Raises: ModelError if ``to`` exists and is not to be replaced, or is something that must not be.
    """
    check_target(to, replace=replace)
    to.parent.mkdir(parents=True, exist_ok=True)
    aside = to.parent / f".{to.name}.{secrets.token_hex(6)}"
    aside.mkdir()
    try:
        yield aside
        _rename(aside, to, replace=replace)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_target(to: Path, *, replace: bool) -> None:
    """Raise ModelError if ``to`` cannot be written: found out before the work, not after it."""
    if not os.path.lexists(to):
        return
    if not replace:
        raise ModelError(f"{to} exists; name another folder, or give --replace")
    if to.is_symlink() or not (to / CONFIG).is_file():
        raise ModelError(f"{to} is not a model's folder, so it is not replaced; name another folder")


def write_model(folder: Path, model: Model, changed: Mapping[str, Tensor], group: int) -> None:
    """Write config.json, weights and tokenizer of ``model`` with some tensors ``changed``, by our names.

    ``group``: columns that share a scale, 0 for all. All other tensors keep their stored type.
    """
    (folder / CONFIG).write_text(
        json.dumps(_config(model, changed, group), indent=2, ensure_ascii=False) + "\n", "utf-8"
    )
    _write_weights(folder / WEIGHTS, model, changed)
    for path in sorted(model.folder.iterdir()):
        if COPIED.fullmatch(path.name) and path.is_file():
            shutil.copyfile(path, folder / path.name)


def read_back(folder: Path, model: Model, changed: Mapping[str, Tensor]) -> Model:
    """Load what was written. Raises: ModelError if any tensor, label or size is not what it should be."""
    written = load_model(folder, label2id={name: number for number, name in enumerate(model.labels)})
    wanted = dict(model.tensors) | dict(changed)
    wrong = [name for name in wanted if not _equal(written.tensors[name], wanted[name])]
    if wrong or written.encoder != model.encoder or written.labels != model.labels:
        what = f"the tensor {wrong[0]!r}" if wrong else "config.json"
        raise ModelError(f"{folder}: {what} does not read back as it was written; the disk may be damaged")
    return written


def _config(model: Model, changed: Mapping[str, Tensor], group: int) -> dict[str, object]:
    """config.json with what compressed-tensors needs to know."""
    _, names = open_checkpoint(model.folder)
    bits = min(tensor.bits for tensor in changed.values() if isinstance(tensor, Quantised))
    linears = _scheme(["Linear"], bits, group)
    groups = {"group_0": linears}
    if isinstance(changed.get("embeddings.word.weight"), Quantised):
        groups["group_1"] = _scheme([EMBEDDING], 8, 0)
    formats = {str(scheme["format"]) for scheme in groups.values()}
    kept = ("head.dense.weight", "head.output.weight", "embeddings.projection.weight")
    values = dict(read_config(model.folder / CONFIG).values)
    values["quantization_config"] = {
        "quant_method": METHOD,
        "format": formats.pop() if len(formats) == 1 else "mixed-precision",
        "quantization_status": "compressed",
        "config_groups": groups,
        "ignore": [names[name].removesuffix(".weight") for name in kept if name in names],
    }
    return values


def _scheme(targets: list[str], bits: int, group: int) -> dict[str, object]:
    weights: dict[str, object] = {"num_bits": bits, "type": "int", "symmetric": True, "dynamic": False}
    weights |= {"strategy": "group", "group_size": group} if group else {"strategy": "channel"}
    form = "pack-quantized" if bits == 4 else "int-quantized"
    return {"targets": targets, "weights": weights, "format": form}


def _write_weights(path: Path, model: Model, changed: Mapping[str, Tensor]) -> None:
    checkpoint, names = open_checkpoint(model.folder)
    replaced = {names[ours]: tensor for ours, tensor in join_fused(model, changed, names).items()}
    stored: dict[str, Stored] = {}
    for name in names.values():
        tensor = replaced.get(name)
        if tensor is None:
            stored[name] = checkpoint[name]
        elif not isinstance(tensor, Quantised):
            stored[name] = Stored(path, "F32", tensor)
        else:
            module = name.removesuffix(".weight")
            stored[module + SCALE] = Stored(path, "F32", tensor.scales)
            if tensor.bits == 8:
                stored[name] = Stored(path, "I8", tensor.integers)
            else:
                stored[module + PACKED] = Stored(path, "I32", pack_rows(tensor.integers, tensor.bits))
                stored[module + SHAPE] = Stored(path, "I64", np.array(tensor.shape, np.int64))
    write_weights(path, stored)


def _equal(one: Tensor, other: Tensor) -> bool:
    if isinstance(one, Quantised) and isinstance(other, Quantised):
        return (
            one.bits == other.bits
            and np.array_equal(one.integers, other.integers)
            and np.array_equal(one.scales, other.scales)
        )
    if isinstance(one, Quantised) or isinstance(other, Quantised):
        return False
    return bool(np.array_equal(one, other))


def _rename(aside: Path, to: Path, *, replace: bool) -> None:
    check_target(to, replace=replace)
    if not os.path.lexists(to):
        aside.rename(to)
        return
    old = aside.with_name(aside.name + ".old")
    to.rename(old)
    try:
        aside.rename(to)
    except OSError:
        old.rename(to)
        raise
    shutil.rmtree(old, ignore_errors=True)
