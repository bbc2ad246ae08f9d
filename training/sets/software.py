"""Texts about software: curated lists, topics of repositories, subjects of commits, sentences of comments."""

from __future__ import annotations

import csv
import gzip
import re
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO, cast

from training.examples import LabelledText, Task, plain

TOPIC_TEMPLATES = (
    "This project is about {}.",
    "The topic is {}.",
    "This software is for {}.",
    "This repository is about {}.",
    "The subject of this text is {}.",
)
COMMIT_TEMPLATES = (
    "This commit is about {}.",
    "This change is {}.",
    "The purpose of this commit is {}.",
    "The type of this change is {}.",
)
COMMENT_TEMPLATES = ("This comment is about {}.", "This sentence describes {}.", "The comment tells {}.")

_COMMITS = {
    "feat": ("a new feature", "feature", "adding functionality"),
    "fix": ("a bug fix", "bug fix", "fixing an error"),
    "docs": ("documentation", "documentation change"),
    "test": ("tests", "testing", "adding tests"),
    "refactor": ("refactoring", "code restructuring", "cleaning up code"),
    "perf": ("performance", "making it faster", "performance improvement"),
    "build": ("build system", "packaging and build"),
    "ci": ("continuous integration", "CI configuration"),
    "chore": ("maintenance", "chore", "housekeeping"),
    "style": ("code style", "formatting"),
    "revert": ("reverting an earlier change", "undoing a commit"),
}
_COMMIT_KIN = {
    "build": ("ci", "chore"),
    "ci": ("build", "test"),
    "chore": ("build", "refactor"),
    "refactor": ("style", "chore", "fix"),
    "fix": ("feat", "refactor"),
    "feat": ("fix", "refactor"),
    "perf": ("refactor", "fix"),
    "style": ("refactor", "chore"),
    "test": ("ci", "fix"),
    "docs": ("chore",),
}
_COMMENTS = {
    "summary": ("summary of the class", "what the class is"),
    "expand": ("details", "detailed explanation"),
    "usage": ("usage", "how to use it", "instructions for use"),
    "pointer": ("reference to other code", "link to other resources"),
    "rational": ("rationale", "reasons for the design"),
    "deprecation": ("deprecation", "something is deprecated"),
    "ownership": ("authors", "ownership", "who wrote it"),
    "parameters": ("parameters", "arguments of a function"),
    "developmentnotes": ("development notes", "to-do notes for developers"),
    "example": ("example", "example code"),
    "responsibilities": ("responsibilities of the class", "what the class does"),
    "keymessages": ("important methods", "key methods"),
    "keyimplementationpoints": ("implementation details", "how it is implemented"),
    "intent": ("purpose of the class", "intent"),
    "collaborators": ("classes it works with", "collaborating classes"),
    "classreferences": ("references to other classes", "related classes"),
}
_HEADINGS_LEFT_OUT = {
    "miscellaneous", "misc", "uncategorized", "other", "others", "resources", "extra", "tools", "services",
    "packages", "libraries", "applications", "general", "contributing", "license", "related", "contents", "newsletters",
    "tutorials", "articles", "books", "discovery", "community", "related lists", "weird", "unofficial libraries",
    "awesome go", "other software", "utilities", "kaggle competition source code", "software", "framework", "frameworks",
}  # fmt: skip

_HEADING = re.compile(r"(#+)\s+(.*)")
_BULLET = re.compile(r"\s*[-*]\s+\[([^\]]+)\]\([^)]*\)(.*)")
_LINK = re.compile(r"!?\[((?:[^\[\]]|\[[^\]]*\])*)\]\([^)]*\)")
_TAIL = re.compile(
    r"(\s*(`[^`]*`|\((\s*\[[^)]*|Source Code|Demo)[^()]*\)|\[[A-Za-z0-9 .+/-]{2,20}\]|\*\*[^*]*\*\*))+\s*$"
)
_MARKS = re.compile(r"[`*⭐🔥⚠]|<[^>]*>|:[a-z_]+:|\[\]")
_BADGE = re.compile(
    r"!?\[(?:[^\[\]]|!\[[^\]]*\]\([^)]*\))*\]\((?:[^()]*(?:badge|shields|workflows|travis)[^()]*)\)"
)
_LICENCE = re.compile(r"\.?\s*\[[A-Z][A-Za-z0-9 .+,/-]{1,30}\](\s+website)?$")
_SUBJECT = re.compile(r"([a-z]+)(\([^)]*\))?!?:\s*(.+)")
_REFERENCE = re.compile(r"\s*\(?#\d+\)?\s*$")


def read_tasks(data: Path) -> list[Task]:
    """Headings of awesome lists, topics, commit types, kinds of comment."""
    return [
        _awesome_lists(data / "cls_awesome_lists"),
        _topics(data / "cls_github_topics"),
        _commits(data / "cls_commit_types"),
        _comments(data / "cls_code_comments"),
    ]


