"""Train the model of ``annotate/findings/likelihood.py``: real source without secrets, beside made-up ones.

    python scripts/train_secret_model.py SOURCE_FOLDER... [--seed 1]

Data statement. Negatives are the values that belong to names of secrets in the source files of packages from public
indexes: nearly none of them is a real secret, since indexes and authors scan what is published; those few that are weigh
little. They are 0 whatever they look like, test passwords too. Positives are made by ``secret_samples.py``, in forms in
which people write them. No value of anybody enters the model: it has some forty weights and a table of how often letters
follow each other in the identifiers of those packages.
"""

from __future__ import annotations

import argparse
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import secret_samples as samples

from gristmill.annotate.findings import assignments, likelihood, names
from gristmill.annotate.findings.gate import candidates, compile_gate, texts_of

TO = Path(__file__).parent.parent / "src/gristmill/annotate/findings/data/likelihood.json"
MADE = 40_000
MOST_OF_ONE_FILE = 40
MAX_BYTES = 400_000
RIDGE = 1.0
Row = tuple[bytes, names.Name, likelihood.Context]


def main() -> None:
    """Parse the command line, train, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", type=Path, nargs="+", help="source without secrets")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    dice = random.Random(options.seed)
    files = sorted(path for folder in options.folders for path in folder.rglob("*") if path.is_file())
    real, words = _read(files)
    pairs = _pairs(words)
    common = sorted(word for word, count in words.items() if count >= 5 and 4 <= len(word) <= 9)
    made = _made(common, dice)
    stand_in = _stand_in(dice)
    rows = [*real, *stand_in, *made]
    x = np.array([likelihood.features(*row, pairs) for row in rows])
    y = np.array([0.0] * (len(real) + len(stand_in)) + [1.0] * len(made))
    weight = np.concatenate((np.full(len(real), 0.5 * len(made) / len(real)), np.full(len(stand_in), 0.5 * len(made) / len(stand_in)), np.ones(len(made))))  # fmt: skip
    weights = fit(x, y, weight)
    model = {
        "data": {
            "files": len(files),
            "real": len(real),
            "made": len(made),
            "stand_in": len(stand_in),
            "seed": options.seed,
        },
        "weights": {
            name: round(float(one), 4) for name, one in zip(likelihood.FEATURES, weights, strict=True)
        },
        "pairs": [round(one, 2) for one in pairs],
    }
    TO.write_text(json.dumps(model) + "\n", "utf-8")
    chance = 1 / (1 + np.exp(-(x @ weights)))
    for name, part in (
        ("real", slice(0, len(real))),
        ("stand-in", slice(len(real), len(real) + len(stand_in))),
        ("made", slice(len(real) + len(stand_in), None)),
    ):
        print(name, len(chance[part]), *(f"{t}: {(chance[part] >= t).mean():.4f}" for t in (0.3, 0.5, 0.8)))
    print(
        *(
            f"{name} {one:+.2f}"
            for name, one in sorted(zip(likelihood.FEATURES, weights, strict=True), key=lambda one: one[1])
        )
    )


def values(texts: list[bytes]) -> Iterator[tuple[int, Row]]:
    """The values that belong to names of secrets, by text."""
    gate = compile_gate(assignments.RULES)
    seen: set[tuple[int, int]] = set()
    for row, at, _ in candidates(gate, texts_of(pa.array(texts, pa.binary()))):
        found = assignments.value_at(texts[row], at)
        if found is not None and (row, found[1].start) not in seen:
            name, value = found
            seen.add((row, value.start))
            yield row, (texts[row][value.start : value.end], name, value.context)


def fit(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Weights of logistic regression with a ridge, by Newton's steps."""
    found = np.zeros(x.shape[1])
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        slope = x.T @ (weight * (chance - y)) + RIDGE * found
        curve = (x * (weight * chance * (1 - chance))[:, None]).T @ x + RIDGE * np.eye(x.shape[1])
        step = np.linalg.solve(curve, slope)
        found -= step
        if np.abs(step).max() < 1e-6:
            break
    return found


def _read(files: list[Path]) -> tuple[list[Row], Counter[str]]:
    """Values of real source, each once with its name and context, and how often words stand in it."""
    rows: dict[Row, None] = {}
    words: Counter[str] = Counter()
    for path in files:
        data = path.read_bytes()[:MAX_BYTES]
        if b"\0" in data[:8000]:
            continue
        words.update(word.lower() for word in re.findall(r"[A-Za-z]{3,20}", data[:20_000].decode("latin-1")))
        found = [row for _, row in values([data])]
        for row in found[:MOST_OF_ONE_FILE]:
            rows.setdefault(row)
    return list(rows), words


def _made(words: list[str], dice: random.Random) -> list[Row]:
    rows = []
    while len(rows) < MADE:
        if dice.random() < 0.45:
            name, value = dice.choice(samples.NAMES), samples.password(words, dice)
        else:
            name, value = dice.choice(samples.KEY_NAMES), samples.secret(dice)
        rows += _found(samples.written(dice.choice(samples.FORMS), name, value), value)
    return rows


def _stand_in(dice: random.Random) -> list[Row]:
    rows = []
    for _ in range(MADE // 4):
        name, value = dice.choice((*samples.NAMES, *samples.KEY_NAMES)), samples.stand_in(dice)
        rows += _found(samples.written(dice.choice(samples.FORMS), name, value), value)
    return rows


def _found(text: str, value: str) -> list[Row]:
    return [row for _, row in values([text.encode()]) if row[0] == value.encode()]


def _pairs(words: Counter[str]) -> tuple[float, ...]:
    """How much more often than by chance a letter, digit or sign follows another, as a logarithm to the base 2."""
    counts = np.full((28, 28), 0.5)
    for word, count in words.items():
        codes = [ord(letter) - 97 for letter in word if "a" <= letter <= "z"]
        for one, other in pairwise(codes):
            counts[one, other] += min(count, 50)
    letters = counts[:26, :26]
    table = np.full((28, 28), -1.0)
    table[:26, :26] = np.log2(letters / letters.sum() * 26 * 26)
    return tuple(np.clip(table, -4, 4).round(2).ravel().tolist())


if __name__ == "__main__":
    main()
