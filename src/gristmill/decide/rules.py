"""The rules of a policy as SQL over table ``facts``: a reason code, a condition, and the evidence.

Rules are data: their order is the order of reasons in a verdict, and every threshold comes from the
recipe. A condition that is null (a signal that does not apply) does not drop.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gristmill.decide.opt_out import OptOut, glob_pattern
from gristmill.engine.sql import quote, quote_list
from gristmill.recipe import Policy


@dataclass(frozen=True)
class Rule:
    """One rule: an entry for which SQL ``condition`` is true is dropped for ``reason``.

    ``name`` is the recipe key that sets it; ``evidence`` is an SQL expression of type text.
    """

    reason: str
    name: str
    condition: str
    evidence: str


CONFLICT = "licence_conflict"
"""the one rule that looks at other entries: its place in the order is here, it is decided with the survivors"""


def rules_of(policy: Policy, opt_outs: Iterable[OptOut]) -> list[Rule]:
    """All rules but the duplicates', in the order in which reasons are stated."""
    return [
        *_presence_rules(policy),
        *_opt_out_rules(opt_outs),
        *_licence_rules(policy),
        *_language_rules(policy),
        *_size_rules(policy),
        *_line_rules(policy),
        *_content_rules(policy),
        *_label_rules(policy),
    ]


REASONS: dict[str, str] = {
    "submodule": "a commit of another repository, not a file",
    "not_read": "its bytes could not be read: too large, missing or corrupt",
    "history": "only the history holds it",
    "symlink": "a symbolic link",
    "opt_out": "on the opt-out list",
    "licence": "its licence is not one that the policy allows",
    "licence_conflict": "the same content stands elsewhere under a licence that the policy does not allow",
    "binary": "not text",
    "language": "its language or extension is not one that the policy allows",
    "vendored": "a third party's file",
    "test": "a test",
    "documentation": "documentation",
    "generated": "written by a program",
    "lfs_pointer": "a Git LFS pointer, not the file itself",
    "size": "too small or too large",
    "too_many_lines": "more lines than the policy allows",
    "long_lines": "lines longer than the policy allows",
    "data_file": "a data file of many lines",
    "few_letters": "too small a share of letters",
    "encoded_data": "mostly encoded data, or one long run of it",
    "little_visible_text": "HTML with little visible text",
    "text_name": "a text file that is not documentation by its name",
    "label": "a label has not the score that the policy asks for",
    "exact_duplicate": "the same content is kept from another place",
    "near_duplicate": "nearly the same file is kept",
}
"""every reason code and what it says to a person"""


def _presence_rules(policy: Policy) -> Iterator[Rule]:
    yield Rule("submodule", "always", "type = 'submodule'", "'commit ' || content_id")
    yield Rule(
        "not_read",
        "collect.max_content_bytes",
        "skipped IS NOT NULL",
        "skipped || ', ' || length || ' bytes'",
    )
    if policy.history == "head":
        yield Rule("history", "policy.history", "NOT head", "anchor")
    if policy.quality.symlinks == "drop":
        yield Rule("symlink", "policy.quality.symlinks", "type = 'symlink'", "'mode ' || perms")


def _opt_out_rules(opt_outs: Iterable[OptOut]) -> Iterator[Rule]:
    entries = list(opt_outs)
    yield Rule("opt_out", "policy.opt_out", "opt_out_origin IS NOT NULL", "opt_out_origin")
    contents = [entry.subject for entry in entries if entry.kind == "content"]
    if contents:
        condition = f"content_id IN (SELECT unnest({quote_list(contents)}))"
        yield Rule("opt_out", "policy.opt_out", condition, "'content:' || content_id")
    for entry in entries:
        if entry.kind == "path":
            condition = f"regexp_full_match(path, {quote(glob_pattern(entry.subject))}, 's')"
            yield Rule("opt_out", "policy.opt_out", condition, quote(str(entry)))


def _licence_rules(policy: Policy) -> Iterator[Rule]:
    stated = "licence_class || coalesce(': ' || expression, '') || coalesce(', ' || licence_evidence[1], '')"
    yield Rule("licence", "policy.licences.allow", "NOT licence_allowed", stated)
    yield Rule(
        CONFLICT, "policy.licences.conflict", "conflict IS NOT NULL", "'another occurrence: ' || conflict"
    )


def _language_rules(policy: Policy) -> Iterator[Rule]:
    languages, quality = policy.languages, policy.quality
    yield Rule("binary", "always", "is_binary", "length || ' bytes'")
    if languages.allow:
        condition = f"language IS NOT NULL AND language NOT IN ({_texts(languages.allow)})"
        yield Rule("language", "policy.languages.allow", condition, "language")
    if languages.deny:
        condition = f"language IN ({_texts(languages.deny)})"
        yield Rule("language", "policy.languages.deny", condition, "language")
    if not languages.allow_unknown:
        condition = "language IS NULL AND NOT is_binary"
        yield Rule("language", "policy.languages.allow_unknown", condition, "'unknown'")
    if languages.deny_extensions:
        condition = f"extension IN ({_texts(languages.deny_extensions)})"
        yield Rule("language", "policy.languages.deny_extensions", condition, "'.' || extension")
    for reason, column, setting in (
        ("vendored", "vendored", quality.vendored),
        ("test", "test", quality.tests),
        ("documentation", "documentation", quality.documentation),
    ):
        if setting == "drop":
            yield Rule(reason, f"policy.quality.{_plural(reason)}", column, "path")
    if quality.generated == "drop":
        yield Rule("generated", "policy.quality.generated", "generated", "'linguist: ' || name")
    if quality.autogenerated == "drop":
        evidence = "'a phrase in the first 5 lines'"
        yield Rule("generated", "policy.quality.autogenerated", "autogenerated_phrase", evidence)
    if quality.lfs_pointers == "drop":
        yield Rule("lfs_pointer", "policy.quality.lfs_pointers", "lfs_pointer", "length || ' bytes'")


