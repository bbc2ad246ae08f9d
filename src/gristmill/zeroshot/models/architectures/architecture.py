"""What each architecture's module says, and the registry that finds it by ``model_type``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import Encoder, Head, Tensor

LAYERS = 256
"""Most layers; a bound on what a hostile config.json can make the reader do."""
WIDTH = 1 << 16
VOCABULARY = 1 << 23
FUSED = "fused.weight"
"""How our name of a matrix ends that holds query, key and value, and that ``split`` takes apart."""

Names = dict[str, str]
"""Our name of a tensor -> the checkpoint's, without its prefix; names of the head stand outside the prefix."""


@dataclass(frozen=True)
class Architecture:
    """How to read the checkpoints of one family."""

    encoder: Callable[[Config], Encoder]
    head: Callable[[Config, int], Head]
    """From config.json and the number of classes."""
    encoder_names: Callable[[Encoder], Names]
    prefix: str
    """Of the encoder's tensors in a classifier's checkpoint; a bare encoder's checkpoint has none."""
    head_names: Names
    prefixed_head: bool = False
    """The dense layer of the head belongs to the encoder's module (BERT's pooler)."""
    split: Callable[[Mapping[str, Tensor], Encoder], dict[str, Tensor]] | None = None
    """Turns fused tensors, once read, into ours."""


MODULES: Mapping[str, str] = {
    "distilbert": "distilbert",
    "bert": "bert",
    "roberta": "roberta",
    "xlm-roberta": "roberta",
    "deberta": "deberta",
    "deberta-v2": "deberta_v2",
}


def find_architecture(config: Config) -> Architecture:
    """The architecture that ``model_type`` names. Raises: ModelError that lists the supported ones."""
    family = config.values.get("model_type")
    if not isinstance(family, str) or family not in MODULES:
        raise config.wrong("model_type", f"a supported architecture: {', '.join(MODULES)}")
    module = import_module(f"gristmill.zeroshot.models.architectures.{MODULES[family]}")
    found = module.ARCHITECTURE
    if not isinstance(found, Architecture):
        raise TypeError(f"{module.__name__}.ARCHITECTURE is no Architecture")
    return found


def read_widths(config: Config, width: str, heads: str) -> tuple[int, int]:
    """Width and number of heads, by their names in config.json. Raises: ModelError if one does not divide the other."""
    columns = config.integer(width, high=WIDTH)
    parts = config.integer(heads, high=WIDTH)
    if columns % parts:
        raise ModelError(f"{config.path}: {width} {columns} is not a multiple of {heads} {parts}")
    own = config.values.get("attention_head_size") or config.values.get("head_dim")
    if own is not None and own != columns // parts:
        raise ModelError(
            f"{config.path}: heads of size {own!r} do not fill {width} {columns}; that is not supported"
        )
    return columns, parts


def refuse(config: Config, key: str, *allowed: object) -> None:
    """Raise ModelError if ``key`` is set to anything but ``allowed``: a variant that is not computed here."""
    value = config.values.get(key)
    if value is not None and value not in allowed:
        raise config.wrong(key, f"{' or '.join(map(repr, allowed))}; other variants are not supported")


def layer_names(encoder: Encoder, parts: Mapping[str, str], layer: str) -> Names:
    """Names of all layers' tensors: ``parts`` maps ours to theirs, ``layer`` is their name with ``{}`` for the number."""
    return {
        f"layers.{number}.{ours}.{kind}": f"{layer.format(number)}.{theirs}.{kind}"
        for number in range(encoder.layers)
        for ours, theirs in parts.items()
        for kind in ("weight", "bias")
    }


def both(ours: str, theirs: str) -> Names:
    """The names of a layer's weight and bias."""
    return {f"{ours}.{kind}": f"{theirs}.{kind}" for kind in ("weight", "bias")}
