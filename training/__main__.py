"""Train, measure and ship the default model: ``python -m training COMMAND``."""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from gristmill.zeroshot.classifier import ZeroShotClassifier
from gristmill.zeroshot.default import FOLDER as DEFAULT_FOLDER
from gristmill.zeroshot.scores import softmax
from training.baseline import cosine
from training.batches import Encoder
from training.card import make_card
from training.crossing import Chances, Teacher, make_crossed
from training.development import Development, Pairs
from training.distil import make_questions
from training.examples import NliPair, Task
from training.export import export
from training.held_out import split_pairs
from training.loop import Settings, torch_model, train
from training.mixing import best_mixture
from training.network import base_folder, make_network, save_network
from training.phrasing import MAIN_TEMPLATE
from training.record import data_digest, record
from training.sets import emotions, files, nli, requests, software, subjects
from training.ship import calibrate, calibrating, classifier_model, put, quantised

CARD = Path(__file__).parent.parent / "MODEL_CARD.md"
SHIPPED = Path(__file__).parent.parent / "src/gristmill/zeroshot" / DEFAULT_FOLDER


def read_all(
    data: Path, cache: Path
) -> tuple[list[NliPair], dict[str, list[NliPair]], dict[str, int], list[Task]]:
    """Pairs to train on, development pairs by set, pairs that each set holds, tasks."""
    snli_dev = nli.read_snli_dev(data)
    stored = nli.read_pairs(data)
    training, mnli_dev = split_pairs(stored, snli_dev)
    rows = {name: len(found) for name, found in stored.items()}
    tasks = [
        *requests.read_tasks(data),
        *emotions.read_tasks(data),
        *subjects.read_tasks(data),
        *software.read_tasks(data),
        *files.read_tasks(cache),
    ]
    return training, {"snli": snli_dev, "mnli": mnli_dev}, rows, tasks


