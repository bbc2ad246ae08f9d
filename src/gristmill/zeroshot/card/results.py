"""The sections of a card on what was measured: results, calibration, precision with speed and size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gristmill.zeroshot.card.evaluations import RELATIONS
from gristmill.zeroshot.card.gather import METRICS
from gristmill.zeroshot.card.markdown import code, plain, size, table

Values = Mapping[str, Any]
TASKS = {"classification": "one label", "multi_label": "several labels", "nli": "NLI"}


def results(values: Values) -> str:
    """A row for each set: measures with their intervals, and what always giving the commonest answer would reach."""
    listed = [one for one in values["evaluations"] if one["result"]]
    if not listed:
        return "## Results\n\nNo evaluation of this model was given."
    rows = [
        (
            _set(one),
            TASKS[one["task"]],
            f"{one['data']['used']:,}",
            f"{one['data']['labels']:,}",
            _estimate(one, "accuracy", "subset_accuracy"),
            _estimate(one, "macro_f1"),
            _estimate(one, "balanced_accuracy"),
            f"{100 * one['baseline']['accuracy']:.1f}",
        )
        for one in listed
    ]
    head = ("set", "task", "texts", "labels", "accuracy", "macro-F1", "balanced accuracy", "baseline")
    more = [
        (_set(one), METRICS[key][1], _estimate(one, key))
        for one in listed
        for key in ("top_3_accuracy", "micro_f1")
        if key in one["measures"] and (key != "micro_f1" or one["task"] == "multi_label")
    ]
    how = [
        (
            _set(one),
            code(one["run"]["template"]) if one["run"]["template"] is not None else "hypotheses given",
            _sample(one),
            code(one["data"]["digest"][:19]),
            plain("; ".join(one["notes"])),
        )
        for one in listed
    ]
    parts = [
        "## Results",
        (
            "In per cent, with 95 % confidence intervals: Wilson's for accuracy, a bootstrap over the texts for the others."
            " With several labels a text, accuracy means that exactly the true ones were found. The baseline is the"
            " accuracy of always giving the commonest answer."
        ),
        table(head, rows),
        *([table(("set", "measure", "value"), more)] if more else []),
        "How they were made:",
        table(("set", "template", "rows", "data", "notes"), how),
    ]
    return "\n\n".join(parts)


def calibration(values: Values) -> str:
    """Temperatures, and how honest scores are with them and without."""
    fits, listed = values["calibration"], [one for one in values["evaluations"] if one["result"]]
    parts = ["## Calibration"]
    if fits:
        rows = [
            (
                {"single": "labels that share 1", "multi": "labels each on its own"}[mode],
                f"{fit['temperature']:.4g}",
                f"{fit['fitted_texts']:,}",
                f"{fit['held_out_texts']:,}",
                f"{100 * fit['error_before']:.1f}",
                f"{100 * fit['error_after']:.1f}",
            )
            for mode, fit in fits.items()
        ]
        head = (
            "temperature of",
            "value",
            "fitted on texts",
            "judged on texts",
            "error before",
            "error after",
        )
        parts += ["Temperatures that are stored beside the weights, and applied:", table(head, rows)]
    else:
        parts.append("No temperature is stored beside the weights.")
    if listed:
        both = [
            (
                _set(one),
                f"{one['calibration']['with_temperature']['temperature']:.4g}",
                *(
                    shown
                    for which in ("without", "with_temperature")
                    for shown in (
                        f"{100 * one['calibration'][which]['error']:.1f}",
                        f"{one['calibration'][which]['loss']:.3f}",
                    )
                ),
            )
            for one in listed
        ]
        head = ("set", "temperature", "error without", "loss without", "error with", "loss with")
        parts += [
            (
                "Expected calibration error in per cent and mean negative log-likelihood in nats, without the temperature"
                " and with it:"
            ),
            table(head, both),
        ]
    return "\n\n".join(parts)


def speed(values: Values) -> str:
    """All evaluations by set: precision, quality, speed, size, so that forms of the model can be compared."""
    if not values["evaluations"]:
        return ""
    order: dict[tuple[Any, ...], int] = {}
    for one in values["evaluations"]:
        order.setdefault(_key(one), len(order))
    ordered = sorted(values["evaluations"], key=lambda one: order[_key(one)])
    rows = [
        (
            _set(one),
            plain(one["model"]["name"]),
            RELATIONS[one["relation"]],
            f"{plain(one['run']['precision'])}, {plain(one['run']['engine'])} on {plain(one['run']['device'])}",
            _share(one, "accuracy", "subset_accuracy"),
            f"{100 * one['calibration']['with_temperature']['error']:.1f}",
            f"{one['timing']['texts_per_second']:,.1f}",
            f"{one['timing']['pairs_per_cpu_second']:,.1f}",
            size(one["model"]["bytes"]),
        )
        for one in ordered
    ]
    machines = sorted(
        {
            f"{one['timing']['machine']}, {one['timing']['cores']} cores, {one['timing']['workers']} at a time"
            for one in values["evaluations"]
        }
    )
    head = (
        "set",
        "model",
        "is",
        "precision",
        "accuracy",
        "calibration error",
        "texts/s",
        "pairs/CPU s",
        "size",
    )
    return "\n\n".join(
        [
            "## Precision, speed and size",
            f"Measured by Gristmill on {plain('; '.join(machines))}. Speeds are those of one run each.",
            table(head, rows),
        ]
    )


def _key(one: Values) -> tuple[Any, ...]:
    return (one["task"], one["data"]["digest"], one["split"], one["run"]["template"])


def _set(one: Values) -> str:
    return plain(one["name"] + (f" ({one['split']})" if one["split"] else ""))


def _sample(one: Values) -> str:
    data = one["data"]
    drawn = "" if data["sample"] is None else f", a sample by seed {data['sample']['seed']}"
    return f"{data['used']:,} of {data['rows']:,}{drawn}"


def _estimate(one: Values, *names: str) -> str:
    """A measure in per cent with its interval; nothing where it was not measured."""
    for name in names:
        if name in one["measures"]:
            found = one["measures"][name]
            return f"{100 * found['value']:.1f} ({100 * found['low']:.1f} to {100 * found['high']:.1f})"
    return ""


def _share(one: Values, *names: str) -> str:
    return next(
        (f"{100 * one['measures'][name]['value']:.1f}" for name in names if name in one["measures"]), ""
    )
