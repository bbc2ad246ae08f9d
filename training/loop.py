"""Training: steps, the checkpoint that an interrupted run goes on from, and the best weights so far.

Everything drawn depends on the seed and on the number of the step, so that a run that was stopped and resumed does the
very same steps. Equal bytes need the same machine, build of torch and number of threads.
"""

from __future__ import annotations

import json
import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from training.batches import Encoder, plan_batches, stack
from training.development import Development, Logits, Model, Pairs
from training.examples import NliPair, Task
from training.losses import loss
from training.network import DROPOUT, Masks, use_masks
from training.pairs import Question, make_epoch

CHECKPOINT_STEPS = 300


@dataclass(frozen=True)
class Settings:
    """What one run of training does; ``after`` names the run whose best weights it begins with, if any."""

    seed: int = 0
    epochs: int = 4
    tokens: int = 4096
    rate: float = 1.5e-4
    warm_up: float = 0.05
    decay: float = 0.01
    label_weight: float = 1.0
    smoothing: float = 0.0
    quota: float = 0.6
    frozen_words: bool = True
    nli_shares: dict[str, float] = field(default_factory=lambda: {"conjnli_adversarial": 0.25})
    checks_an_epoch: int = 1
    after: str = ""
    distilled_first: int = 30_000
    distilled_each: int = 4_000
    crossed: int = 0


