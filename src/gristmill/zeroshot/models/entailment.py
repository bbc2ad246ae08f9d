"""Names of the classes, and which of them mean entailment, contradiction and neutral: by meaning, not by place."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gristmill.errors import ModelError
from gristmill.zeroshot.models.config import Config
from gristmill.zeroshot.models.model import EntailmentIds


def read_labels(config: Config, classes: int, label2id: Mapping[str, int] | None = None) -> tuple[str, ...]:
    """The name of each class, from ``id2label`` and ``label2id`` of config.json; ``label2id`` given wins.

    A class without a name is ``LABEL_n``, as transformers calls it. Raises: ModelError if the names are no
    one-to-one map onto the ``classes`` that the weights have, or if the two maps of config.json disagree.
    """
    if label2id is not None:
        given = {str(name): number for name, number in label2id.items()}
        return _by_id(given, classes, "label2id=")
    forward, backward = config.values.get("label2id"), config.values.get("id2label")
    names = [_by_id(forward, classes, f"{config.path}: 'label2id'")] if forward else []
    if backward:
        names.append(_by_id(_reverse(config, backward), classes, f"{config.path}: 'id2label'"))
    if len(names) == 2 and names[0] != names[1]:
        raise ModelError(
            f"{config.path}: label2id says {list(names[0])} and id2label says {list(names[1])};"
            " say which is right by label2id={name: id, ...}"
        )
    return names[0] if names else tuple(f"LABEL_{number}" for number in range(classes))


def entailment_ids(labels: Sequence[str], name: str) -> EntailmentIds:
    """Which of the ``labels`` of the model ``name`` mean entailment, contradiction (or its lack) and neutral.

    Raises: ModelError if not exactly one means entailment, or several mean one of the others.
    """
    meanings = [_meaning(label) for label in labels]
    entailment = _only(meanings, labels, "entailment", name)
    if entailment is None:
        raise ModelError(
            f"{name} has no label for entailment, only {', '.join(map(repr, labels[:20]))}; it is no model of natural"
            " language inference, or say what its classes mean: label2id={'entailment': 0, 'contradiction': 2, ...}"
        )
    contradiction = _only(meanings, labels, "contradiction", name)
    if contradiction is None:
        contradiction = _only(meanings, labels, "not_entailment", name)
    return EntailmentIds(entailment, contradiction, _only(meanings, labels, "neutral", name))


def _meaning(label: str) -> str:
    plain = "".join(letter for letter in label.casefold() if letter.isalpha())
    if plain.startswith(("notentail", "nonentail", "noentail")):
        return "not_entailment"
    for prefix, meaning in (
        ("entail", "entailment"),
        ("contradict", "contradiction"),
        ("neutral", "neutral"),
    ):
        if plain.startswith(prefix):
            return meaning
    return "other"


def _only(meanings: Sequence[str], labels: Sequence[str], meaning: str, name: str) -> int | None:
    found = [number for number, one in enumerate(meanings) if one == meaning]
    if len(found) > 1:
        both = ", ".join(repr(labels[number]) for number in found)
        raise ModelError(f"{name} has several labels for {meaning}: {both}; name the right one by label2id=")
    return found[0] if found else None


def _by_id(names: object, classes: int, where: str) -> tuple[str, ...]:
    """Names by id; those that the map leaves out are LABEL_n."""
    if not isinstance(names, dict) or not all(type(number) is int for number in names.values()):
        raise ModelError(f"{where} must map the name of each class to its number")
    numbers = {number: name for name, number in names.items()}
    outside = sorted(number for number in numbers if not 0 <= number < classes)
    if len(numbers) != len(names) or outside:
        raise ModelError(
            f"{where} must give each of the {classes} classes of the weights one number from 0 on"
        )
    return tuple(numbers.get(number, f"LABEL_{number}") for number in range(classes))


def _reverse(config: Config, names: object) -> dict[str, int]:
    if not isinstance(names, dict) or not all(isinstance(name, str) for name in names.values()):
        raise config.wrong("id2label", "an object that names each class")
    try:
        found = {name: int(number) for number, name in names.items()}
    except ValueError as error:
        raise config.wrong("id2label", "an object whose keys are numbers") from error
    if len(found) != len(names):
        raise config.wrong("id2label", "an object that gives each class a name of its own")
    return found
