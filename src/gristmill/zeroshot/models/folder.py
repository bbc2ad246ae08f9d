"""The files of a model folder: which are there, which are refused, and one digest over them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import read_config

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_SETTINGS = "tokenizer_config.json"
VOCABULARY = "vocab.txt"
SHARDS = 1000

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
OTHERS = (".h5", ".msgpack", ".onnx", ".ot", ".gguf")


@dataclass(frozen=True)
class ModelFiles:
    """Files of one model folder; all exist."""

    config: Path
    weights: tuple[Path, ...]
    """One file, or the shards in order of their names."""
    tokenizer: tuple[Path, ...]
    """tokenizer.json or vocab.txt, and tokenizer_config.json, as far as they are there."""


def find_files(folder: Path) -> ModelFiles:
    """The model's files in ``folder``. Raises: ModelError if weights are missing or not safetensors."""
    if not folder.is_dir():
        raise ModelError(f"{folder} is not a folder; name a folder with config.json and model.safetensors")
    config = folder / CONFIG
    if not config.is_file():
        raise ModelError(f"{config} is missing; a model folder needs config.json and model.safetensors")
    single, index = folder / WEIGHTS, folder / INDEX
    if single.is_file():
        weights: tuple[Path, ...] = (single,)
    elif index.is_file():
        weights = _shards(index)
    else:
        names = sorted(entry.name for entry in folder.iterdir())
        raise ModelError(refusal(str(folder), names))
    tokenizer = folder / TOKENIZER if (folder / TOKENIZER).is_file() else folder / VOCABULARY
    found = tuple(path for path in (tokenizer, folder / TOKENIZER_SETTINGS) if path.is_file())
    return ModelFiles(config, weights, found)


def refusal(name: str, files: list[str]) -> str:
    """What to say of a model whose ``files`` hold no safetensors weights: why, and how to convert it."""
    pickles = [file for file in files if file.endswith(PICKLES) and not file.startswith("training_args")]
    others = [file for file in files if file.endswith(OTHERS)]
    if not pickles and not others:
        return f"{name} has no weights: neither {WEIGHTS} nor {INDEX} is there"
    why = "which can run any code when it is read" if pickles else "which is not read here"
    return (
        f"{name} has no {WEIGHTS}, only {(pickles or others)[0]}, {why}; convert it once, where you trust it:\n"
        "  from transformers import AutoModelForSequenceClassification as M\n"
        f"  M.from_pretrained({name!r}).save_pretrained('converted')  # add its tokenizer.json"
    )


def shard_names(index: Path) -> tuple[str, ...]:
    """Names of the shards that a ``model.safetensors.index.json`` lists. Raises: ModelError."""
    config = read_config(index)
    listed = config.values.get("weight_map")
    if (
        not isinstance(listed, dict)
        or not listed
        or not all(isinstance(name, str) for name in listed.values())
    ):
        raise config.wrong("weight_map", "an object that names the file of each tensor")
    names = sorted(set(listed.values()))
    if len(names) > SHARDS:
        raise ModelError(f"{index} lists {len(names)} files; at most {SHARDS} are read")
    for name in names:
        # A shard is a plain name beside the index; anything else would read outside the folder.
        if Path(name).name != name or not name.endswith(".safetensors") or "\\" in name or "\0" in name:
            raise ModelError(f"{index} names the file {name[:100]!r}; only *.safetensors beside it are read")
    return tuple(names)


def digest(files: ModelFiles) -> str:
    """``sha256:`` and the digest of the model's files, by name and content: the revision of a local folder."""
    whole = hashlib.sha256()
    for path in (files.config, *files.tokenizer, *files.weights):
        try:
            with path.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ModelError(f"{path} cannot be read: {error.strerror}") from error
        whole.update(f"{path.name}\n{content}\n".encode())
    return f"sha256:{whole.hexdigest()}"


def _shards(index: Path) -> tuple[Path, ...]:
    paths = tuple(index.parent / name for name in shard_names(index))
    missing = [path.name for path in paths if not path.is_file()]
    if missing:
        raise ModelError(
            f"{index.parent} lacks {', '.join(missing[:5])}, which {index.name} names; download it anew"
        )
    return paths