def _size_rules(policy: Policy) -> Iterator[Rule]:
    quality = policy.quality
    yield Rule(
        "size",
        "policy.quality.min_bytes",
        f"skipped IS NULL AND length >= 0 AND length < {quality.min_bytes}",
        "length || ' bytes'",
    )
    yield Rule(
        "size",
        "policy.quality.max_bytes",
        f"skipped IS NULL AND length > {quality.max_bytes}",
        "length || ' bytes'",
    )


def _line_rules(policy: Policy) -> Iterator[Rule]:
    quality = policy.quality
    long_lines = f"coalesce(language IN ({_texts(quality.long_line_languages)}), false)"
    yield Rule(
        "too_many_lines", "policy.quality.max_lines", f"lines > {quality.max_lines}", "lines || ' lines'"
    )
    yield Rule(
        "long_lines",
        "policy.quality.max_mean_line_length",
        f"NOT {long_lines} AND mean_line_length > {quality.max_mean_line_length}",
        "'mean ' || round(mean_line_length, 1)",
    )
    yield Rule(
        "long_lines",
        "policy.quality.max_line_length",
        f"NOT {long_lines} AND max_line_length > {quality.max_line_length}",
        "'longest ' || max_line_length",
    )
    yield Rule(
        "long_lines",
        "policy.quality.max_long_line_length",
        f"{long_lines} AND max_line_length > {quality.max_long_line_length}",
        "'longest ' || max_line_length",
    )
    yield Rule(
        "data_file",
        "policy.quality.max_data_lines",
        f"language IN ({_texts(quality.data_languages)}) AND lines > {quality.max_data_lines}",
        "language || ', ' || lines || ' lines'",
    )


def _content_rules(policy: Policy) -> Iterator[Rule]:
    quality = policy.quality
    digits_too = f"coalesce(language IN ({_texts(quality.alphanumeric_languages)}), false)"
    least = quality.min_alphabetic_fraction
    yield Rule(
        "few_letters",
        "policy.quality.min_alphabetic_fraction",
        f"characters > 0 AND CASE WHEN {digits_too} THEN alphanumeric_fraction ELSE alphabetic_fraction END < {least}",
        "'alphabetic ' || round(alphabetic_fraction, 3) || ', alphanumeric ' || round(alphanumeric_fraction, 3)",
    )
    for kind in ("base64", "hex", "unicode_escape"):
        yield Rule(
            "encoded_data",
            "policy.quality.max_encoded_run",
            f"{kind}_longest > {quality.max_encoded_run}",
            f"'{kind} run of ' || {kind}_longest",
        )
        yield Rule(
            "encoded_data",
            "policy.quality.max_encoded_fraction",
            f"{kind}_fraction > {quality.max_encoded_fraction}",
            f"'{kind} ' || round({kind}_fraction, 3) || ' of the file'",
        )
    yield Rule(
        "little_visible_text",
        "policy.quality.min_html_visible_characters",
        f"language = 'HTML' AND (coalesce(visible_characters, 0) < {quality.min_html_visible_characters} "
        f"OR coalesce(visible_fraction, 0) < {quality.min_html_visible_fraction})",
        "coalesce(visible_characters, 0) || ' characters, ' || round(coalesce(visible_fraction, 0), 3)",
    )
    stem = "regexp_replace(lower(name), '\\.[^.]*$', '')"
    parts = " OR ".join(f"contains(lower(name), {quote(part.lower())})" for part in quality.text_name_parts)
    names = _texts(name.lower() for name in quality.text_names)
    yield Rule(
        "text_name",
        "policy.quality.text_names",
        f"language = 'Text' AND NOT ({stem} IN ({names}) OR {parts or 'false'})",
        "name",
    )


def _label_rules(policy: Policy) -> Iterator[Rule]:
    for rule in policy.labels:
        wanted = f'one."set" = {quote(rule.set)} AND one.label = {quote(rule.label)} AND one.scope = {quote(rule.scope)}'
        score = f"list_filter(labels, lambda one: {wanted})[1].score"
        what = f"{rule.set}: {rule.label}" + (" of the origin" if rule.scope == "origin" else "")
        for key, bound, fails in (("above", rule.above, "<="), ("below", rule.below, ">=")):
            if bound is not None:
                evidence = f"{quote(what + ' ')} || {score} || {quote(f' {fails} {bound}')}"
                yield Rule("label", f"policy.labels.{key}", f"{score} {fails} {bound!r}", evidence)
        if rule.unlabelled == "drop":
            evidence = quote(f"{what}: no score")
            yield Rule("label", "policy.labels.unlabelled", f"{score} IS NULL", evidence)


def _texts(values: Iterable[str]) -> str:
    return ", ".join(quote(value) for value in values) or "NULL"


def _plural(reason: str) -> str:
    return "tests" if reason == "test" else reason
