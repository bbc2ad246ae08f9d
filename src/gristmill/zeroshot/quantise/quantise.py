"""From a model to its quantised folder: calibrate, measure, write, read back, and only then give it its name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from threadpoolctl import threadpool_limits

from gristmill.errors import ModelError
from gristmill.zeroshot.models.folder import find_files
from gristmill.zeroshot.models.load import load_model
from gristmill.zeroshot.models.model import Encoder, Model, Quantised, Tensor
from gristmill.zeroshot.quantise.calibrate import WORDS, Plan, quantise_layers
from gristmill.zeroshot.quantise.card import Figures, verdict, write_card
from gristmill.zeroshot.quantise.folder import check_target, new_folder, read_back, write_model
from gristmill.zeroshot.quantise.gate import Loss, compare_logits, probe_logits
from gristmill.zeroshot.quantise.sequences import TOKENS, calibration_pack
from gristmill.zeroshot.quantise.texts import Texts, built_in

LIMITS = {8: 0.05, 4: 0.20}
"""Largest relative logit error that passes unless told otherwise."""
GROUPS = (64, 32, 16, 8)
"""Group sizes of 4 bits; the first two that divide all inputs are tried, the second if the first is not good enough."""
Table = Literal["float32", "int8"]


@dataclass(frozen=True)
class Options:
    """What a caller may choose."""

    bits: int
    """8 or 4."""
    group: int | None = None
    """Columns that share a scale, of 4 bits; None: as large as the limit allows (``GROUPS``). 8 bits have one a row."""
    embeddings: Table = "float32"
    limit: float | None = None
    """Largest relative logit error; None: of ``LIMITS``."""
    allow_loss: bool = False
    """Write the folder even above the limit; its card says so."""
    tokens: int = TOKENS
    """Of calibration, about; more cost time in proportion."""
    replace: bool = False
    """An existing model's folder may be replaced."""


def quantise(
    name: str | Path,
    to: Path,
    options: Options,
    *,
    revision: str | None = None,
    offline: bool | None = None,
    texts: tuple[Texts, Texts] | None = None,
    progress: Callable[[int, int], None] = lambda done, layers: None,
) -> Figures:
    """Write a quantised copy of a model to the folder ``to``.

    Args:
        name: As ``load_model`` takes it, with ``revision`` and ``offline``.
        texts: Calibration set and probe set; the built-in ones by default.
        progress: Called with the number of layers done and of all layers.

    Returns: The figures that the folder's card holds.
    Raises: ModelError if the model is quantised already or cannot be loaded, ``to`` must not be written, or the
    loss is above the limit; then nothing is left behind.
    """
    check_target(to, replace=options.replace)
    model = load_model(name, revision=revision, offline=offline)
    if any(isinstance(tensor, Quantised) for tensor in model.tensors.values()):
        raise ModelError(
            f"{name} is quantised already ({model.precision}); quantise the model it was made of"
        )
    if options.replace and to.exists() and to.resolve() == model.folder.resolve():
        raise ModelError(f"{to} is the model itself; name another folder")
    assert model.ids is not None
    groups = _groups(options, model.encoder)
    calibration, probe = texts or built_in()
    limit = LIMITS[options.bits] if options.limit is None else options.limit
    best = _round(model, calibration, probe, groups, options, limit, progress)
    figures = Figures(
        model=Path(name).resolve().name if Path(name).is_dir() else str(name),
        revision=model.revision,
        precision=f"int{options.bits}",
        method="GPTQ",
        group_size=best.group,
        embeddings="int8" if options.embeddings == "int8" else "as in the original",
        calibration=calibration.source,
        calibration_digest=calibration.digest,
        probe=probe.source,
        probe_digest=probe.digest,
        loss=best.loss,
        limit=limit,
        passed=best.loss.logit_error <= limit,
        linear_bytes=_linear_bytes(best.changed),
        weights_bytes=(0, 0),
    )
    if not figures.passed and not options.allow_loss:
        raise ModelError(
            f"{model.name} loses too much in {figures.precision}, nothing was written:\n{verdict(figures)}\n"
            + _advice(options, best.group)
        )
    with new_folder(to, replace=options.replace) as folder:
        write_model(folder, model, best.changed, best.group)
        written = read_back(folder, model, best.changed)
        figures = replace(figures, weights_bytes=(_file_bytes(model), _file_bytes(written)))
        write_card(folder, figures)
    return figures


@dataclass(frozen=True)
class _Rounded:
    """What one group size gave."""

    group: int
    changed: Mapping[str, Tensor]
    loss: Loss


def _round(
    model: Model,
    calibration: Texts,
    probe: Texts,
    groups: tuple[int, ...],
    options: Options,
    limit: float,
    progress: Callable[[int, int], None],
) -> _Rounded:
    """The first of ``groups`` whose loss passes, else the one that loses least."""
    assert model.ids is not None
    exact = probe_logits(model, probe)
    pack = calibration_pack(model, calibration, options.tokens)
    best: _Rounded | None = None
    for group in groups:
        plan = Plan(bits=options.bits, group=group, embeddings=options.embeddings == "int8")
        # Sums in another order round otherwise: on one thread the same model gives the same files.
        with threadpool_limits(1, user_api="blas"):
            changed = quantise_layers(model, pack, plan, progress)
        logits = probe_logits(replace(model, tensors={**model.tensors, **changed}), probe)
        found = _Rounded(group, changed, compare_logits(exact, logits, model.ids.entailment, probe.per_text))
        if best is None or found.loss.logit_error < best.loss.logit_error:
            best = found
        if best.loss.logit_error <= limit:
            break
    assert best is not None
    return best


def _groups(options: Options, encoder: Encoder) -> tuple[int, ...]:
    """The group sizes to try."""
    if options.bits == 8:
        if options.group:
            raise ModelError(f"group size {options.group}: 8 bits have one scale a row; groups are for int4")
        return (0,)
    inputs = (encoder.width, encoder.inner)
    wanted = GROUPS if options.group is None else (options.group,)
    fitting = tuple(group for group in wanted if group >= 1 and not any(size % group for size in inputs))
    if not fitting:
        raise ModelError(
            f"group size {' or '.join(map(str, wanted))} must divide the layers' inputs, which are"
            f" {encoder.width} and {encoder.inner}"
        )
    return fitting[:2]


def _advice(options: Options, group: int) -> str:
    ways = ["--texts with texts like yours"]
    if options.bits == 4:
        ways += [f"--group {group // 2}"] * (group > 16 and group % 2 == 0) + ["--precision int8"]
    return f"try {', '.join(ways)}, or take it as it is: --allow-loss"


def _linear_bytes(changed: Mapping[str, Tensor]) -> tuple[int, int]:
    before = after = 0
    for name, tensor in changed.items():
        if isinstance(tensor, Quantised) and name != WORDS:
            before += 4 * tensor.integers.size
            after += tensor.integers.size * tensor.bits // 8 + 4 * tensor.scales.size
    return before, after


def _file_bytes(model: Model) -> int:
    return sum(path.stat().st_size for path in find_files(model.folder).weights)
