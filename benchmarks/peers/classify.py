"""Run one way of zero-shot classification once, in a process of its own, and print what it took as JSON.

    python benchmarks/peers/classify.py WAY MODEL_FOLDER TASK.json

WAY is ``transformers`` (the pipeline as it is), ``transformers-32`` (``batch_size=32``), ``onnxruntime-int8``
(exported and quantised dynamically, the pipeline's pairs one at a time), ``optimum-openvino``, or
``gristmill:ENGINE:PRECISION``. The task has ``texts``, ``labels``, ``warm`` (texts to warm up with) and, if it is not the pipeline's own, ``template``.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

THREADS = "1"
TEMPLATE = "This example is {}."
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "INFERENCE_NUM_THREADS"):
    os.environ[name] = THREADS
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

Scores = list[list[float]]
Classify = Callable[[Sequence[str], Sequence[str]], Scores]


def transformers_way(folder: Path, template: str, batch_size: int | None) -> Classify:
    """The pipeline on the CPU, float32, one thread."""
    import torch
    from transformers import pipeline

    torch.set_num_threads(1)
    pipe = pipeline("zero-shot-classification", model=str(folder), device="cpu")
    more: dict[str, Any] = {} if batch_size is None else {"batch_size": batch_size}
    more["hypothesis_template"] = template

    def classify(texts: Sequence[str], labels: Sequence[str]) -> Scores:
        return [_in_order(found, labels) for found in pipe(list(texts), list(labels), **more)]

    return classify


def optimum_way(folder: Path, template: str) -> Classify:
    """The same pipeline over OpenVINO, as optimum-intel wires it."""
    import torch
    from optimum.intel import OVModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    torch.set_num_threads(1)
    settings = {"INFERENCE_NUM_THREADS": 1, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    model = OVModelForSequenceClassification.from_pretrained(folder, export=True, ov_config=settings)
    pipe = pipeline("zero-shot-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))

    def classify(texts: Sequence[str], labels: Sequence[str]) -> Scores:
        found = pipe(list(texts), list(labels), hypothesis_template=template)
        return [_in_order(one, labels) for one in found]

    return classify


def onnxruntime_way(folder: Path, template: str) -> Classify:
    """ONNX Runtime with dynamic int8 weights, a pair at a time: no padding, which is its best on a CPU."""
    import numpy as np
    import onnxruntime
    from transformers import AutoConfig, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    config = AutoConfig.from_pretrained(folder)
    entailment = next(number for name, number in config.label2id.items() if name.lower().startswith("entail"))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(_exported(folder)), options, providers=["CPUExecutionProvider"]
    )
    wanted = {given.name for given in session.get_inputs()}

    def classify(texts: Sequence[str], labels: Sequence[str]) -> Scores:
        scores = []
        for text in texts:
            logits = []
            for label in labels:
                given = tokenizer(text, template.format(label), truncation="only_first", max_length=512)
                feeds = {k: np.array([v], np.int64) for k, v in given.items() if k in wanted}
                logits.append(session.run(None, feeds)[0][0, entailment])
            powers = np.exp(np.array(logits) - max(logits))
            scores.append((powers / powers.sum()).tolist())
        return scores

    return classify


def _exported(folder: Path) -> Path:
    """The int8 ONNX file beside the model, made once."""
    target = folder / "int8.onnx"
    if target.exists():
        return target
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    model = AutoModelForSequenceClassification.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts, others = ["a text", "another text of more tokens"], ["a hypothesis", "one"]
    given = dict(tokenizer(texts, others, return_tensors="pt", padding=True))
    plain = folder / "float32.onnx"
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    torch.onnx.export(
        model, (), kwargs=given, f=str(plain), input_names=list(given), output_names=["logits"],
        dynamic_shapes=dict.fromkeys(given, free), dynamo=True,
    )  # fmt: skip
    quantize_dynamic(str(plain), str(target), per_channel=True, weight_type=QuantType.QInt8)
    return target


def gristmill_way(folder: Path, template: str, engine: str, precision: str) -> Classify:
    """This project, one worker."""
    from gristmill.zeroshot import ZeroShotClassifier

    classifier = ZeroShotClassifier.from_pretrained(folder, engine=engine, precision=precision, workers=1)

    def classify(texts: Sequence[str], labels: Sequence[str]) -> Scores:
        found = classifier(list(texts), list(labels), hypothesis_template=template)
        return [_in_order(one, labels) for one in found]

    classify.logits = lambda texts, labels: [  # type: ignore[attr-defined]
        rows.tolist()
        for rows in classifier.logits([(text, [template.format(x) for x in labels]) for text in texts])
    ]
    return classify


def _in_order(found: Any, labels: Sequence[str]) -> list[float]:
    scores = dict(zip(found["labels"], found["scores"], strict=True))
    return [scores[label] for label in labels]


def _peak() -> int:
    """Most memory of this process in bytes; of Linux, which forgets its parent's at the start, unlike getrusage."""
    found = re.search(r"^VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.M)
    return int(found[1]) * 1024 if found else 0


def make(way: str, folder: Path, template: str) -> Classify:
    """The function of a way."""
    if way.startswith("gristmill:"):
        _, engine, precision = way.split(":")
        return gristmill_way(folder, template, engine, precision)
    if way == "onnxruntime-int8":
        return onnxruntime_way(folder, template)
    if way == "optimum-openvino":
        return optimum_way(folder, template)
    return transformers_way(folder, template, 32 if way == "transformers-32" else None)


def main() -> None:
    """Warm up, classify once, and say what it took."""
    way, folder, task = sys.argv[1], Path(sys.argv[2]), json.loads(Path(sys.argv[3]).read_text())
    classify = make(way, folder, task.get("template", TEMPLATE))
    classify(task["warm"], task["labels"])
    cpu, wall = time.process_time(), time.perf_counter()
    scores = classify(task["texts"], task["labels"])
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = _peak()
    logits = getattr(classify, "logits", None)
    print(
        json.dumps(
            {
                "cpu": cpu,
                "wall": wall,
                "peak": peak,
                "scores": scores,
                "logits": logits(task["texts"], task["labels"]) if logits else None,
            }
        )
    )


if __name__ == "__main__":
    main()
