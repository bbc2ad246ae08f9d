"""What a text is about, outside software: abstracts of an encyclopedia, and the kind of writing."""

from __future__ import annotations

import gzip
from pathlib import Path

from training.examples import LabelledText, Task
from training.sets.nli import read_genres, untokenised

_CLASSES = (
    ("company", ("company", "business", "a company")),
    ("school", ("educational institution", "school", "university")),
    ("artist", ("artist", "musician or writer", "art")),
    ("athlete", ("athlete", "sports", "sportsperson")),
    ("politician", ("office holder", "politician", "politics")),
    ("transport", ("means of transportation", "vehicle", "ships, trains, cars and aircraft")),
    ("building", ("building", "architecture")),
    ("nature", ("natural place", "river, lake or mountain", "geography")),
    ("village", ("village", "small settlement")),
    ("animal", ("animal", "zoology")),
    ("plant", ("plant", "botany")),
    ("album", ("album", "music album")),
    ("film", ("film", "movie", "cinema")),
    ("book", ("written work", "book", "literature")),
)
_KIN = {
    "artist": ("athlete", "politician", "album"),
    "athlete": ("artist", "politician"),
    "politician": ("artist", "athlete"),
    "album": ("film", "book", "artist"),
    "film": ("album", "book"),
    "book": ("film", "album"),
    "village": ("nature", "building"),
    "nature": ("village",),
    "building": ("school", "village", "company"),
    "school": ("building", "company"),
    "company": ("transport", "building"),
    "transport": ("company",),
    "animal": ("plant",),
    "plant": ("animal",),
}
_GENRES = {
    "telephone": ("telephone conversation", "spoken conversation"),
    "fiction": ("fiction", "a story"),
    "government": ("government report", "public administration"),
    "travel": ("travel guide", "tourism"),
    "slate": ("magazine article", "journalism"),
}
_GENRE_TEMPLATES = ("This text is from {}.", "The style of this text is {}.", "This is {}.")


def read_tasks(data: Path) -> list[Task]:
    """DBpedia's 14 classes and MultiNLI's genres."""
    texts = []
    names = [name for name, _ in _CLASSES]
    with gzip.open(data / "cls_dbpedia14/train.csv.gz", "rt", encoding="utf-8", newline="") as rows:
        for line in rows:
            label, _, text = line.rstrip("\n").partition(",")
            words = untokenised(text.strip('"').replace("\t", " "))
            texts.append(LabelledText(words, (names[int(label)],)))
    genres = [LabelledText(text, (genre,)) for text, genre in read_genres(data) if genre in _GENRES]
    return [
        Task("encyclopedia", "cls_dbpedia14", texts, dict(_CLASSES), (), _KIN, quota=1500),
        Task("genres", "mnli_hw2", genres, _GENRES, _GENRE_TEMPLATES, quota=400),
    ]
