"""A model by name: its folder found, its files checked, its tensors named our way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gristmill.errors import ModelError
from gristmill.zeroshot.models.architectures.architecture import FUSED, Architecture, Names, find_architecture
from gristmill.zeroshot.models.config import Config, read_config
from gristmill.zeroshot.models.entailment import entailment_ids, read_labels
from gristmill.zeroshot.models.folder import ModelFiles, digest, find_files
from gristmill.zeroshot.models.hub import locate
from gristmill.zeroshot.models.model import Encoder, Head, Model, Quantised, Tensor
from gristmill.zeroshot.models.shapes import check_shapes, encoder_shapes, head_shapes
from gristmill.zeroshot.models.tokenizer import longest_input
from gristmill.zeroshot.models.weights import Stored, as_float32, open_weights

CLASSES = 100_000
WORD = "embeddings.word_embeddings.weight"
PRECISIONS = {"F64": "float32", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def load_model(
    name: str | Path,
    *,
    revision: str | None = None,
    cache: Path | None = None,
    offline: bool | None = None,
    label2id: Mapping[str, int] | None = None,
    classifier: bool = True,
) -> Model:
    """Load a checkpoint of a supported architecture from a folder, or from the hub.

    Args:
        name: A local folder, or an id of the hub; a folder of that name wins.
        revision: Branch, tag or commit of the hub; for a folder the digest that it must have.
        cache: Where downloads are kept; the hub client's own place by default.
        offline: Touch no network; by default what HF_HUB_OFFLINE says.
        label2id: Names of the classes by number, where config.json's say nothing or are wrong.
        classifier: False loads the encoder alone (a bi-encoder), without labels.

    float32 tensors are views of the mapped files: do not overwrite a file while its model is in use.
    Raises: ModelError naming the file, what is wrong, and the mend.
    """
    folder, commit = locate(name, revision=revision, cache=cache, offline=offline)
    files = find_files(folder)
    config = read_config(files.config)
    architecture = find_architecture(config)
    encoder = architecture.encoder(config)
    stored = open_weights(files.weights)
    checkpoint = _plain_names(stored)
    prefix = _prefix(checkpoint, architecture, folder)
    _check_layers(checkpoint, prefix, encoder, architecture, files)
    names = _names(architecture, encoder, prefix, classifier)
    tensors = _read(checkpoint, names, config, files)
    if architecture.split:
        fused = (3 * encoder.width, encoder.width)
        check_shapes(tensors, {name: fused for name in tensors if name.endswith(FUSED)}, names, str(folder))
        tensors = architecture.split(tensors, encoder)
    check_shapes(tensors, encoder_shapes(encoder), names, str(folder))
    head = Head("tanh", 0.0, 0.0, 0)
    labels: tuple[str, ...] = ()
    if classifier:
        head, labels = _head(tensors, architecture, config, label2id)
        check_shapes(tensors, head_shapes(encoder, head.classes), names, str(folder))
    return Model(
        folder=folder,
        name=str(name),
        revision=commit or _local_revision(files, revision, folder),
        precision=_precision(tensors, checkpoint, names),
        encoder=replace(encoder, max_tokens=longest_input(folder, encoder)),
        head=head,
        ids=entailment_ids(labels, str(name)) if classifier else None,
        labels=labels,
        tensors=tensors,
    )


def open_checkpoint(folder: Path, *, classifier: bool = True) -> tuple[dict[str, Stored], dict[str, str]]:
    """The tensors of a model's folder by the checkpoint's names, and which of them our names mean.

    Raises: ModelError as ``load_model`` does for the same folder, but for tensors that it does not open.
    """
    files = find_files(folder)
    config = read_config(files.config)
    architecture = find_architecture(config)
    checkpoint = _plain_names(open_weights(files.weights))
    prefix = _prefix(checkpoint, architecture, folder)
    return checkpoint, _names(architecture, architecture.encoder(config), prefix, classifier)


def _plain_names(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    """Names as today's checkpoints have them: layer norms of early ones call their parts gamma and beta."""
    plain: dict[str, Stored] = {}
    for name, tensor in stored.items():
        new = re.sub(r"(?<=LayerNorm\.)gamma$", "weight", re.sub(r"(?<=LayerNorm\.)beta$", "bias", name))
        if new in plain:
            raise ModelError(f"{tensor.path}: the tensor {new!r} is there twice, under an old and a new name")
        plain[new] = tensor
    return plain


