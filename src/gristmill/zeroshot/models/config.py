"""A checkpoint's JSON files, read within bounds, and their values, checked one by one."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import ModelError
from gristmill.zeroshot.models.model import Activation

ACTIVATIONS: Mapping[str, Activation] = {
    "gelu": "gelu",
    "gelu_python": "gelu",
    "gelu_new": "gelu_tanh",
    "gelu_fast": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "tanh": "tanh",
    "silu": "silu",
    "swish": "silu",
}
JSON_BYTES = 16 << 20


@dataclass(frozen=True)
class Config:
    """The values of one JSON file; each is checked when it is asked for. All methods raise ModelError."""

    path: Path
    values: Mapping[str, object]

    def has(self, key: str) -> bool:
        """Whether the key is there and not null."""
        return self.values.get(key) is not None

    def integer(self, key: str, default: int | None = None, *, low: int = 1, high: int = 1 << 20) -> int:
        """An integer from ``low`` to ``high``; ``default`` where the key is missing or null."""
        value = self.values.get(key)
        if value is None:
            value = default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.wrong(key, f"an integer from {low} to {high}")
        return value

    def number(self, key: str, default: float, *, low: float = 0.0, high: float = 1.0) -> float:
        """A finite number from ``low`` to ``high``; ``default`` where the key is missing or null."""
        value = self.values.get(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise self.wrong(key, f"a number from {low:g} to {high:g}")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        """True or false; ``default`` where the key is missing or null."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def text(self, key: str, default: str) -> str:
        """A string; ``default`` where the key is missing or null."""
        value = self.values.get(key)
        if value is None:
            return default
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def activation(self, key: str, default: str) -> Activation:
        """An activation function, by the names that config.json uses."""
        name = self.text(key, default)
        if name not in ACTIVATIONS:
            raise self.wrong(key, f"one of {', '.join(ACTIVATIONS)}")
        return ACTIVATIONS[name]

    def wrong(self, key: str, wanted: str) -> ModelError:
        """The error that says what ``key`` holds and what it should hold."""
        value = repr(self.values.get(key, "nothing"))
        shown = value if len(value) <= 80 else value[:80] + "..."
        return ModelError(f"{self.path}: {key!r} is {shown}; it must be {wanted}")


def read_config(path: Path, limit: int = JSON_BYTES) -> Config:
    """Read a JSON object of at most ``limit`` bytes. Raises: ModelError if it is missing, too large or no object."""
    try:
        # Opening a pipe or a device by the name of a model's file would block or never end.
        if not path.is_file():
            raise ModelError(f"{path} is missing; a model folder needs config.json and model.safetensors")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > limit:
        raise ModelError(f"{path} is larger than {limit} bytes; no model needs that, download it anew")
    return Config(path, parse_object(data, str(path)))


def parse_object(data: bytes, name: str) -> dict[str, object]:
    """The JSON object in ``data``; ``name`` says in errors where it stands. Raises: ModelError."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{name} is not valid JSON ({str(error)[:200]}); download it anew") from error
    if not isinstance(value, dict):
        raise ModelError(f"{name} must hold a JSON object, not {type(value).__name__}")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return result


def _constant(name: str) -> float:
    # Old configurations write Infinity for "no limit"; the checks above refuse it wherever it would matter.
    return math.inf if name == "Infinity" else math.nan
