"""The process in which ``compare`` runs one candidate: told what by files, it answers by files."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from gristmill.errors import GristmillError
from gristmill.zeroshot.classifier import ZeroShotClassifier
from gristmill.zeroshot.compare import ANSWER, MARGINS, Candidate, Run
from gristmill.zeroshot.evaluation import measure_margins
from gristmill.zeroshot.models.folder import find_files

WARM_UP = 8
"""Texts classified before the clock starts: they page weights in and let engines compile."""


def run(candidate: Candidate, data: dict[str, Any], folder: Path) -> Run:
    """Classify the texts, write their margins into ``folder``, and tell what it took."""
    classifier = ZeroShotClassifier.from_pretrained(
        candidate.model,
        revision=candidate.revision,
        offline=candidate.offline,
        engine=candidate.engine,
        precision=candidate.precision,
        device=candidate.device,
        workers=candidate.workers,
    )
    load_cpu = time.process_time()
    texts, labels, multi_label = data["texts"], data["labels"], data["multi_label"]
    options: dict[str, Any] = {"multi_label": multi_label, "hypothesis_template": data["template"]}
    with classifier:
        measure_margins(classifier, texts[:WARM_UP], labels, **options)
        cpu, wall = time.process_time(), time.perf_counter()
        found, errors = measure_margins(classifier, texts, labels, **options)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        model, engine, calibration = classifier.model, classifier.engine, classifier.calibration
        temperature = 1.0
        if calibration is not None:
            temperature = calibration.multi if multi_label else calibration.single
        answered = len(texts) - len(errors)
        np.save(folder / MARGINS, found)
        files = find_files(model.folder)
        return Run(
            model=model.name,
            revision=model.revision,
            engine=engine.name,
            device=engine.device,
            precision=engine.precision,
            workers=engine.workers,
            temperature=temperature,
            load_cpu_seconds=load_cpu,
            cpu_seconds=cpu,
            wall_seconds=wall,
            texts_per_cpu_second=answered / max(cpu, 1e-9),
            pairs_per_cpu_second=answered * len(labels) / max(cpu, 1e-9),
            texts_per_second=answered / max(wall, 1e-9),
            pairs_per_second=answered * len(labels) / max(wall, 1e-9),
            bytes_on_disk=sum(
                path.stat().st_size for path in (files.config, *files.tokenizer, *files.weights)
            ),
            peak_bytes=peak_memory(),
            peak_device_bytes=_device_memory(engine.device),
        )


def peak_memory() -> int:
    """Most memory, in bytes, that this process has had resident."""
    try:
        # getrusage would count what the parent had when it began this process.
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak << 10


def _device_memory(device: str) -> int | None:
    if not device.startswith("cuda"):
        return None
    import torch

    return sum(torch.cuda.max_memory_allocated(number) for number in range(torch.cuda.device_count()))


def main() -> None:
    """Read the candidate from standard input; the data and the folder to answer in are the arguments."""
    data, folder = (Path(argument) for argument in sys.argv[1:3])
    try:
        candidate = Candidate(**json.load(sys.stdin))
        answer: dict[str, Any] = asdict(run(candidate, json.loads(data.read_bytes()), folder))
    except GristmillError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "there is too little memory for it"}
    (folder / ANSWER).write_text(json.dumps(answer), "ascii")


if __name__ == "__main__":
    main()