def _prefix(checkpoint: Mapping[str, Stored], architecture: Architecture, folder: Path) -> str:
    """What stands before the encoder's names: ``bert.``, nothing, or a wrapper's name besides."""
    found = sorted(name[: -len(WORD)] for name in checkpoint if name == WORD or name.endswith(f".{WORD}"))
    if len(found) == 1:
        return found[0]
    if architecture.prefix in found:
        return architecture.prefix
    what = f"it is there {len(found)} times" if found else f"the weights start with {sorted(checkpoint)[:3]}"
    raise ModelError(f"{folder}: the tensor {architecture.prefix + WORD!r} cannot be told: {what}")


def _names(architecture: Architecture, encoder: Encoder, prefix: str, classifier: bool) -> Names:
    """Our names of all tensors that the model has, and the checkpoint's."""
    names = {ours: prefix + theirs for ours, theirs in architecture.encoder_names(encoder).items()}
    if not classifier:
        return names
    outer = prefix.removesuffix(architecture.prefix)
    return names | {
        ours: (prefix if architecture.prefixed_head and ours.startswith("head.dense") else outer) + theirs
        for ours, theirs in architecture.head_names.items()
    }


def _check_layers(
    checkpoint: Mapping[str, Stored],
    prefix: str,
    encoder: Encoder,
    architecture: Architecture,
    files: ModelFiles,
) -> None:
    """Refuse weights with more layers than config.json says: half a model gives answers, and they are wrong."""
    example = architecture.encoder_names(replace(encoder, layers=1))["layers.0.norm.weight"]
    before, after = (re.escape(part) for part in (prefix + example).split(".0.", 1))
    pattern = re.compile(rf"{before}\.(\d{{1,6}})\.{after}")
    layers = max((int(match[1]) + 1 for match in map(pattern.fullmatch, checkpoint) if match), default=0)
    if layers > encoder.layers:
        raise ModelError(f"{files.config}: it says {encoder.layers} layers, and the weights hold {layers}")


def _read(
    checkpoint: Mapping[str, Stored], names: Mapping[str, str], config: Config, files: ModelFiles
) -> dict[str, Tensor]:
    """The named tensors, by our names: float32, or integers with scales where the checkpoint is quantised."""
    available: Mapping[str, object] = checkpoint
    decoded: dict[str, Tensor] = {}
    if config.has("quantization_config"):
        from gristmill.zeroshot.models.quantised import decode

        arrays = {
            name: as_float32(name, tensor) if tensor.dtype in PRECISIONS else tensor.array
            for name, tensor in checkpoint.items()
        }
        available = decoded = decode(arrays, config.values)
    missing = [theirs for theirs in names.values() if theirs not in available]
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        raise ModelError(
            f"{files.weights[0].parent}: the weights lack {', '.join(map(repr, missing[:5]))}{more};"
            " the model is not whole, or is not what its config.json says"
        )
    if decoded:
        return {ours: decoded[theirs] for ours, theirs in names.items()}
    return {ours: as_float32(theirs, checkpoint[theirs]) for ours, theirs in names.items()}


def _head(
    tensors: Mapping[str, Tensor],
    architecture: Architecture,
    config: Config,
    label2id: Mapping[str, int] | None,
) -> tuple[Head, tuple[str, ...]]:
    """The classifier's shape, from its own weights, and the names of its classes."""
    shape = tensors["head.output.weight"].shape
    if len(shape) != 2 or not 1 <= shape[0] <= CLASSES:
        raise ModelError(f"{config.path.parent}: the classifier's weight has the shape {list(shape)}")
    return architecture.head(config, shape[0]), read_labels(config, shape[0], label2id)


def _precision(
    tensors: Mapping[str, Tensor], checkpoint: Mapping[str, Stored], names: Mapping[str, str]
) -> str:
    bits = [tensor.bits for tensor in tensors.values() if isinstance(tensor, Quantised)]
    if bits:
        return f"int{min(bits)}"
    return PRECISIONS[checkpoint[names["layers.0.up.weight"]].dtype]


def _local_revision(files: ModelFiles, wanted: str | None, folder: Path) -> str:
    found = digest(files)
    if wanted is not None and wanted != found:
        raise ModelError(
            f"{folder} has the revision {found}, not {wanted[:100]!r}; ask for that, or name none"
        )
    return found
