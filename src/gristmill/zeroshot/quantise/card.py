"""What a quantised folder says of itself: README.md for people, quantisation.json for programs."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from gristmill.zeroshot.quantise.gate import Loss

CARD = "README.md"
FIGURES = "quantisation.json"


@dataclass(frozen=True)
class Figures:
    """How a model was quantised, and what it lost."""

    model: str
    """Hub id, or the folder's name."""
    revision: str
    precision: str
    method: str
    group_size: int
    """Columns that share a scale; 0: a whole row."""
    embeddings: str
    """Precision of the word table."""
    calibration: str
    """Source of the calibration texts."""
    calibration_digest: str
    probe: str
    probe_digest: str
    loss: Loss
    limit: float
    """The largest relative logit error that passes."""
    passed: bool
    linear_bytes: tuple[int, int]
    """Of the linear layers' weights with their scales: in float32, and as stored."""
    weights_bytes: tuple[int, int]
    """Of the safetensors files: the model's, and the quantised one's."""

    def as_json(self) -> str:
        """The figures as a JSON object with sorted keys, ending in a line feed."""
        return json.dumps(asdict(self), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def verdict(figures: Figures) -> str:
    """What was lost, and whether it passes, in two lines."""
    loss = figures.loss
    return (
        f"relative logit error {loss.logit_error:.2%}"
        f" (limit {figures.limit:.2%}: {'passed' if figures.passed else 'NOT passed'})\n"
        f"top-1 agreement {loss.label_agreement:.1%} of {loss.texts} texts;"
        f" same class {loss.class_agreement:.1%} of {loss.pairs} pairs"
    )


def summary(figures: Figures) -> str:
    """The verdict, and what was gained."""
    return (
        f"{verdict(figures)}\n"
        f"linear layers {_megabytes(figures.linear_bytes)}; whole file {_megabytes(figures.weights_bytes)}"
    )


def write_card(folder: Path, figures: Figures) -> None:
    """Write README.md and quantisation.json into the model's folder."""
    (folder / FIGURES).write_text(figures.as_json(), "utf-8")
    (folder / CARD).write_text(_card(figures), "utf-8")


def _card(figures: Figures) -> str:
    loss = figures.loss
    group = f"a scale for each row and {figures.group_size} inputs" if figures.group_size else "a scale a row"
    name = f"{_inline(figures.model)} in {figures.precision}"
    warning = (
        "" if figures.passed else "\n**It did not pass the quality gate and was written nevertheless.**\n"
    )
    rows = [
        ("Made from", f"{_inline(figures.model)}, revision `{_inline(figures.revision)}`"),
        ("Linear layers", f"{figures.precision}, symmetric, {group}, rounded by {figures.method}"),
        ("Word embeddings", figures.embeddings),
        ("Head, norms, biases", "as in the original, but biases take up the mean shift of rounding"),
        ("Relative logit error", f"{loss.logit_error:.2%} (limit {figures.limit:.2%})"),
        ("Top-1 agreement", f"{loss.label_agreement:.1%} of {loss.texts} texts"),
        ("Same class", f"{loss.class_agreement:.1%} of {loss.pairs} pairs"),
        ("Linear layers' size", _megabytes(figures.linear_bytes)),
        ("Weights' size", _megabytes(figures.weights_bytes)),
        ("Calibration texts", f"{_inline(figures.calibration)}, `{figures.calibration_digest}`"),
        ("Probe texts", f"{_inline(figures.probe)}, `{figures.probe_digest}`"),
    ]
    table = "\n".join(f"| {key} | {value} |" for key, value in rows)
    return f"""# {name}
{warning}
A quantised copy for zero-shot classification, in the compressed-tensors format. The licence of the original applies.

| | |
| --- | --- |
{table}

The errors compare this folder with the original in float32, both run by Gristmill's numpy engine, on the probe texts:
the root of the mean square of the logits' differences, as a share of that of the original's logits around their mean.
Texts of another kind may lose more or less; `gristmill compare` tells for yours.

```python
from gristmill.zeroshot import ZeroShotClassifier

classifier = ZeroShotClassifier.from_pretrained("path/to/this/folder")
```
"""


def _inline(text: str) -> str:
    """A name as one line of a table that cannot end its cell."""
    return " ".join(text.replace("|", "/").replace("`", "'").split())[:200]


def _megabytes(sizes: tuple[int, int]) -> str:
    before, after = sizes
    return f"{before / 1e6:.1f} MB to {after / 1e6:.1f} MB (1/{before / max(after, 1):.1f})"
