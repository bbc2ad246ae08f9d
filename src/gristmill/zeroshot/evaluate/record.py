"""``evaluation.json``: what was measured, of which model, on which data, how; all but ``timing`` the same every time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill import __version__
from gristmill.errors import ModelError
from gristmill.zeroshot.evaluate.measures import Calibrated, largest_confusions
from gristmill.zeroshot.evaluate.outcome import Outcome
from gristmill.zeroshot.models.config import read_config
from gristmill.zeroshot.models.folder import digest, find_files

if TYPE_CHECKING:
    from gristmill.zeroshot.classifier import ZeroShotClassifier

MARK = "gristmill_evaluation"
"""Key whose value is the format."""
FORMAT = 1
DIGITS = 6
"""Decimals of measures: float rounding, which depends on the machine, stands behind them."""
DENSE = 1000
"""Labels up to which the whole confusion matrix is written."""
LISTED = 50
"""Confusions and reasons that are listed."""
REASON_LETTERS = 200


@dataclass(frozen=True)
class Data:
    """The labelled set, as it was read."""

    name: str
    """What people call it."""
    file: str
    digest: str
    rows: int
    """In the file, those left out included."""
    sampled: int
    """Rows that were drawn from those that could be used; all of them without a limit."""
    bad: tuple[tuple[int, str], ...]
    """Rows left out, and why."""
    no_gold: int = 0
    limit: int | None = None
    seed: int = 0
    split: str | None = None
    fields: Mapping[str, str] | None = None
    words: Mapping[str, str] | None = None
    """What the model was shown for each label, where that is not the label."""
    command: str = ""
    """The command line that measures the same again, with MODEL for the model and files by their last names."""


def evaluation(outcome: Outcome, data: Data, classifier: ZeroShotClassifier) -> dict[str, Any]:
    """The values of ``evaluation.json``. Raises: ModelError for a model folder whose files cannot be read."""
    engine, measures = classifier.engine, outcome.measures
    used = data.sampled - len(outcome.failed)
    return {
        MARK: FORMAT,
        "gristmill": __version__,
        "name": data.name,
        "split": data.split,
        "task": outcome.task,
        "model": model_identity(classifier),
        "run": {
            "engine": engine.name,
            "device": engine.device,
            "precision": engine.precision,
            "template": outcome.template,
            "threshold": outcome.threshold,
            "temperature": {
                "value": _rounded(outcome.temperature.value),
                "source": outcome.temperature.source,
            },
        },
        "data": {
            "file": data.file,
            "digest": data.digest,
            "rows": data.rows,
            "used": used,
            "left_out": _left_out(outcome, data),
            "sample": None if data.limit is None else {"limit": data.limit, "seed": data.seed},
            "fields": dict(data.fields or {}),
            "labels": len(outcome.labels),
            "words": None if data.words is None else dict(data.words),
        },
        "notes": list(outcome.notes),
        "command": data.command,
        "measures": {
            name: {key: _rounded(value) for key, value in asdict(one).items()}
            for name, one in measures.estimates.items()
        },
        "baseline": {"majority": list(measures.majority[0]), "accuracy": _rounded(measures.majority[1])},
        "calibration": {
            "bins": len(measures.without.reliability.counts),
            "with_temperature": _calibrated(measures.with_temperature),
            "without": _calibrated(measures.without),
        },
        "classes": [{key: _rounded(value) for key, value in asdict(one).items()} for one in measures.classes],
        "confusion": _matrix(outcome),
        "confusions": [
            {"true": true, "found": found, "texts": number}
            for true, found, number in largest_confusions(measures, LISTED)
        ],
        "seed": data.seed,
        "timing": {
            **{key: _rounded(value) for key, value in asdict(outcome.timing).items()},
            **{key: _rounded(value) for key, value in outcome.timing.rates().items()},
        },
    }


def model_identity(classifier: ZeroShotClassifier) -> dict[str, Any]:
    """What tells the model from others: name, revision, digest and size of its files, precision, and its origin.

    A folder is named by its last part, since where it lies is nobody's concern. Raises: ModelError.
    """
    model = classifier.model
    files = find_files(model.folder)
    # In a call on a folder the name is its path.
    local = Path(model.name).is_dir()
    return {
        "name": model.folder.resolve().name if local else model.name,
        "revision": model.revision,
        "digest": model.revision if model.revision.startswith("sha256:") else digest(files),
        "precision": model.precision,
        "bytes": sum(path.stat().st_size for path in (files.config, *files.tokenizer, *files.weights)),
        "made_from": made_from(model.folder),
    }


def made_from(folder: Path) -> dict[str, str] | None:
    """Name and revision of the model that this one was quantised from, by ``quantisation.json``; None if not told."""
    path = folder / "quantisation.json"
    if not path.is_file():
        return None
    try:
        values = read_config(path).values
    except ModelError:
        return None
    name, revision = values.get("model"), values.get("revision")
    return (
        {"name": name, "revision": revision} if isinstance(name, str) and isinstance(revision, str) else None
    )


def encode(values: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8, in the order of the keys; a lone surrogate, which UTF-8 has no bytes for, as JSON's escape."""
    text = json.dumps(values, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    return text.encode("utf-8", "backslashreplace")


def _left_out(outcome: Outcome, data: Data) -> list[dict[str, Any]]:
    """Reasons and how many rows each took, the largest first."""
    reasons = Counter(why[:REASON_LETTERS] for _, why in (*data.bad, *outcome.failed))
    listed: list[tuple[str, int]] = reasons.most_common(LISTED)
    others = sum(reasons.values()) - sum(number for _, number in listed)
    listed += [("other reasons", others)] if others else []
    listed += [("no true class", data.no_gold)] if data.no_gold else []
    not_drawn = data.rows - len(data.bad) - data.no_gold - data.sampled
    listed += [("not in the sample", not_drawn)] if not_drawn else []
    return [{"reason": reason, "rows": number} for reason, number in listed]


def _matrix(outcome: Outcome) -> dict[str, Any] | None:
    """The whole confusion matrix, a row for each true label; None with several labels a text, or too many."""
    cells = outcome.measures.cells
    size = len(outcome.labels)
    if cells is None or size > DENSE:
        return None
    return {"labels": list(outcome.labels), "counts": dense(cells.tolist(), size)}


def dense(cells: Sequence[Sequence[int]], size: int) -> list[list[int]]:
    """Counts [true, found] from rows of true label, found label and number."""
    counts = [[0] * size for _ in range(size)]
    for true, found, number in cells:
        counts[true][found] = number
    return counts


def _calibrated(one: Calibrated) -> dict[str, float]:
    return {
        "temperature": _rounded(one.temperature),
        "error": _rounded(one.error),
        "loss": _rounded(one.loss),
    }


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
