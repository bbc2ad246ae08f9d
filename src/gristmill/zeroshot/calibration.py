"""A model's temperatures, kept as ``calibration.json`` beside its weights, with what they were fitted on."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, get_type_hints

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import digest, find_files
from gristmill.zeroshot.models.model import Model
from gristmill.zeroshot.temperature import COLDEST, HOTTEST, CalibrationError

FILE = "calibration.json"
FORMAT = 1
FILE_BYTES = 1 << 20
MARK = "gristmill_calibration"
"""Key whose value is the format; a file without it is not ours."""
LARGEST = 2**53
MODES = ("single", "multi")
MEND = "run: gristmill calibrate"

_log = logging.getLogger("gristmill.zeroshot")


@dataclass(frozen=True)
class Fit:
    """One temperature, and what speaks for it. Errors and losses are those of texts it was not fitted on."""

    temperature: float
    data: str
    """``sha256:`` and the digest of the labelled file."""
    fitted_texts: int
    held_out_texts: int
    labels: int
    template: str
    seed: int
    """Of the split in two halves."""
    precision: str
    """The engine's, with which margins were computed."""
    bins: int
    """Of the expected calibration error, of equal width."""
    error_before: float
    """Expected calibration error with a temperature of 1."""
    error_after: float
    loss_before: float
    """Mean negative log-likelihood in nats with a temperature of 1."""
    loss_after: float


@dataclass(frozen=True)
class Calibration:
    """The temperatures of one model. ``single`` divides entailment logits, ``multi`` the lead of entailment over
    contradiction; 1 where none was fitted."""

    revision: str
    """Of the model as it was loaded: commit of the hub or digest of its files."""
    digest: str
    """``sha256:`` and the digest of the model's files."""
    fits: Mapping[str, Fit]
    """By ``single`` and ``multi``."""

    @property
    def single(self) -> float:
        """The temperature of labels that share a probability of 1."""
        return self._temperature("single")

    @property
    def multi(self) -> float:
        """The temperature of labels each on its own."""
        return self._temperature("multi")

    def _temperature(self, mode: str) -> float:
        fit = self.fits.get(mode)
        return 1.0 if fit is None else fit.temperature


def load_calibration(folder: Path, *, revision: str | None = None) -> Calibration | None:
    """The calibration beside a model's files, or None if there is none.

    Args:
        folder: The model's.
        revision: ``Model.revision``; saves hashing the weights where the calibration names the same.

    Raises: CalibrationError for a file that is damaged, or was fitted on other weights.
    """
    path = folder / FILE
    if not path.exists():
        return None
    found = _read(path)
    if found is None:
        return None
    if revision is None or revision != found.revision:
        # The same files have another revision on the hub than in a folder; their digest is the same.
        actual = revision if revision and revision.startswith("sha256:") else digest(find_files(folder))
        if actual != found.digest:
            raise CalibrationError(
                f"{path} was fitted on another revision of the model ({found.revision}, files {found.digest[:19]}...,"
                f" here {actual[:19]}...); delete it, or {MEND}"
            )
    return found


def save_calibration(
    folder: Path, model: Model, *, single: Fit | None = None, multi: Fit | None = None
) -> Calibration:
    """Write ``calibration.json`` into ``folder``, whole or not at all. A mode not given keeps what is there for it.

    What is there for other weights, damaged or not ours, is replaced. Returns what the file now holds.
    Raises: CalibrationError if neither mode is given, or the file cannot be written.
    """
    new = {mode: fit for mode, fit in (("single", single), ("multi", multi)) if fit is not None}
    if not new:
        raise CalibrationError("there is no temperature to save; give single, multi or both")
    path = folder / FILE
    calibration = Calibration(
        model.revision,
        model.revision if model.revision.startswith("sha256:") else digest(find_files(model.folder)),
        new,
    )
    try:
        before = _read(path) if path.exists() else None
    except CalibrationError:
        before = None
    if before is not None and before.digest == calibration.digest:
        calibration = replace(calibration, fits={**before.fits, **new})
    values = {
        MARK: FORMAT,
        "revision": calibration.revision,
        "digest": calibration.digest,
        **{mode: asdict(calibration.fits[mode]) for mode in MODES if mode in calibration.fits},
    }
    temporary = path.with_name(f"{FILE}.{os.getpid()}.new")
    try:
        with temporary.open("wb") as file:
            # A lone surrogate, which UTF-8 has no bytes for, is written as JSON's escape.
            text = json.dumps(values, indent=2, ensure_ascii=False) + "\n"
            file.write(text.encode("utf-8", "backslashreplace"))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise CalibrationError(
            f"{path} cannot be written: {error.strerror}; name a folder that can be"
        ) from error
    return calibration


def _read(path: Path) -> Calibration | None:
    """What the file holds; None if it is another program's. Raises: CalibrationError."""
    try:
        values = read_config(path, FILE_BYTES).values
    except ModelError as error:
        raise CalibrationError(f"{path} is damaged ({error}); delete it, or {MEND}") from error
    if MARK not in values:
        _log.warning("%s is not of Gristmill and is left alone: it has no %r", path, MARK)
        return None
    if values[MARK] != FORMAT or isinstance(values[MARK], bool):
        raise _wrong(path, MARK, values[MARK], f"{FORMAT}, which this version of Gristmill reads")
    unknown = sorted(set(values) - {MARK, "revision", "digest", *MODES})
    if unknown:
        raise _wrong(path, unknown[0], values[unknown[0]], "left out")
    texts = {}
    for key in ("revision", "digest"):
        value = values.get(key)
        if not isinstance(value, str) or not value:
            raise _wrong(path, key, value, "a string")
        texts[key] = value
    fits = {mode: _fit(path, mode, values[mode]) for mode in MODES if mode in values}
    if not fits:
        raise _wrong(path, "single", None, "there, or 'multi'")
    return Calibration(texts["revision"], texts["digest"], fits)


def _fit(path: Path, mode: str, value: object) -> Fit:
    names = [field.name for field in fields(Fit)]
    if not isinstance(value, dict) or sorted(value) != sorted(names):
        raise _wrong(path, mode, value, f"an object of {', '.join(names)}")
    kinds = get_type_hints(Fit)
    for name in names:
        one, kind = value[name], kinds[name]
        fits = isinstance(one, int | float if kind is float else kind) and not isinstance(one, bool)
        if not fits or (kind is not str and not 0 <= one <= LARGEST):
            raise _wrong(
                path, f"{mode}.{name}", one, f"a {kind.__name__}" + ", 0 or more" * (kind is not str)
            )
    if not COLDEST <= value["temperature"] <= HOTTEST:
        raise _wrong(path, f"{mode}.temperature", value["temperature"], f"from {COLDEST} to {HOTTEST}")
    known: dict[str, Any] = {
        name: float(value[name]) if kinds[name] is float else value[name] for name in names
    }
    return Fit(**known)


def _wrong(path: Path, key: str, value: object, wanted: str) -> CalibrationError:
    shown = "missing" if value is None else repr(value)
    shown = shown if len(shown) <= 80 else f"{shown[:76]}..."
    return CalibrationError(f"{path}: {key!r} is {shown}; it must be {wanted}; delete the file, or {MEND}")
