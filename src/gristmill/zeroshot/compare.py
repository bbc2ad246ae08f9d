"""Two models, or two ways to run one, side by side on labelled texts: quality, speed, size and memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gristmill.errors import ModelError
from gristmill.zeroshot.evaluation import THRESHOLD, Quality, decide, judge, score
from gristmill.zeroshot.metrics import Flags, mcnemar, right
from gristmill.zeroshot.scores import Doubles

CHILD = "gristmill.zeroshot.compare_child"
ANSWER, MARGINS = "answer.json", "margins.npy"


@dataclass(frozen=True)
class Candidate:
    """A model and how to run it; see ``ZeroShotClassifier.from_pretrained``."""

    model: str
    revision: str | None = None
    engine: str = "auto"
    precision: str = "auto"
    device: str = "auto"
    workers: int | None = None
    offline: bool | None = None


@dataclass(frozen=True)
class Run:
    """What running one candidate, in a process of its own, took."""

    model: str
    revision: str
    engine: str
    device: str
    precision: str
    workers: int
    temperature: float
    """Of the model's own calibration, which its scores are made with; 1 if there is none."""
    load_cpu_seconds: float
    """From the start of the process to the classifier, imports included."""
    cpu_seconds: float
    """Of all threads, for all texts, after a few texts to warm up."""
    wall_seconds: float
    texts_per_cpu_second: float
    pairs_per_cpu_second: float
    texts_per_second: float
    """By the wall clock."""
    pairs_per_second: float
    bytes_on_disk: int
    """Of config, tokenizer and weights."""
    peak_bytes: int
    """Most memory that the process had resident, texts included."""
    peak_device_bytes: int | None
    """Most memory taken on a GPU; None on a CPU."""


@dataclass(frozen=True)
class Comparison:
    """Both candidates on the texts that both could classify."""

    texts: int
    labels: int
    multi_label: bool
    failed: int
    """Texts left out because one of both could not classify them."""
    runs: tuple[Run, Run]
    quality: tuple[Quality, Quality]
    agreement: float
    """Share of texts of which both found the same labels."""
    only_first_right: int
    only_second_right: int
    p_value: float
    """That both are equally good, by McNemar's exact test on texts that one alone answered rightly."""


def compare(
    first: Candidate,
    second: Candidate,
    texts: Sequence[str],
    labels: Sequence[str],
    truth: Flags,
    *,
    multi_label: bool = False,
    hypothesis_template: str | None = None,
    threshold: float = THRESHOLD,
) -> Comparison:
    """Run both candidates, one after the other, each in a process of its own.

    Args:
        texts: Labelled texts; of a long one the beginning counts.
        labels: Candidate labels of all texts.
        truth: [texts, labels], which labels are true.
        hypothesis_template: By default each model's own.
        threshold: Score from which a label counts as found, with ``multi_label``.

    Raises: ModelError, naming the model, for one that cannot be run or whose process ends early.
    """
    with tempfile.TemporaryDirectory(prefix="gristmill-compare-") as folder:
        data = Path(folder) / "data.json"
        values = {"texts": list(texts), "labels": list(labels), "multi_label": multi_label}
        data.write_text(json.dumps(values | {"template": hypothesis_template}), "ascii")
        one, margins_one = _run(first, data, Path(folder) / "a")
        two, margins_two = _run(second, data, Path(folder) / "b")
    good = np.isfinite(margins_one).all(axis=1) & np.isfinite(margins_two).all(axis=1)
    if not good.any():
        raise ModelError(f"no text could be classified by both {first.model} and {second.model}")
    truth = truth[good]
    scores = [
        score(margins[good], multi_label=multi_label, temperature=run.temperature)
        for margins, run in ((margins_one, one), (margins_two, two))
    ]
    found = [decide(each, multi_label=multi_label, threshold=threshold) for each in scores]
    qualities = [judge(each, truth, multi_label=multi_label, threshold=threshold) for each in scores]
    rights = [right(truth, each) for each in found]
    only = int((rights[0] & ~rights[1]).sum()), int((rights[1] & ~rights[0]).sum())
    return Comparison(
        texts=int(good.sum()),
        labels=len(labels),
        multi_label=multi_label,
        failed=int((~good).sum()),
        runs=(one, two),
        quality=(qualities[0], qualities[1]),
        agreement=float(right(found[0], found[1]).mean()),
        only_first_right=only[0],
        only_second_right=only[1],
        p_value=mcnemar(*only),
    )


def _run(candidate: Candidate, data: Path, folder: Path) -> tuple[Run, Doubles]:
    folder.mkdir()
    # A process of its own, since memory once taken is not given back, and engines keep threads.
    child = subprocess.run(
        [sys.executable, "-m", CHILD, str(data), str(folder)],
        input=json.dumps(asdict(candidate)).encode(),
        stdout=subprocess.DEVNULL,
        check=False,
    )
    try:
        answer = json.loads((folder / ANSWER).read_bytes())
    except (OSError, ValueError):
        raise ModelError(f"{candidate.model}: {_end(child.returncode)}") from None
    if "error" in answer:
        message = str(answer["error"])
        raise ModelError(message if candidate.model in message else f"{candidate.model}: {message}")
    return Run(**answer), np.load(folder / MARGINS, allow_pickle=False)


def _end(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        hint = "; there was too little memory for it" if name == "SIGKILL" else ""
        return f"its process was ended by {name}{hint}"
    return f"its process ended with exit code {code}; what it wrote stands above"