def _awesome_lists(folder: Path) -> Task:
    texts: list[LabelledText] = []
    phrasings: dict[str, tuple[str, ...]] = {}
    together = defaultdict(set)
    for file in sorted(folder.glob("*.md.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for heading, description in _entries(lines):
                label = plain(heading)
                if label in _HEADINGS_LEFT_OUT or not label or len(description.split()) < 4:
                    continue
                phrasings.setdefault(label, (heading, label))
                together[file.name].add(label)
                texts.append(LabelledText(description, (label,)))
    kin: dict[str, tuple[str, ...]] = {}
    for _, labels in sorted(together.items()):
        for label in labels:
            words = set(label.split())
            near = {other for other in labels if other != label and words & set(other.split())}
            kin[label] = tuple(sorted({*kin.get(label, ()), *near}))
    return Task(
        "awesome_lists", "cls_awesome_lists", texts, phrasings, TOPIC_TEMPLATES, kin, quota=5500, cap=100
    )


def _entries(lines: Iterator[str]) -> Iterator[tuple[str, str]]:
    heading = ""
    for line in lines:
        if found := _HEADING.match(line):
            heading = _MARKS.sub("", _LINK.sub(r"\1", found[2])).split(" - ")[-1].strip(" #")
            heading = re.sub(r"\s*\([^)]*\)$", "", heading)
        elif (found := _BULLET.match(line)) and heading:
            text = _TAIL.sub(
                "", _LICENCE.sub("", _LINK.sub(r"\1", _BADGE.sub("", _TAIL.sub("", found[2].strip()))))
            )
            _, dash, description = text.partition("- ") if "- " in text[:60] else ("", "-", text)
            description = " ".join(_MARKS.sub("", description).split()).strip(" -—–:")
            if dash and not found[0].strip().startswith("- [" + heading):
                yield heading, description


def _topics(folder: Path) -> Task:
    texts: list[LabelledText] = []
    phrasings: dict[str, tuple[str, ...]] = {}
    kin: dict[str, tuple[str, ...]] = {}
    with tarfile.open(folder / "topics_index_md.tar.gz") as archive:
        for member in sorted(archive.getmembers(), key=lambda one: one.name):
            file = archive.extractfile(member) if member.name.endswith("/index.md") else None
            if file is None:
                continue
            head, body = _front_matter(file.read().decode("utf-8"))
            name, topic = head.get("display_name", ""), head.get("topic", "")
            if not name or not topic:
                continue
            names = [name, topic, topic.replace("-", " "), *_listed(head.get("aliases", ""))]
            phrasings[topic] = (name,)
            kin[topic] = tuple(_listed(head.get("related", "")))
            short = _masked(head.get("short_description", ""), names)
            long = _masked(_LINK.sub(r"\1", body), names)
            texts += [LabelledText(text, (topic,)) for text in (short, long) if len(text.split()) >= 5]
    kin = {topic: tuple(one for one in near if one in phrasings) for topic, near in kin.items()}
    return Task("topics", "cls_github_topics", texts, phrasings, TOPIC_TEMPLATES, kin, quota=2000)


def _front_matter(text: str) -> tuple[dict[str, str], str]:
    _, head, body = [*text.split("---", 2), "", ""][:3]
    pairs = (line.partition(":") for line in head.splitlines())
    return {key.strip(): value.strip() for key, colon, value in pairs if colon}, body.strip()


def _listed(value: str) -> list[str]:
    return [one.strip() for one in value.split(",") if one.strip()]


def _masked(text: str, names: list[str]) -> str:
    """Text without the names of what it describes: else the name alone would tell."""
    for name in sorted({*names}, key=len, reverse=True):
        for form in (name, name.replace("-", " ")):
            if len(form) > 1:
                text = re.sub(rf"(?<!\w){re.escape(form)}(?!\w)", "it", text, flags=re.IGNORECASE)
    return " ".join(_MARKS.sub("", text).split())


def _commits(folder: Path) -> Task:
    texts: list[LabelledText] = []
    robots = 0
    for file in sorted([*folder.glob("*.tsv.gz"), *folder.glob("*.tsv")]):
        with _opened(file) as lines:
            for line in lines:
                found = _SUBJECT.fullmatch(line.rstrip("\n").split("\t")[2])
                if found is None or found[1] not in _COMMITS:
                    continue
                if found[1] == "chore" and found[2] == "(deps)":
                    robots += 1
                    if robots % 40:
                        continue
                text = _REFERENCE.sub("", found[3])
                if len(text.split()) >= 3:
                    texts.append(LabelledText(text, (found[1],)))
    return Task(
        "commits", "cls_commit_types", texts, _COMMITS, COMMIT_TEMPLATES, _COMMIT_KIN, quota=1500, cap=700
    )


def _opened(file: Path) -> TextIO:
    if file.suffix == ".gz":
        return cast(TextIO, gzip.open(file, "rt", encoding="utf-8"))
    return file.open(encoding="utf-8")


def _comments(folder: Path) -> Task:
    texts: list[LabelledText] = []
    for file in sorted(folder.glob("*.csv.gz")):
        found: dict[str, tuple[set[str], set[str]]] = {}
        with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
            for row in csv.DictReader(rows):
                true, false = found.setdefault(row["comment_sentence"], (set(), set()))
                (true if row["instance_type"] == "1" else false).add(row["category"].lower())
        for text, (true, false) in found.items():
            if true and len(text.split()) >= 3:
                texts.append(LabelledText(text, tuple(sorted(true)), tuple(sorted(false - true))))
    return Task("comments", "cls_code_comments", texts, _COMMENTS, COMMENT_TEMPLATES, quota=1500, cap=400)
