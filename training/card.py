"""The model card of the shipped model: every set measured by ``gristmill evaluate``, in int8 and in float32."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from training.export import PAIRS

FACTS = Path(__file__).parent / "card.toml"


def make_card(files: Sequence[Path], models: dict[str, Path], results: Path, to: Path) -> None:
    """Measure each model on each file, then write the card of the first model.

    Args:
        files: Sets that ``training.export`` wrote.
        models: Folders by the name that their results get.
        results: Folder for the evaluations; a set that is there is not measured again.
        to: The card; its figures stand beside it as JSON.
    """
    for name, model in models.items():
        for file in files:
            out = results / f"{file.stem}-{name}"
            if out.exists():
                continue
            command = [
                "evaluate",
                str(file),
                "--model",
                str(model),
                "--output",
                str(out),
                "--name",
                file.stem,
            ]
            command += ["--split", "development"]
            if file.parent.name == PAIRS:
                command += ["--task", "nli"]
            else:
                command += ["--labels-file", str(file.with_suffix(".labels.txt"))]
            _run(command)
    shipped = next(iter(models.values()))
    _run(
        [
            "model-card",
            "--model",
            str(shipped),
            "--evaluations",
            str(results),
            "--facts",
            str(FACTS),
            "--to",
            str(to),
        ]
    )


def _run(command: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "gristmill", *command], check=True)