def main() -> None:
    """Parse the command line and do what it says."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument(
        "command",
        choices=("train", "baseline", "measure", "ship", "export", "card"),
        help="see training/README.md",
    )
    parser.add_argument("--data", type=Path, required=True, help="the folder of data sets")
    parser.add_argument("--work", type=Path, default=Path("training-work"), help="all that is made")
    parser.add_argument("--run", default="run", help="name of this training, a folder in --work")
    parser.add_argument("--limit", type=int, default=1000, help="development pairs of a set")
    parser.add_argument("--model", type=Path, help="measure: a model's folder (default: the trained one)")
    parser.add_argument("--to", type=Path, default=SHIPPED, help="ship: where the model goes")
    for one in fields(Settings):
        kind = {"int": int, "float": float, "str": str}.get(str(one.type))
        if kind:
            parser.add_argument(f"--{one.name.replace('_', '-')}", type=kind, help=f"default: {one.default}")
    parser.add_argument(
        "--show",
        action="append",
        default=[],
        metavar="SET=TIMES",
        help="how often an epoch shows each pair of an NLI set",
    )
    options = parser.parse_args()
    stated = {
        one.name: getattr(options, one.name)
        for one in fields(Settings)
        if getattr(options, one.name, None) is not None
    }
    shares = {name: float(times) for name, _, times in (one.partition("=") for one in options.show)}
    settings = Settings(**stated)
    settings = replace(settings, nli_shares={**settings.nli_shares, **shares})
    pairs, nli_dev, rows, tasks = read_all(options.data, options.work / "cache")
    development = Development.of(nli_dev, tasks, limit=options.limit)
    run = options.work / options.run
    if options.command == "train":
        _train(pairs, rows, tasks, development, settings, options.data, run)
    elif options.command == "baseline":
        print(json.dumps(cosine(base_folder(), development.unseen), indent=1))
    elif options.command == "measure":
        with ZeroShotClassifier.from_pretrained(options.model or run / "model") as classifier:
            print(json.dumps(development.measure(classifier_model(classifier)), indent=1))
    elif options.command in ("export", "card"):
        fitted_on = calibrating(development.unseen)
        files = export(nli_dev, tasks, fitted_on, options.work / "development")
        if options.command == "card":
            models = {"int8": options.to, "float32": run / "model"}
            make_card(files, models, run / "evaluations", CARD)
    else:
        quantised(run / "model", run / "int8")
        fits = calibrate(run / "int8", development.unseen, data_digest(options.data))
        print(json.dumps({mode: asdict(fit) for mode, fit in fits.items()}, indent=1))
        put(run / "int8", options.to, json.loads((run / "model/training.json").read_text("utf-8")))
        print(f"shipped: {options.to}")


def _train(
    pairs: list[NliPair],
    rows: dict[str, int],
    tasks: list[Task],
    development: Development,
    settings: Settings,
    data: Path,
    run: Path,
) -> None:
    base = base_folder()
    encoder = Encoder(Tokenizer.from_file(str(base / "tokenizer.json")))
    network, config = make_network(base, seed=settings.seed)
    config = {**config, "gristmill": {"hypothesis_template": MAIN_TEMPLATE}}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    before = _chain(run.parent, settings.after)
    earlier = _weights(before[0]) if before else {}
    network.load_state_dict(earlier, strict=False)
    start = {name: one.detach().clone() for name, one in network.state_dict().items()}
    count = settings.distilled_first + settings.epochs * settings.distilled_each
    distilled = make_questions(base, pairs, tasks, count=count, seed=settings.seed) if count else []
    crossed = []
    if count := settings.epochs * settings.crossed:
        teacher = _teacher([_weights(one) for one in before], network, encoder, device, run / "taught.npy")
        crossed = make_crossed(base, pairs, teacher, count=count, seed=settings.seed)
        network.load_state_dict(earlier, strict=False)
    best = train(
        network, encoder, pairs, tasks, development, settings, distilled, crossed, run / "checkpoints", device
    )
    beside: dict[str, object] = {}
    if earlier:

        def measure(weights: dict[str, Tensor]) -> dict[str, float]:
            network.load_state_dict(weights, strict=False)
            return development.measure(torch_model(network, encoder, device))

        share, best, tried = best_mixture(earlier, best, measure)
        (run / "mixtures.json").write_text(json.dumps(tried, indent=1) + "\n", "utf-8")
        print(f"mixed: {share} of {run.name}, the rest {settings.after}")
        told = json.loads((before[0] / "model/training.json").read_text("utf-8"))
        of = {"seed": told["seed"], **told["recipe"]}
        beside = {"share": share, **{f"earlier_{name}": value for name, value in of.items()}}
    weights = {**{name: one for name, one in start.items() if not name.endswith("position_ids")}, **best}
    save_network(weights, config, base, run / "model")
    compute = _compute(run)
    stated = record(data, pairs, rows, tasks, settings, {**compute, "device": str(device)}, beside)
    (run / "model/training.json").write_text(json.dumps(stated, indent=2) + "\n", "utf-8")
    print(f"trained: {run / 'model'}")


def _chain(work: Path, name: str) -> list[Path]:
    """The folders of the run of this name and of those before it, the last first."""
    chain: list[Path] = []
    while name:
        chain.append(work / name)
        name = _state(work / name)["settings"].get("after", "")
    return chain


def _weights(run: Path) -> dict[str, Tensor]:
    file = run / "model/model.safetensors"
    if not file.exists():
        raise FileNotFoundError(f"{file}: train {run.name} first, or name another run with --after")
    return load_file(file)


def _teacher(
    runs: list[dict[str, Tensor]], network: nn.Module, encoder: Encoder, device: torch.device, kept: Path
) -> Teacher:
    """The mean chances that the runs give; ``kept`` keeps them for a training that goes on."""

    def chances(pairs: Pairs) -> Chances:
        if kept.exists():
            known: Chances = np.load(kept, allow_pickle=False)
            return known
        parts = []
        network.to(device, torch.bfloat16)
        for weights in runs:
            network.load_state_dict(weights, strict=False)
            parts.append(softmax(torch_model(network, encoder, device)(pairs)))
        found: Chances = np.mean(parts, axis=0).astype(np.float32)
        kept.parent.mkdir(parents=True, exist_ok=True)
        aside = kept.with_name("taught.new.npy")
        np.save(aside, found)
        os.replace(aside, kept)  # noqa: PTH105
        return found

    return chances


def _state(run: Path) -> dict[str, Any]:
    state: dict[str, Any] = json.loads((run / "checkpoints/state.json").read_text("utf-8"))
    return state


def _compute(run: Path) -> dict[str, float]:
    """What a run cost, with the runs that it began with."""
    stated = _state(run)
    cost: dict[str, float] = stated["compute"]
    if after := stated["settings"].get("after"):
        cost = {name: value + _compute(run.parent / after)[name] for name, value in cost.items()}
    return cost


if __name__ == "__main__":
    main()