def train(
    network: nn.Module,
    encoder: Encoder,
    pairs: Sequence[NliPair],
    tasks: Sequence[Task],
    development: Development,
    settings: Settings,
    distilled: Sequence[Question],
    crossed: Sequence[Question],
    folder: Path,
    device: torch.device,
) -> dict[str, Tensor]:
    """Train, or go on with the training that ``folder`` holds; the weights that did best on ``development``.

    ``distilled`` are questions of ``training.distil``: the first come before all else, others in every epoch.
    ``crossed`` are pairs of ``training.crossing``, others in every epoch.
    ``folder`` gets ``log.jsonl``, a line a check; ``state.safetensors`` and ``state.json``, the last checkpoint;
    ``best.safetensors``. Raises: ValueError if the folder holds a run of other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    masks = Masks(DROPOUT, settings.seed, device)
    use_masks(network, masks)
    network.to(device, torch.bfloat16)
    network.bert.embeddings.word_embeddings.weight.requires_grad_(not settings.frozen_words)  # type: ignore[union-attr]
    live = {name: one for name, one in network.named_parameters() if one.requires_grad}
    run = _Run(live, folder, settings)
    epochs = [
        [
            *_epoch(pairs, tasks, settings, number),
            *distilled[settings.distilled_first + number * settings.distilled_each :][
                : settings.distilled_each
            ],
            *crossed[number * settings.crossed :][: settings.crossed],
        ]
        for number in range(settings.epochs)
    ]
    for number, questions in enumerate(epochs):
        random.Random(f"{settings.seed} {number} mixed").shuffle(questions)  # noqa: S311
    if settings.distilled_first:
        epochs.insert(0, list(distilled[: settings.distilled_first]))
    plans = [
        plan_batches(questions, encoder, tokens=settings.tokens, seed=settings.seed * 1000 + number)
        for number, questions in enumerate(epochs)
    ]
    total = sum(map(len, plans))
    print(f"{total} steps, {sum(map(len, epochs))} questions, from step {run.step}", flush=True)
    optimiser = torch.optim.AdamW(
        [
            {"params": [run.master[name] for name in live if one_dimensional == (live[name].ndim < 2)],
             "weight_decay": 0.0 if one_dimensional else settings.decay}
            for one_dimensional in (False, True)
        ],
        lr=settings.rate, betas=(0.9, 0.98), eps=1e-6, fused=True,
    )  # fmt: skip
    run.restore(optimiser, live)
    step, done, began = 0, run.step, time.monotonic()
    run.begin()
    seen_tokens, mean = 0, 0.0
    for planned in plans:
        check_every = math.ceil(len(planned) / settings.checks_an_epoch)
        for place, questions in enumerate(planned):
            step += 1
            if step <= done:
                continue
            batch = stack(questions, encoder).to(device)
            masks.begin(settings.seed * 1_000_003 + step)
            network.train()
            logits = network(
                input_ids=batch.ids, token_type_ids=batch.types, attention_mask=batch.mask
            ).logits.float()
            value = loss(logits, batch, label_weight=settings.label_weight, smoothing=settings.smoothing)
            value.backward()  # type: ignore[no-untyped-call]
            for name, one in live.items():
                run.master[name].grad = None if one.grad is None else one.grad.float()
                one.grad = None
            torch.nn.utils.clip_grad_norm_(list(run.master.values()), 1.0)
            for group in optimiser.param_groups:
                group["lr"] = settings.rate * _share(step, total, settings.warm_up)
            optimiser.step()
            with torch.no_grad():
                for name, one in live.items():
                    one.copy_(run.master[name])
            seen_tokens += int(batch.ids.numel())
            run.tokens += int(batch.ids.numel())
            mean += (float(value.detach()) - mean) * max(0.01, 1 / (step - done))
            if step % 100 == 0:
                speed = seen_tokens / (time.monotonic() - began)
                print(f"step {step}/{total} loss {mean:.4f} {speed:.0f} tokens/s", flush=True)
            if (place + 1) % check_every == 0 or place + 1 == len(planned):
                found = development.measure(torch_model(network, encoder, device))
                run.note(step, mean, found)
            if step % CHECKPOINT_STEPS == 0 or step == total:
                run.save(step, optimiser, live)
    return run.best()


def torch_model(network: nn.Module, encoder: Encoder, device: torch.device) -> Model:
    """The network as a function of pairs."""

    def logits(pairs: Pairs) -> Logits:
        network.eval()
        encoder.learn([text for pair in pairs for text in pair])
        order = sorted(range(len(pairs)), key=lambda row: len(encoder.pair(*pairs[row])[0]))
        found = np.empty((len(pairs), 3))
        with torch.no_grad():
            for start in range(0, len(order), 128):
                rows = order[start : start + 128]
                batch = stack([Question(pairs[r][0], (pairs[r][1],), 0, False, "") for r in rows], encoder)
                batch = batch.to(device)
                answer = network(
                    input_ids=batch.ids, token_type_ids=batch.types, attention_mask=batch.mask
                ).logits
                found[rows] = answer.float().cpu().numpy()
        return found

    return logits


def _epoch(
    pairs: Sequence[NliPair], tasks: Sequence[Task], settings: Settings, number: int
) -> list[Question]:
    return make_epoch(
        pairs,
        tasks,
        seed=settings.seed,
        epoch=number,
        nli_shares=settings.nli_shares,
        quota=settings.quota,
    )


def _share(step: int, total: int, warm_up: float) -> float:
    """Share of the learning rate: up in a line, then down in one."""
    rising = max(1, round(total * warm_up))
    return step / rising if step <= rising else max(0.0, (total - step) / (total - rising))


class _Run:
    """What of a run is on disk: weights in float32, the optimiser's moments, the step, the best weights."""

    def __init__(self, live: dict[str, nn.Parameter], folder: Path, settings: Settings) -> None:
        self.folder, self.settings, self.step, self.top = folder, asdict(settings), 0, -1.0
        self.master: dict[str, Tensor] = {name: one.detach().float().clone() for name, one in live.items()}
        self.moments: dict[str, Tensor] = {}
        self.cpu = self.wall = self.tokens = 0.0
        state = folder / "state.json"
        if state.exists():
            stated = json.loads(state.read_text("utf-8"))
            if stated["settings"] != self.settings:
                raise ValueError(
                    f"{folder} holds a run of other settings: {stated['settings']}; delete it, or name another"
                )
            kept = load_file(folder / stated["file"])
            self.step, self.top = stated["step"], stated["top"]
            for name in live:
                self.master[name] = kept[f"weight.{name}"].to(self.master[name].device)
            self.moments = kept
            self.cpu, self.wall, self.tokens = (
                stated["compute"][one] for one in ("cpu_hours", "wall_hours", "tokens")
            )

    def begin(self) -> None:
        """Begin to count what this run costs, on top of what earlier parts of it did."""
        self._from = time.process_time() - 3600 * self.cpu, time.monotonic() - 3600 * self.wall

    def _cost(self) -> dict[str, float]:
        cpu, wall = time.process_time() - self._from[0], time.monotonic() - self._from[1]
        return {"cpu_hours": cpu / 3600, "wall_hours": wall / 3600, "tokens": self.tokens}

    def restore(self, optimiser: torch.optim.Optimizer, live: dict[str, nn.Parameter]) -> None:
        """Put the kept weights and moments in place."""
        if not self.moments:
            return
        with torch.no_grad():
            for name, one in live.items():
                one.copy_(self.master[name])
        for name, weight in self.master.items():
            optimiser.state[weight] = {
                "step": torch.tensor(float(self.step)),
                "exp_avg": self.moments[f"first.{name}"].to(weight.device),
                "exp_avg_sq": self.moments[f"second.{name}"].to(weight.device),
            }
        self.moments = {}

    def note(self, step: int, mean: float, found: dict[str, float]) -> None:
        """Log a check, and keep the weights if no earlier ones were better."""
        better = found["all"] > self.top
        if better:
            self.top = found["all"]
            self._write("best.safetensors", {name: one.detach() for name, one in self.master.items()})
        line = {"step": step, "loss": mean, "best": better, **found}
        with (self.folder / "log.jsonl").open("a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        print(json.dumps({name: round(value, 4) for name, value in line.items()}), flush=True)

    def save(self, step: int, optimiser: torch.optim.Optimizer, live: dict[str, nn.Parameter]) -> None:
        """Write a checkpoint; the one before stays until this one is whole."""
        tensors: dict[str, Tensor] = {}
        for name in live:
            one = self.master[name]
            tensors[f"weight.{name}"] = one.detach()
            tensors[f"first.{name}"] = optimiser.state[one]["exp_avg"]
            tensors[f"second.{name}"] = optimiser.state[one]["exp_avg_sq"]
        file = f"state-{step}.safetensors"
        self._write(file, tensors)
        stated = {
            "settings": self.settings,
            "step": step,
            "top": self.top,
            "file": file,
            "compute": self._cost(),
        }
        aside = self.folder / "state.json.new"
        aside.write_text(json.dumps(stated, indent=1) + "\n", "utf-8")
        os.replace(aside, self.folder / "state.json")  # noqa: PTH105
        for old in self.folder.glob("state-*.safetensors"):
            if old.name != file:
                old.unlink()

    def best(self) -> dict[str, Tensor]:
        """The best weights, those that were trained."""
        return load_file(self.folder / "best.safetensors")

    def _write(self, name: str, tensors: dict[str, Tensor]) -> None:
        aside = self.folder / (name + ".new")
        save_file({key: one.cpu().contiguous() for key, one in tensors.items()}, aside)
        os.replace(aside, self.folder / name)  # noqa: PTH105
