"""What the types of a recipe do not say: keys that it has not, and values that make no sense."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

import msgspec

from gristmill.errors import RecipeError
from gristmill.spdx.allow_list import parse_allow_list
from gristmill.spdx.expressions import normalise
from gristmill.spdx.statements import is_understood

if TYPE_CHECKING:
    from gristmill.recipe import LabelSet, Recipe

Section = type[msgspec.Struct]

MAX_CHARACTERS = 1_000_000
"""of one text that a label set may be asked about"""


def refuse_unknown_keys(values: dict[str, Any], recipe: Section, name: str) -> None:
    """Raise RecipeError for a key that no section has, naming it and the nearest right one.

    Args:
        values: what TOML gave for the whole recipe.
        recipe: the type of a whole recipe.
        name: stands in the message.
    """
    _refuse_in_section(values, recipe, "", _all_keys(recipe, ""), name)


def _refuse_in_section(
    values: dict[str, Any], kind: Section, prefix: str, known: list[str], name: str
) -> None:
    fields = {field.name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in values.items():
        if key not in fields:
            near = difflib.get_close_matches(key, fields, n=1, cutoff=0.5)
            elsewhere = [path for path in known if path.rsplit(".", 1)[-1] == key]
            if elsewhere:  # the right key in the wrong table
                hint = f"did you mean {elsewhere[0]}?"
            elif near:
                hint = f"did you mean {prefix}{near[0]}?"
            else:
                hint = f"known keys here: {', '.join(sorted(fields))}"
            raise RecipeError(f"{name}: unknown key {prefix}{key}; {hint}")
        inner = _section_of(fields[key])
        if inner is not None:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    _refuse_in_section(one, inner, f"{prefix}{key}.", known, name)


def _all_keys(kind: Section, prefix: str) -> list[str]:
    keys: list[str] = []
    for field in msgspec.structs.fields(kind):
        inner = _section_of(field.type)
        if inner is not None:
            keys += _all_keys(inner, f"{prefix}{field.name}.")
        else:
            keys.append(f"{prefix}{field.name}")
    return keys


def _section_of(kind: Any) -> Section | None:
    """The section that a key of this type holds, once or as an array of tables; None if it is a plain value."""
    for one in (kind, *get_args(kind)):
        if isinstance(one, type) and issubclass(one, msgspec.Struct):
            return one
    return None


def check_values(recipe: Recipe, name: str) -> None:
    """Raise RecipeError for values that are of the right type and make no sense; ``name`` stands in the message."""
    release, policy = recipe.release, recipe.policy
    for key, value in (("release.name", release.name), ("release.version", release.version)):
        if not value or not all(c.isalnum() or c in "-_." for c in value) or value.startswith("."):
            raise RecipeError(f"{name}: {key} = {value!r}: use letters, digits, '-', '_' and '.' only")
    if not recipe.collect.sources:
        raise RecipeError(f"{name}: collect.sources is empty; name at least one source")
    fractions = {
        "policy.duplicates.near_threshold": policy.duplicates.near_threshold,
        "policy.quality.min_alphabetic_fraction": policy.quality.min_alphabetic_fraction,
        "policy.quality.max_encoded_fraction": policy.quality.max_encoded_fraction,
        "policy.quality.min_html_visible_fraction": policy.quality.min_html_visible_fraction,
    }
    for key, fraction in fractions.items():
        if not 0 <= fraction <= 1:
            raise RecipeError(f"{name}: {key} = {fraction}: must lie between 0 and 1")
    if not 1 <= recipe.collect.max_content_bytes <= 1 << 30:
        raise RecipeError(f"{name}: collect.max_content_bytes must lie between 1 and {1 << 30}")
    if recipe.collect.timeout_seconds <= 0:
        raise RecipeError(f"{name}: collect.timeout_seconds must be above 0")
    try:
        parse_allow_list(policy.licences.allow)
    except ValueError as error:
        raise RecipeError(f"{name}: policy.licences.allow: {error}") from error
    for key in ("allow_expressions", "deny_expressions"):
        for text in getattr(policy.licences, key):
            expression = normalise(text)
            if expression is None or not is_understood(expression):
                raise RecipeError(f"{name}: policy.licences.{key}: {text!r} is not an SPDX expression")
    if release.shard_bytes < 1_000_000:
        raise RecipeError(f"{name}: release.shard_bytes must be at least 1000000")
    _check_labels(recipe, name)


def _check_labels(recipe: Recipe, name: str) -> None:
    """Names of label sets, and rules that ask for labels which a set has. The rest is told by the model."""
    sets: dict[str, LabelSet] = {}
    for one in recipe.annotate.labels:
        if not one.name.strip():
            raise RecipeError(f"{name}: annotate.labels.name is empty; name the label set")
        if one.name in sets:
            raise RecipeError(
                f"{name}: annotate.labels.name = {one.name!r} is there twice; rename one of them"
            )
        if not one.labels:
            raise RecipeError(f"{name}: annotate.labels.labels of {one.name!r} is empty; name the labels")
        if not 1 <= one.max_characters <= MAX_CHARACTERS:
            raise RecipeError(
                f"{name}: annotate.labels.max_characters = {one.max_characters} of {one.name!r}: must lie "
                f"between 1 and {MAX_CHARACTERS}"
            )
        sets[one.name] = one
    for rule in recipe.policy.labels:
        what = f"{name}: policy.labels"
        if rule.set not in sets:
            raise RecipeError(f"{what}.set = {rule.set!r}: no such label set; {_nearest(rule.set, sets)}")
        known = sets[rule.set].labels
        if rule.label not in known:
            raise RecipeError(
                f"{what}.label = {rule.label!r}: not in the label set {rule.set!r}; {_nearest(rule.label, known)}"
            )
        if rule.above is None and rule.below is None and rule.unlabelled == "keep":
            raise RecipeError(
                f"{what} for {rule.set!r}, {rule.label!r} drops nothing; set above, below or unlabelled"
            )
        for key, score in (("above", rule.above), ("below", rule.below)):
            if score is not None and not 0 <= score <= 1:
                raise RecipeError(f"{what}.{key} = {score}: must lie between 0 and 1")


def _nearest(asked: str, known: Iterable[str]) -> str:
    there = list(known)
    near = difflib.get_close_matches(asked, there, n=1, cutoff=0.5)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(map(repr, there[:10])) + (" ..." if len(there) > 10 else "")
    return f"there are: {shown}" if there else "[[annotate.labels]] defines none"
