"""Reads evaluations for a card, and tells whose they are."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from gristmill.zeroshot.card.errors import CardError
from gristmill.zeroshot.evaluate.folder import EVALUATION
from gristmill.zeroshot.evaluate.record import FORMAT, MARK

BYTES = 256 << 20
FILES = 1000

Relation = Literal["this", "made_from_this", "original", "same_original", "other"]
RELATIONS: dict[Relation, str] = {
    "this": "this model",
    "made_from_this": "quantised from this model",
    "original": "the model that this was quantised from",
    "same_original": "quantised from the same model",
    "other": "another model",
}


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class MadeFrom(_Part, frozen=True):
    """Of a quantised model: the original."""

    name: str
    revision: str


class ModelPart(_Part, frozen=True):
    """Which model was measured."""

    name: str
    revision: str
    digest: str
    precision: str
    bytes: int
    made_from: MadeFrom | None = None


class TemperaturePart(_Part, frozen=True):
    """What scores were divided by."""

    value: float
    source: str


class RunPart(_Part, frozen=True):
    """How it was run."""

    engine: str
    device: str
    precision: str
    template: str | None
    threshold: float | None
    temperature: TemperaturePart


class SamplePart(_Part, frozen=True):
    """A sample of rows."""

    limit: int
    seed: int


class DataPart(_Part, frozen=True):
    """What it was measured on."""

    file: str
    digest: str
    rows: int
    used: int
    labels: int
    sample: SamplePart | None = None


class EstimatePart(_Part, frozen=True):
    """A measure and its 95 % interval."""

    value: float
    low: float
    high: float
    interval: str


class BaselinePart(_Part, frozen=True):
    """What always giving the commonest answer would reach."""

    majority: list[str]
    accuracy: float


class CalibratedPart(_Part, frozen=True):
    """Calibration at one temperature."""

    temperature: float
    error: float
    loss: float


class CalibrationPart(_Part, frozen=True):
    """Calibration with the temperature that the model has, and without."""

    bins: int
    with_temperature: CalibratedPart
    without: CalibratedPart


class TimingPart(_Part, frozen=True):
    """How fast it went."""

    wall_seconds: float
    cpu_seconds: float
    texts: int
    pairs: int
    workers: int
    cores: int
    machine: str
    texts_per_second: float
    texts_per_cpu_second: float
    pairs_per_second: float
    pairs_per_cpu_second: float


class Evaluation(_Part, frozen=True):
    """The parts of an ``evaluation.json`` that a card tells of."""

    gristmill: str
    name: str
    task: Literal["classification", "multi_label", "nli"]
    model: ModelPart
    run: RunPart
    data: DataPart
    measures: dict[str, EstimatePart]
    baseline: BaselinePart
    calibration: CalibrationPart
    timing: TimingPart
    seed: int = 0
    split: str | None = None
    notes: list[str] = []
    command: str = ""
    sha256: str = ""
    """Of the file."""

    @property
    def main(self) -> str:
        """The name of the share of right answers."""
        return "subset_accuracy" if self.task == "multi_label" else "accuracy"


def read_evaluations(paths: Iterable[Path]) -> list[Evaluation]:
    """The evaluations of files, folders that hold one, and folders of such folders, each file once.

    Raises: CardError for a path without one, or a file that is damaged or of another format.
    """
    files = list(dict.fromkeys(file for path in paths for file in _files(path)))
    if len(files) > FILES:
        raise CardError(f"there are {len(files)} evaluations; a card takes {FILES} at most")
    return [read_evaluation(file) for file in files]


def read_evaluation(path: Path) -> Evaluation:
    """Read one ``evaluation.json``. Raises: CardError."""
    mend = "write it again with: gristmill evaluate --output"
    try:
        with path.open("rb") as file:
            data = file.read(BYTES + 1)
    except OSError as error:
        raise CardError(f"{path} cannot be read: {error.strerror}; {mend}") from error
    if len(data) > BYTES:
        raise CardError(f"{path} is larger than {BYTES >> 20} MiB, so it is no evaluation; {mend}")
    try:
        values = json.loads(data.decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise CardError(f"{path} is not valid JSON ({str(error)[:200]}); {mend}") from error
    mark = values.get(MARK) if isinstance(values, dict) else None
    if mark != FORMAT or isinstance(mark, bool):
        raise CardError(
            f"{path}: {MARK!r} is {repr(mark)[:40]}; this version of Gristmill reads {FORMAT}; {mend}"
        )
    values["sha256"] = hashlib.sha256(data).hexdigest()
    try:
        found = msgspec.convert(values, Evaluation)
    except msgspec.ValidationError as error:
        raise CardError(f"{path}: {str(error).replace('$.', '')}; {mend}") from error
    if found.main not in found.measures:
        raise CardError(f"{path} has no measure {found.main!r}; {mend}")
    return found


def relation(one: Evaluation, digest: str, revision: str, origin: MadeFrom | None) -> Relation:
    """Whose evaluation it is, seen from a model of this digest and revision that was quantised from ``origin``."""
    if one.model.digest == digest:
        return "this"
    source = one.model.made_from.revision if one.model.made_from is not None else None
    if source in (digest, revision):
        return "made_from_this"
    if origin is not None and origin.revision in (one.model.digest, one.model.revision):
        return "original"
    return "same_original" if origin is not None and origin.revision == source else "other"


def main_results(evaluations: Sequence[Evaluation], precision: str) -> list[Evaluation]:
    """One evaluation of each set and question: that in the model's own precision, else the first given."""
    chosen: dict[tuple[object, ...], Evaluation] = {}
    for one in evaluations:
        key = (one.task, one.data.digest, one.split, one.run.template, one.run.threshold, one.data.sample)
        before = chosen.get(key)
        if before is None or (before.run.precision != precision == one.run.precision):
            chosen[key] = one
    return list(chosen.values())


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    own = path / EVALUATION
    found = [own] if own.is_file() else sorted(path.glob(f"*/{EVALUATION}"))
    if not found:
        raise CardError(
            f"{path} holds no {EVALUATION}, nor do its folders; write one: gristmill evaluate --output"
        )
    return found


def _finite(digits: str) -> float:
    value = float(digits)
    return value if math.isfinite(value) else _refuse(digits[:20])


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")
