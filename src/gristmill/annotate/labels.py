"""Labels that a zero-shot model gives to texts: which of a label set hold, by natural language inference.

Scores are those of ``gristmill.zeroshot`` with each text on its own, so that they depend on the text, the label
set and the model, and on nothing that happens to be labelled beside it. The model is loaded once a process, and
nothing of it, nor of what runs it, is imported before a recipe asks for labels.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from gristmill import tables
from gristmill.errors import GristmillError, TextError

if TYPE_CHECKING:
    from gristmill.recipe import LabelSet
    from gristmill.zeroshot import ZeroShotClassifier

NAME = "labels"
VERSION = 1
TABLE = tables.LABELS

DIGITS = 4
"""of a score: float32 on different machines differs in the sixth or so"""


@dataclass(frozen=True)
class PinnedSet:
    """A label set of a recipe with everything that decides about a score, as a build found it at its start."""

    name: str
    labels: tuple[str, ...]
    multi_label: bool
    template: str
    texts: str
    max_characters: int
    model: str
    revision: str
    engine: str
    device: str
    precision: str
    temperature: float
    folder: str
    """Where the model lies on this machine; not part of a result's key."""

    def parameters(self) -> dict[str, Any]:
        """All that is part of a result's key, as JSON."""
        return {name: value for name, value in asdict(self).items() if name != "folder"}

    def told(self) -> str:
        """What runs, for a log line."""
        return f"{self.model} ({self.revision[:19]}), engine {self.engine} on {self.device}, {self.precision}"

    @classmethod
    def of(cls, parameters: dict[str, Any], folder: str) -> PinnedSet:
        """The set that gave these ``parameters``, its model at ``folder``."""
        return cls(**{**parameters, "labels": tuple(parameters["labels"])}, folder=folder)


def pin(wanted: LabelSet, base: Path) -> PinnedSet:
    """Load the model of a label set, ask it all that can be wrong, and pin what was left open.

    Args:
        wanted: as in the recipe.
        base: folder that a relative path of a model starts from.

    Raises: ModelError, LabelError or MissingExtraError naming the label set.
    """
    from gristmill.zeroshot import ZeroShotClassifier

    try:
        with ZeroShotClassifier.from_pretrained(
            _source(wanted.model, base),
            revision=wanted.revision or None,
            engine=wanted.engine,
            precision=wanted.precision,
            workers=1,
        ) as classifier:
            template = wanted.template or classifier.hypothesis_template
            # No texts: only what is wrong with the labels, the template, or the model for them is told.
            classifier([], list(wanted.labels), multi_label=wanted.multi_label, hypothesis_template=template)
            known = classifier.calibration
            temperature = 1.0 if known is None else known.multi if wanted.multi_label else known.single
            return PinnedSet(
                name=wanted.name,
                labels=wanted.labels,
                multi_label=wanted.multi_label,
                template=template,
                texts=wanted.texts,
                max_characters=wanted.max_characters,
                model=wanted.model,
                revision=classifier.model.revision,
                engine=classifier.engine.name,
                device=classifier.engine.device,
                precision=classifier.engine.precision,
                temperature=float(temperature),
                folder=str(classifier.model.folder.absolute()),
            )
    except GristmillError as error:
        raise type(error)(f"annotate.labels {wanted.name!r}: {error}") from error


def annotate(batch: pa.RecordBatch, chosen: PinnedSet) -> pa.RecordBatch:
    """The scores of a set's labels for each text.

    Args:
        batch: columns ``content_id`` (string) and ``text`` (UTF-8 as binary or large_binary; null if not text).
        chosen: the label set.

    Returns:
        For each text a row of ``tables.LABELS`` a label, in the order of the batch and of the set. A text
        without letters that the model knows has none.

    Raises: ModelError if the model is not the one that was pinned any more, or gives no finite score.
    """
    ids: list[str] = []
    scores: list[float] = []
    for content_id, text in zip(batch["content_id"].to_pylist(), batch["text"], strict=True):
        if not text.is_valid:
            continue
        head = beginning(memoryview(text.as_buffer()), chosen.max_characters)
        try:
            found = _scores(head, chosen)
        except TextError:  # empty, or nothing that the tokenizer knows
            continue
        except GristmillError as error:
            raise type(error)(f"content {content_id}, label set {chosen.name!r}: {error}") from error
        ids += [content_id] * len(found)
        scores += found
    times, rows = len(ids) // len(chosen.labels), len(ids)
    values: dict[str, pa.Array] = {
        "content_id": pa.array(ids, pa.string()),
        "set": pa.repeat(chosen.name, rows),
        "label": pa.array(chosen.labels * times, pa.string()),
        "score": pa.array(scores, pa.float64()),
        "multi_label": pa.repeat(chosen.multi_label, rows),
        "template": pa.repeat(chosen.template, rows),
        "model": pa.repeat(chosen.model, rows),
        "revision": pa.repeat(chosen.revision, rows),
        "engine": pa.repeat(f"{chosen.engine} {chosen.device}", rows),
        "precision": pa.repeat(chosen.precision, rows),
    }
    return pa.RecordBatch.from_arrays([values[name] for name in TABLE.schema.names], schema=TABLE.schema)


def beginning(text: memoryview, most: int) -> str:
    """The first ``most`` characters of a text (UTF-8 bytes), without a byte order mark."""
    head = text[: 4 * (most + 1)].tobytes().decode("utf-8", "ignore")
    return head.removeprefix("\ufeff")[:most]


def close_model() -> None:
    """Free the model that this process holds, if any."""
    while _OPEN:
        _OPEN.popitem()[1].close()


def _source(model: str, base: Path) -> str | Path:
    """The folder of a model if the recipe's folder has it, or if it can be nothing else; else an id of the hub.

    Raises: ModelError if it is the default model and this copy of the package lacks it.
    """
    from gristmill.zeroshot.default import NAME as DEFAULT
    from gristmill.zeroshot.default import default_folder

    if model == DEFAULT:
        return default_folder()
    local = base / Path(model).expanduser()
    return local if local.is_dir() or model.startswith((".", "/", "~")) else model


def _scores(text: str, chosen: PinnedSet) -> list[float]:
    """The rounded scores, in the order of the labels."""
    result = _classifier(chosen)(
        text,
        list(chosen.labels),
        multi_label=chosen.multi_label,
        hypothesis_template=chosen.template,
        temperature=chosen.temperature,
    )
    found = dict(zip(result["labels"], result["scores"], strict=True))
    return [round(found[label], DIGITS) for label in chosen.labels]


_OPEN: dict[tuple[str, ...], ZeroShotClassifier] = {}
"""the one model that this process holds"""


def _classifier(chosen: PinnedSet) -> ZeroShotClassifier:
    key = (chosen.folder, chosen.revision, chosen.engine, chosen.device, chosen.precision)
    if key not in _OPEN:
        from gristmill.zeroshot import ZeroShotClassifier

        close_model()
        _OPEN[key] = ZeroShotClassifier.from_pretrained(
            Path(chosen.folder),
            # A folder must still be what it was; a snapshot of the hub never changes, and has its commit as its name.
            revision=chosen.revision if chosen.revision.startswith("sha256:") else None,
            engine=chosen.engine,
            precision=chosen.precision,
            device=chosen.device if chosen.engine == "torch" else "cpu",
            workers=1,
        )
    return _OPEN[key]
