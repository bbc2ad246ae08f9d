"""Changed tensors as the checkpoint has them: what the reader of an architecture takes apart is put together again."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gristmill.errors import ModelError
from gristmill.zeroshot.models.architectures.architecture import FUSED, find_architecture
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import CONFIG
from gristmill.zeroshot.models.model import Model, Quantised, Tensor


def join_fused(model: Model, changed: Mapping[str, Tensor], names: Mapping[str, str]) -> dict[str, Tensor]:
    """``changed`` by those of our names that ``names`` knows; parts of fused matrices joined to those.

    Raises: ModelError if a changed tensor is in no tensor of the checkpoint, or a fused one changed in part.
    """
    result = {name: tensor for name, tensor in changed.items() if name in names}
    parts = {name: tensor for name, tensor in changed.items() if name not in names}
    split = find_architecture(read_config(model.folder / CONFIG)).split
    rows = 3 * model.encoder.width
    for fused in [name for name in names if name.endswith(FUSED)]:
        if split is None or not parts:
            break
        # Taking apart a column of row numbers tells where each row of each part came from.
        numbered = np.arange(rows, dtype=np.float32)[:, None]
        where = split({name: numbered for name in names if name.endswith(FUSED)}, model.encoder)
        prefix = fused.removesuffix(FUSED)
        own = {
            name: np.asarray(where[name], np.float64)[:, 0].astype(np.int64)
            for name in where
            if name.startswith(prefix) and name.endswith(".weight")
        }
        result[fused] = _join({name: parts.pop(name, None) for name in own}, own, rows)
    if parts:
        raise ModelError(f"{model.folder}: the checkpoint has no place for {min(parts)!r}")
    return result


def _join(
    parts: Mapping[str, Tensor | None],
    rows_of: Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]],
    rows: int,
) -> Quantised:
    quantised = {name: tensor for name, tensor in parts.items() if isinstance(tensor, Quantised)}
    if len(quantised) != len(parts):
        raise ModelError(f"of {sorted(parts)}, which the checkpoint has in one, only some are quantised")
    first = next(iter(quantised.values()))
    integers = np.empty((rows, first.shape[1]), np.int8)
    scales = np.empty((rows, first.scales.shape[1]), np.float32)
    for name, tensor in quantised.items():
        integers[rows_of[name]] = tensor.integers
        scales[rows_of[name]] = tensor.scales
    return Quantised(integers, scales, first.bits)
