"""Texts and labels that a model is calibrated with, and the others that it is then judged by."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from gristmill.errors import TextError

FILE_BYTES = 64 << 20
MOST = 4096
"""Texts that are read of a file; more would cost time and change nothing."""
FEWEST = 8
LETTERS = 4000
"""Of one text; no supported model reads more tokens than these hold."""
PROBE_SHARE = 3
"""Of a user's texts, every third is for the probe."""
LABELS = (
    "politics", "sport", "economy", "science", "technology", "health", "travel", "food", "weather", "law",
    "bug report", "feature request", "question", "complaint", "praise", "advertisement", "source code",
    "documentation", "error message", "licence", "small talk", "literature", "education", "culture",
    "urgent", "angry", "the writer is happy", "a refund is asked for", "a date or a time is named",
    "Politik", "une réclamation", "deportes", "технология", "体育", "الطقس", "天気",
)  # fmt: skip
PROBE_LABELS = (
    "government and elections", "football", "money", "medicine", "a fault in software", "a request for help",
    "a review of a book or film", "nature", "transport", "work", "negative opinion", "positive opinion",
    "programming", "Technik", "la météo", "здоровье",
)  # fmt: skip
TEMPLATES = ("This example is {}.", "This text is about {}.", "The topic is {}.", "{}")


@dataclass(frozen=True)
class Texts:
    """What is classified: each text with a few labels, which change from text to text."""

    pairs: tuple[tuple[str, str], ...]
    """Text and hypothesis; the hypotheses of a text stand together."""
    per_text: int
    """Hypotheses of each text."""
    source: str
    """built-in, or the file's name."""

    @property
    def digest(self) -> str:
        """``sha256:`` and the digest of the pairs in their order."""
        data = json.dumps(self.pairs, ensure_ascii=True, separators=(",", ":")).encode()
        return f"sha256:{hashlib.sha256(data).hexdigest()}"


def built_in() -> tuple[Texts, Texts]:
    """The calibration set and the probe set that come with the package; they share no text and no label."""
    folder = files("gristmill.zeroshot.quantise")
    calibration, probe = (
        (folder / name).read_text("utf-8").splitlines() for name in ("calibration.txt", "probe.txt")
    )
    return _pair(calibration, LABELS, 4, "built-in"), _pair(probe, PROBE_LABELS, 8, "built-in")


def read_texts(path: Path, labels: tuple[str, ...] = ()) -> tuple[Texts, Texts]:
    """The same out of a file of UTF-8, a text a line; empty lines are passed over.

    Every third text goes to the probe and the others to calibration. ``labels`` are used for both; without any,
    the built-in ones. Raises: TextError if the file cannot be read, is too large, or holds too few texts.
    """
    try:
        with path.open("rb") as file:
            data = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise TextError(f"{path} cannot be read: {error.strerror}") from error
    if len(data) > FILE_BYTES:
        raise TextError(f"{path} is larger than {FILE_BYTES} bytes; a few hundred texts are enough")
    try:
        lines = data.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    texts = list(dict.fromkeys(line.strip()[:LETTERS] for line in lines if line.strip()))[:MOST]
    if len(texts) < FEWEST:
        raise TextError(
            f"{path} holds {len(texts)} different texts; {FEWEST} or more are needed, a line each"
        )
    calibration = [text for number, text in enumerate(texts) if number % PROBE_SHARE]
    return (
        _pair(calibration, labels or LABELS, 4, path.name),
        _pair(texts[::PROBE_SHARE], labels or PROBE_LABELS, 8, path.name),
    )


def _pair(texts: list[str], labels: tuple[str, ...], per_text: int, source: str) -> Texts:
    count = min(per_text, len(labels))
    pairs = []
    for number, text in enumerate(texts):
        # One template a text, as in use; steps through the labels so that all meet all kinds of text.
        template = TEMPLATES[number % len(TEMPLATES)]
        for step in range(count):
            label = labels[(number * count + step) % len(labels)]
            pairs.append((text, template.replace("{}", label)))
    return Texts(tuple(pairs), count, source)
