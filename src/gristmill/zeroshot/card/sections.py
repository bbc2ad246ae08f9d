"""The sections of a card on the model itself: what it is, for what, its limits, its training, how to use and cite it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from gristmill.zeroshot.card.markdown import NOT_STATED, block, code, count, link, plain, size, table

Values = Mapping[str, Any]


def introduction(values: Values) -> str:
    """Name, description, and what the model is made of."""
    model = values["model"]
    shape = (
        f"{plain(model['family'])}: {model['layers']} layers, width {model['width']}, {model['heads']} heads,"
        f" feed-forward width {model['inner']}, {plain(model['activation'])}"
    )
    base = values["base_model"]
    rows = [
        ("Architecture", shape),
        (
            "Parameters",
            f"{model['parameters']:,}, of them {model['embedding_parameters']:,} in the word table",
        ),
        ("Vocabulary", f"{model['vocabulary']:,} tokens"),
        ("Longest input", f"{model['max_tokens']:,} tokens of premise and hypothesis together"),
        ("Classes", ", ".join(plain(one) for one in model["classes"])),
        ("Hypothesis template", code(model["template"])),
        ("Stored as", f"{plain(model['precision'])}, {size(model['bytes'])} with tokenizer"),
        ("Digest of the files", code(model["digest"])),
        ("Base model", _base(base)),
        ("Languages", ", ".join(plain(one) for one in values["languages"]) or NOT_STATED),
        ("Licence", link(values["licence"], values["licence_link"]) or NOT_STATED),
        ("Authors", ", ".join(plain(one) for one in values["authors"]) or NOT_STATED),
        ("Contact", plain(values["contact"]) or NOT_STATED),
    ]
    if values["url"]:
        rows.append(("More", link(values["url"], values["url"])))
    version = f" {plain(values['version'])}" if values["version"] else ""
    text = (
        values["description"].strip()
        or "A cross-encoder for natural language inference. It says of a premise and a hypothesis whether one entails"
        " the other; zero-shot classification asks it whether a text entails a sentence made of each label."
    )
    return f"# {plain(values['name'])}{version}\n\n{text}\n\n{table(('', ''), rows)}{_quantised(model['quantisation'])}"


def use(values: Values) -> str:
    """Intended use, what it is not for, limits."""
    model = values["model"]
    limits = [
        (
            f"It reads at most {model['max_tokens']:,} tokens of text and hypothesis together; of a longer text the"
            " rest is cut off, unless it is read in windows."
        ),
        (
            "Scores depend on how labels and template are worded. Results hold for the labels and templates that they"
            " were measured with."
        ),
    ]
    languages = ", ".join(plain(one) for one in values["languages"])
    limits.append(
        f"Languages: {languages}. In others its answers mean little."
        if languages
        else "Which languages it knows is not stated."
    )
    if not values["calibration"]:
        limits.append(
            "No calibration stands beside it: a score ranks labels and is no probability of being right."
        )
    listed = "\n".join(f"- {one.strip()}" for one in (*limits, *values["limits"]))
    scope = values["out_of_scope"].strip()
    return "\n\n".join(
        [
            f"## Intended use\n\n{values['intended_use'].strip() or 'Not stated.'}",
            *([f"### Not for\n\n{scope}"] if scope else []),
            f"## Limits\n\n{listed}",
        ]
    )


def training(values: Values) -> str:
    """Training data with licences and counts, and the procedure."""
    told = values["training"]
    parts = ["## Training data"]
    if told["data_text"]:
        parts.append(told["data_text"].strip())
    if told["sets"]:
        rows = [
            (
                link(one["title"] or one["name"], one["url"]),
                plain(one["kind"]) or NOT_STATED,
                plain(one["licence"]) or NOT_STATED,
                count(one["rows"]),
                count(one["used"]),
                count(one["pairs"]),
            )
            for one in told["sets"]
        ]
        parts.append(
            table(("set", "kind", "licence", "rows", "used", "pairs"), [*rows, _totals(told["sets"])])
        )
    elif not told["data_text"]:
        parts.append("Not stated.")
    if told["data_digest"]:
        parts.append(f"Digest of the training data: {code(told['data_digest'])}.")
    if told["held_out"]:
        parts.append("Held out, never trained on: " + ", ".join(plain(one) for one in told["held_out"]) + ".")
    parts.append("## Training procedure")
    recipe = [(plain(key), code(_shown(value))) for key, value in told["recipe"].items()]
    recipe += [("seed", code(str(told["seed"])))] if told["seed"] is not None else []
    parts += [told["text"].strip()] if told["text"].strip() else []
    parts += [table(("setting", "value"), recipe)] if recipe else []
    if not recipe and not told["text"].strip():
        parts.append("Not stated.")
    if told["ideas"]:
        ideas = [(plain(one["name"]), plain(one["result"]) or NOT_STATED) for one in told["ideas"]]
        parts += ["What was tried, and what came of it:", table(("idea", "result"), ideas)]
    return "\n\n".join(parts)


def compute(values: Values) -> str:
    """Hours and energy."""
    told = values["compute"]
    rows = [
        (name, f"{told[key]:,.4g}")
        for key, name in (
            ("cpu_hours", "CPU hours"),
            ("gpu_hours", "GPU hours"),
            ("wall_hours", "hours by the clock"),
            ("flops", "floating-point operations"),
            ("energy_kwh", "energy, kWh"),
        )
        if told[key] is not None
    ]
    rows += [("device", plain(told["device"]))] if told["device"] else []
    rows += [("energy, how known", plain(told["energy_method"]))] if told["energy_kwh"] is not None else []
    spent = sum(one["timing"]["cpu_seconds"] for one in values["evaluations"]) / 3600
    parts = ["## Compute", f"Training:\n\n{table(('', ''), rows)}" if rows else "Of training: not stated."]
    if told["energy_kwh"] is None:
        parts.append("Energy: not stated.")
    if values["evaluations"]:
        parts.append(f"The evaluations of this card took {spent:,.3g} CPU hours.")
    return "\n\n".join(parts)


def reproduce(values: Values) -> str:
    """Commands that train the model and measure it again."""
    told, parts = values["training"], ["## How to reproduce"]
    if values["reproduce"].strip():
        parts.append(values["reproduce"].strip())
    if told["command"]:
        parts.append(f"Training:\n\n{block(told['command'], 'text')}")
    if not told["command"] and not values["reproduce"].strip():
        parts.append("How it was trained is not stated.")
    lines = [one["command"] for one in values["evaluations"] if one["relation"] == "this" and one["command"]]
    if lines:
        parts.append(
            "Results, with MODEL for its folder; the digest of each file stands above:\n\n"
            + block("\n".join(dict.fromkeys(lines)), "text")
        )
    return "\n\n".join(parts)


def examples(values: Values) -> str:
    """Code in Python, on the command line, and over HTTP where the facts say so."""
    told, name = values["examples"], values["name"]
    python = told["python"] or (
        "from gristmill.zeroshot import ZeroShotClassifier\n\n"
        f"classifier = ZeroShotClassifier.from_pretrained({name!r})  # or the path of its folder\n"
        'result = classifier("The new driver crashes on resume", ["bug report", "feature request", "question"])\n'
        'print(result["labels"][0], result["scores"][0])'
    )
    cli = told["cli"] or (
        'gristmill classify "The new driver crashes on resume" --labels "bug report,feature request,question"'
        f" --model {shlex.quote(name)}"
    )
    parts = ["## How to use it", block(python, "python"), block(cli, "sh")]
    if told["http"]:
        parts += ["Over HTTP:", block(told["http"], "text")]
    return "\n\n".join(parts)


def citation(values: Values) -> str:
    """BibTeX."""
    told = values["citation"]
    return "## How to cite\n\n" + (block(told, "bibtex") if told else "Not stated.")


def _base(base: Values) -> str:
    if not base.get("name"):
        return NOT_STATED
    licence = f", {plain(base['licence'])}" if base.get("licence") else ""
    digest = f", {code(base['digest'])}" if base.get("digest") else ""
    return f"{plain(base['name'])}{licence}{digest}"


def _quantised(figures: Values | None) -> str:
    if figures is None:
        return ""
    text = (
        f"\n\nIts linear layers were rounded to {plain(figures['precision'])} by {plain(figures['method'])} from"
        f" {plain(figures['model'])}, revision {code(figures['revision'])}; the word table is"
        f" {plain(figures['embeddings'])}."
    )
    if "logit_error" in figures and "label_agreement" in figures:
        text += (
            f" Relative logit error {figures['logit_error']:.2%}, top-1 agreement {figures['label_agreement']:.1%}"
            " on the probe texts of the quality gate."
        )
    return text


def _totals(sets: list[dict[str, Any]]) -> tuple[str, ...]:
    sums = []
    for key in ("rows", "used", "pairs"):
        numbers = [one[key] for one in sets]
        sums.append(NOT_STATED if None in numbers else f"{sum(numbers):,}")
    return ("all", "", "", *sums)


def _shown(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
