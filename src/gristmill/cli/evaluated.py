"""What an evaluation says of its data: which file, how much of it, and the command that measures the same again."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Mapping
from pathlib import Path

from gristmill.cli.labelled import Labelled
from gristmill.cli.labelled_pairs import LabelledPairs
from gristmill.zeroshot.engines.base import Engine
from gristmill.zeroshot.evaluate.record import Data

TOLD = (
    "task", "text_field", "label_field", "labels", "labels_file", "label_map", "template", "multi_label", "threshold",
    "premise_field", "hypothesis_field", "nli_labels", "limit", "seed", "temperature", "name", "split", "engine",
    "precision",
)  # fmt: skip
"""Options that the result depends on."""
FILES = ("labels_file", "label_map")
DEFAULTS = {"task": "classification", "seed": 0}


def describe(
    options: argparse.Namespace,
    data: Labelled | LabelledPairs,
    sampled: int,
    fields: Mapping[str, str],
    engine: Engine,
    *,
    words: Mapping[str, str] | None = None,
) -> Data:
    """The record of a labelled set that was read with these options, of which ``sampled`` rows were kept."""
    file = Path(options.data)
    no_gold = data.no_gold if isinstance(data, LabelledPairs) else 0
    return Data(
        name=options.name or file.stem,
        file=file.name,
        digest=data.digest,
        rows=data.usable + len(data.bad) + no_gold,
        sampled=sampled,
        bad=data.bad,
        no_gold=no_gold,
        limit=options.limit,
        seed=options.seed,
        split=options.split,
        fields=fields,
        words=words,
        command=command_line(options, engine),
    )


def command_line(options: argparse.Namespace, engine: Engine) -> str:
    """The command line that measures the same again, with MODEL for the model, and files by their last names."""
    words = ["gristmill", "evaluate", Path(options.data).name, "--model", "MODEL"]
    ran = {"engine": engine.name, "precision": engine.precision}
    for name in TOLD:
        value = ran.get(name, getattr(options, name))
        if value is None or value is False or value == DEFAULTS.get(name):
            continue
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(Path(value).name if name in FILES else str(value))
    return shlex.join(words)
