"""Emotions and sentiment of Reddit comments: GoEmotions, by its 28 labels and by the sentiment its authors group them
into."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from training.examples import LabelledText, Task

TEMPLATES = (
    "This comment expresses {}.",
    "The writer feels {}.",
    "The emotion is {}.",
    "This text expresses {}.",
    "The mood of the author is {}.",
)
SENTIMENT_TEMPLATES = (
    "The sentiment of this text is {}.",
    "This is a {} comment.",
    "The sentiment is {}.",
    "The author's opinion is {}.",
    "The tone of this text is {}.",
)
_WORDS = {
    "admiration": ("admiration", "respect"),
    "amusement": ("amusement", "finding it funny"),
    "anger": ("anger", "rage"),
    "annoyance": ("annoyance", "irritation"),
    "approval": ("approval", "agreement"),
    "caring": ("caring", "compassion"),
    "confusion": ("confusion",),
    "curiosity": ("curiosity", "interest"),
    "desire": ("desire", "longing"),
    "disappointment": ("disappointment",),
    "disapproval": ("disapproval", "disagreement"),
    "disgust": ("disgust",),
    "embarrassment": ("embarrassment", "shame"),
    "excitement": ("excitement", "enthusiasm"),
    "fear": ("fear", "being afraid"),
    "gratitude": ("gratitude", "thanks"),
    "grief": ("grief", "mourning"),
    "joy": ("joy", "happiness"),
    "love": ("love", "affection"),
    "nervousness": ("nervousness", "worry"),
    "optimism": ("optimism", "hope"),
    "pride": ("pride",),
    "realization": ("realization", "insight"),
    "relief": ("relief",),
    "remorse": ("remorse", "regret"),
    "sadness": ("sadness", "unhappiness"),
    "surprise": ("surprise", "astonishment"),
    "neutral": ("no emotion", "neutral"),
}
_POSITIVE = [
    "amusement",
    "excitement",
    "joy",
    "love",
    "desire",
    "optimism",
    "caring",
    "pride",
    "admiration",
    "gratitude",
    "relief",
    "approval",
]
_NEGATIVE = [
    "fear",
    "nervousness",
    "remorse",
    "embarrassment",
    "disappointment",
    "sadness",
    "grief",
    "disgust",
    "anger",
    "annoyance",
    "disapproval",
]
_SENTIMENT = {
    "positive": ("positive", "good", "favourable", "happy"),
    "negative": ("negative", "bad", "unfavourable", "unhappy"),
    "neutral": ("neutral", "matter-of-fact"),
}


def read_tasks(data: Path) -> list[Task]:
    """Emotions (several may hold) and sentiment (comments of one side alone)."""
    folder = data / "cls_goemotions"
    names = (folder / "labels.txt").read_text("utf-8").split()
    rows = list(_rows(folder, names))
    kin = {
        name: tuple(other for other in group if other != name)
        for group in (_POSITIVE, _NEGATIVE)
        for name in group
    }
    emotions = [LabelledText(text, labels) for text, labels in rows]
    sentiment = [LabelledText(text, (side,)) for text, labels in rows if (side := _side(labels))]
    return [
        Task("emotions", "cls_goemotions", emotions, _WORDS, TEMPLATES, kin, quota=2500),
        Task("sentiment", "cls_goemotions", sentiment, _SENTIMENT, SENTIMENT_TEMPLATES, quota=1500, cap=4000),
    ]


def _rows(folder: Path, names: list[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for part in ("train", "dev", "test"):
        with gzip.open(folder / f"{part}.tsv.gz", "rt", encoding="utf-8") as lines:
            for line in lines:
                text, places, _ = line.rstrip("\n").split("\t")
                text = text.replace("[NAME]", "he").replace("[RELIGION]", "that religion")
                yield text, tuple(names[int(place)] for place in places.split(","))


def _side(labels: tuple[str, ...]) -> str | None:
    sides = {
        "positive" if name in _POSITIVE else "negative" if name in _NEGATIVE else name for name in labels
    }
    only = sides.pop() if len(sides) == 1 else None
    return only if only in _SENTIMENT else None
