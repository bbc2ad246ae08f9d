"""``MODEL_CARD.json``: everything that a card says, gathered once; Markdown and front matter are made of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import msgspec

from gristmill import __version__
from gristmill.zeroshot.calibration import Calibration
from gristmill.zeroshot.card.architecture import Architecture, as_values
from gristmill.zeroshot.card.evaluations import Evaluation, MadeFrom, main_results, relation
from gristmill.zeroshot.card.facts import Facts
from gristmill.zeroshot.card.licences import hub_licence
from gristmill.zeroshot.card.training import Training, merged_compute, merged_sets

MARK = "gristmill_model_card"
FORMAT = 1
TASKS = {
    "classification": ("zero-shot-classification", "Zero-shot classification"),
    "multi_label": ("zero-shot-classification", "Zero-shot classification, several labels"),
    "nli": ("text-classification", "Natural language inference"),
}
METRICS = {
    "accuracy": ("accuracy", "Accuracy"),
    "subset_accuracy": ("accuracy", "Subset accuracy"),
    "balanced_accuracy": ("balanced_accuracy", "Balanced accuracy"),
    "macro_f1": ("f1", "Macro-F1"),
    "micro_f1": ("f1", "Micro-F1"),
    "top_3_accuracy": ("top_3_accuracy", "Top-3 accuracy"),
}
"""The Hub's name of each measure, and what people call it."""
HUB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)?")


def gather(
    folder_name: str,
    revision: str,
    architecture: Architecture,
    facts: Facts,
    training: Training,
    calibration: Calibration | None,
    evaluations: Sequence[Evaluation],
) -> dict[str, Any]:
    """All values of a card. What nobody says is an empty string, list or null: never made up.

    Args:
        folder_name: What the model is called where the facts give no name.
        revision: As it was loaded.
    """
    origin = _origin(architecture)
    relations = [relation(one, architecture.digest, revision, origin) for one in evaluations]
    own = [one for one, of in zip(evaluations, relations, strict=True) if of == "this"]
    results = main_results(own, architecture.precision)
    base = dict(training.base_model)
    if facts.base_model and facts.base_model != base.get("name"):
        base = {"name": facts.base_model}
    name = facts.name or folder_name
    values: dict[str, Any] = {
        MARK: FORMAT,
        "gristmill": __version__,
        "name": name,
        "version": facts.version,
        "licence": facts.licence,
        "licence_link": facts.licence_link,
        "languages": _listed(facts.language),
        "library_name": facts.library_name,
        "authors": facts.authors,
        "year": facts.year,
        "url": facts.url,
        "contact": facts.contact,
        "tags": facts.tags,
        "description": facts.description,
        "intended_use": facts.intended_use,
        "out_of_scope": facts.out_of_scope,
        "limits": _listed(facts.limits),
        "model": {"folder": folder_name, "revision": revision, **as_values(architecture)},
        "base_model": base,
        "training": {
            "text": facts.training_procedure,
            "data_text": facts.training_data,
            "data_digest": training.data_digest,
            "sets": [msgspec.to_builtins(one) for one in merged_sets(training, facts.datasets)],
            "recipe": training.recipe,
            "seed": training.seed,
            "command": training.command,
            "held_out": list(training.held_out),
            "ideas": [{"name": idea, "result": result} for idea, result in training.ideas],
        },
        "compute": msgspec.to_builtins(merged_compute(training, facts.compute)),
        "calibration": {}
        if calibration is None
        else {mode: asdict(fit) for mode, fit in sorted(calibration.fits.items())},
        "evaluations": [
            {"relation": of, "result": one in results, **msgspec.to_builtins(one)}
            for one, of in zip(evaluations, relations, strict=True)
        ],
        "reproduce": facts.reproduce,
        "citation": facts.citation.strip() or _citation(facts, name),
        "examples": msgspec.to_builtins(facts.examples),
    }
    values["front_matter"] = _front_matter(values, results, facts)
    return values


def _front_matter(values: dict[str, Any], results: Sequence[Evaluation], facts: Facts) -> dict[str, Any]:
    """The metadata that the Hub reads; keys of which nothing is known are left out."""
    found: dict[str, Any] = {}
    if facts.licence:
        found |= hub_licence(facts.licence)
    if facts.licence_link:
        found["license_link"] = facts.licence_link
    if values["languages"]:
        found["language"] = values["languages"]
    found["library_name"] = facts.library_name
    found["pipeline_tag"] = "zero-shot-classification"
    if HUB_ID.fullmatch(values["base_model"].get("name", "")):
        found["base_model"] = values["base_model"]["name"]
    sets = [one["hub_id"] or one["name"] for one in values["training"]["sets"]]
    found["datasets"] = [one for one in dict.fromkeys(sets) if HUB_ID.fullmatch(one)]
    found["tags"] = list(dict.fromkeys(["zero-shot-classification", "nli", "gristmill", *facts.tags]))
    if results:
        found["metrics"] = ["accuracy", "f1"]
        found["model-index"] = [{"name": values["name"], "results": [_index_entry(one) for one in results]}]
    return {key: value for key, value in found.items() if value not in ("", [])}


def _index_entry(one: Evaluation) -> dict[str, Any]:
    kind, name = TASKS[one.task]
    data: dict[str, Any] = {"type": _slug(one.name), "name": one.name}
    if one.split:
        data["split"] = one.split
    data["revision"] = one.data.digest
    if one.run.template is not None:
        data["args"] = {"hypothesis_template": one.run.template}
    metrics = [
        {"type": METRICS[key][0], "name": METRICS[key][1], "value": estimate.value}
        for key, estimate in one.measures.items()
        # With one label a text micro-F1 is accuracy.
        if key in METRICS and not (key == "micro_f1" and one.task != "multi_label")
    ]
    after = one.calibration.with_temperature
    metrics += [
        {
            "type": "expected_calibration_error",
            "name": "Expected calibration error",
            "value": after.error,
        },
        {"type": "negative_log_likelihood", "name": "Negative log-likelihood", "value": after.loss},
    ]
    return {"task": {"type": kind, "name": name}, "dataset": data, "metrics": metrics}


def _citation(facts: Facts, name: str) -> str:
    """A BibTeX entry of what is stated; nothing without authors."""
    if not facts.authors:
        return ""
    fields = {"title": name, "author": " and ".join(facts.authors)}
    fields |= {"year": str(facts.year)} if facts.year is not None else {}
    fields |= {"url": facts.url} if facts.url else {}
    lines = [f"  {key} = {{{re.sub(r'[{}]', '', value)}}}" for key, value in fields.items()]
    return f"@misc{{{_slug(name)},\n" + ",\n".join(lines) + "\n}"


def _origin(architecture: Architecture) -> MadeFrom | None:
    figures = architecture.quantisation
    return None if figures is None else MadeFrom(name=figures["model"], revision=figures["revision"])


def _listed(value: list[str] | str) -> list[str]:
    return [value] if isinstance(value, str) and value else list(value)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.casefold()).strip("-") or "unnamed"
