"""``training.json`` beside a model's weights: how it was trained. Read leniently; what has another form is not stated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gristmill.errors import ModelError
from gristmill.zeroshot.card.facts import Compute, DataSet
from gristmill.zeroshot.models.config import read_config

FILE = "training.json"
LISTED = 500


@dataclass(frozen=True)
class Training:
    """What the file says; empty where it says nothing."""

    base_model: dict[str, str] = field(default_factory=dict)
    """``name``, ``licence`` and ``digest``, as far as they are there."""
    data_digest: str = ""
    sets: tuple[DataSet, ...] = ()
    recipe: dict[str, str | int | float | bool] = field(default_factory=dict)
    seed: int | None = None
    compute: Compute = field(default_factory=Compute)
    command: str = ""
    held_out: tuple[str, ...] = ()
    ideas: tuple[tuple[str, str], ...] = ()
    """What was tried, and what came of it."""


def read_training(folder: Path) -> Training:
    """The training of the model in ``folder``; empty if there is no such file.

    Raises: ModelError for one that is no JSON object, or is too large.
    """
    path = folder / FILE
    if not path.exists():
        return Training()
    try:
        values = read_config(path).values
    except ModelError as error:
        raise ModelError(f"{error}; mend {FILE}, or delete it") from error
    data, seed = _object(values.get("data")), values.get("seed")
    base = _object(values.get("base_model"))
    return Training(
        base_model={key: base[key] for key in ("name", "licence", "digest") if _text(base.get(key))},
        data_digest=_text(data.get("digest")),
        sets=tuple(_set(one) for one in _objects(data.get("sets")) if _text(one.get("name"))),
        recipe={
            key: value
            for key, value in list(_object(values.get("recipe")).items())[:LISTED]
            if isinstance(value, str | bool) or _number(value) is not None
        },
        seed=seed if isinstance(seed, int) and not isinstance(seed, bool) else None,
        compute=_compute(_object(values.get("compute"))),
        command=_text(values.get("command")),
        held_out=tuple(one for one in _list(values.get("held_out")) if _text(one)),
        ideas=tuple(
            (one["name"], _text(one.get("result")))
            for one in _objects(values.get("ideas"))
            if _text(one.get("name"))
        ),
    )


def merged_sets(training: Training, facts: list[DataSet]) -> tuple[DataSet, ...]:
    """The sets of both, by name; what the facts say of a set stands before what training says."""
    known = {one.name: one for one in training.sets}
    for one in facts:
        before = known.get(one.name, one)
        said = {key: value for key, value in msgspec.structs.asdict(one).items() if value not in ("", None)}
        known[one.name] = msgspec.structs.replace(before, **said)
    return tuple(known.values())


def merged_compute(training: Training, facts: Compute) -> Compute:
    """As ``merged_sets``."""
    said = {key: value for key, value in msgspec.structs.asdict(facts).items() if value not in ("", None)}
    return msgspec.structs.replace(training.compute, **said)


def _set(values: dict[str, Any]) -> DataSet:
    return DataSet(
        name=_text(values.get("name")),
        title=_text(values.get("title")),
        licence=_text(values.get("licence")),
        url=_text(values.get("url")),
        hub_id=_text(values.get("hub_id")),
        kind=_text(values.get("kind")),
        rows=_count(values.get("rows")),
        used=_count(values.get("used")),
        pairs=_count(values.get("pairs")),
    )


def _compute(values: dict[str, Any]) -> Compute:
    keys = ("cpu_hours", "gpu_hours", "wall_hours", "flops", "energy_kwh")
    method = _text(values.get("energy_method"))
    numbers = {key: _number(values.get(key), low=0.0) for key in keys}
    if not method:  # an amount of which nobody knows how it came about is not stated
        numbers["energy_kwh"] = None
    return Compute(**numbers, device=_text(values.get("device")), energy_method=method)


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:LISTED] if isinstance(value, list) else []


def _objects(value: object) -> list[dict[str, Any]]:
    return [one for one in _list(value) if isinstance(one, dict)]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53 else None


def _number(value: object, low: float = -math.inf) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if low <= value < math.inf else None
