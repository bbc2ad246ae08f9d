"""Licence fields of package manifests, each read as its package manager defines it.

Several licences in one manifest are a choice where the format says so (npm's old ``licenses`` array,
composer's array, Maven's list) and all apply where it does not (gemspec, PyPI classifiers). Nothing is
executed: ``setup.py`` and gemspecs are read by pattern.
"""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Callable
from typing import Any

from gristmill.annotate.licences.match import Match
from gristmill.spdx import agreement, expressions, statements

# Manifests of more bytes are not read: no person wrote them.
MAX_BYTES = 1_048_576
MAX_NESTING = 64
MAX_STATEMENTS = 64

SEE_FILE = "LicenseRef-see-file"
_UNREADABLE = (ValueError, RecursionError, configparser.Error)


def find(name: str, text: bytes) -> list[Match]:
    """The licence that a manifest states.

    Args:
        name: file name; one that ``spdx.filenames.kind`` calls a manifest.
        text: UTF-8.

    Returns:
        One match of kind "manifest" (or "reference" if the manifest only names a file) whose rule is the name
        of the format; none if the manifest states nothing or cannot be read.
    """
    rule = "gemspec" if name.endswith(".gemspec") else name
    reader = _READERS.get(rule)
    if reader is None or len(text) > MAX_BYTES or _too_deep(text):
        return []
    try:
        expression = reader(text.decode("utf-8", "replace"))
    except _UNREADABLE:
        return []
    if expression is None:
        return []
    kind = "reference" if expression == SEE_FILE else "manifest"
    return [Match(kind, expression, rule, *_span(text))]


def _span(text: bytes) -> tuple[int, int]:
    """The line that first speaks of a licence; the whole text if none does."""
    hit = re.search(rb"licen[cs]e[^\r\n]{0,1000}", text, re.IGNORECASE)
    if hit is None:
        return 0, len(text)
    return max(text.rfind(b"\n", 0, hit.start()) + 1, hit.start() - 200), hit.end()


def _too_deep(text: bytes) -> bool:
    """More nesting than MAX_NESTING, counted without regard to strings: cheap, and deep enough for people."""
    depth = 0
    for bracket in re.finditer(rb"[\[{\]}]", text):
        depth = depth + 1 if bracket[0] in b"[{" else max(0, depth - 1)
        if depth > MAX_NESTING:
            return True
    return False


def _package_json(text: str) -> str | None:
    package = json.loads(text)
    if not isinstance(package, dict):
        return None
    values = package.get("license", package.get("licence", package.get("licenses")))
    return expressions.disjunction(_npm_value(one) for one in _listed(values))


def _npm_value(value: Any) -> str | None:
    if isinstance(value, dict):
        value = value.get("type") or value.get("name")
    if not isinstance(value, str):
        return None
    if re.match(r"\s*see licen[cs]e in\b", value, re.IGNORECASE):
        return SEE_FILE
    # npm: UNLICENSED grants nobody anything; it is not the Unlicense.
    return "LicenseRef-proprietary" if value.strip() == "UNLICENSED" else statements.interpret(value)


def _composer_json(text: str) -> str | None:
    package = json.loads(text)
    if not isinstance(package, dict):
        return None
    return expressions.disjunction(_interpret(one) for one in _listed(package.get("license")))


def _cargo_toml(text: str) -> str | None:
    manifest = tomllib.loads(text)
    package = _table(manifest, "package") or _table(_table(manifest, "workspace"), "package")
    stated = _interpret(package.get("license"))
    return stated or (SEE_FILE if isinstance(package.get("license-file"), str) else None)


def _pyproject_toml(text: str) -> str | None:
    manifest = tomllib.loads(text)
    project = _table(manifest, "project") or _table(_table(manifest, "tool"), "poetry")
    value = project.get("license")
    see_file = isinstance(value, dict) and "file" in value
    if isinstance(value, dict):
        value = value.get("text")
    return _python(value, _strings(project.get("classifiers"))) or (SEE_FILE if see_file else None)


def _setup_cfg(text: str) -> str | None:
    parser = configparser.RawConfigParser(strict=False)
    parser.read_string(text)
    if not parser.has_section("metadata"):
        return None
    metadata = dict(parser.items("metadata"))
    lines = metadata.get("classifiers", metadata.get("classifier", "")).splitlines()
    return _python(metadata.get("license"), lines)


def _setup_py(text: str) -> str | None:
    value = re.search(r"""\blicen[cs]e\s{0,9}=\s{0,9}(['"])([^'"\r\n]{1,200})\1""", text)
    lines = re.findall(r"""['"](License :: [^'"\r\n]{1,200})['"]""", text)[:MAX_STATEMENTS]
    return _python(value[2] if value else None, lines)


def _pkg_info(text: str) -> str | None:
    """PKG-INFO and METADATA: the fields before the first empty line; those that go on below are texts."""
    head = re.split(r"\r?\n\r?\n", text, maxsplit=1)[0]
    if not head.startswith("Metadata-Version:"):
        return None
    fields = re.findall(
        r"^(License-Expression|License|Classifier):[ \t]*(.*)$(?!\r?\n[ \t])", head, re.MULTILINE
    )
    stated = [value for name, value in fields if name == "License-Expression"]
    if stated:
        return _interpret(stated[0])
    value = next((value for name, value in fields if name == "License"), None)
    return _python(value, [value for name, value in fields if name == "Classifier"])


def _python(value: Any, classifiers: list[str]) -> str | None:
    """Python's two places: the field, and the classifiers; a vague field gives way to the classifiers."""
    classified = statements.classifiers(classifiers[:1024])
    # The field may hold the licence's whole text.
    field = _interpret(value.strip()) if isinstance(value, str) and value.count("\n") < 3 else None
    if field is None or classified is None or field == classified:
        return field or classified
    if statements.is_vague(classified) or not statements.is_understood(classified):
        return field
    if statements.is_vague(field) or not statements.is_understood(field):
        return classified
    return agreement.reconcile(field, classified)


def _gemspec(text: str) -> str | None:
    values: list[str] = []
    for match in re.finditer(r"\.licenses?\s{0,9}=\s{0,9}([^\r\n]{1,400})", text):
        values.extend(re.findall(r"""['"]([^'"]{1,200})['"]""", match[1]))
        for words in re.findall(r"\A%[wW][\[({]([^\])}]{1,200})", match[1]):
            values.extend(words.split())
    return expressions.conjunction(_interpret(value) for value in values[:MAX_STATEMENTS])


def _description(text: str) -> str | None:
    """R: alternatives by a bar, ``+ file LICENSE`` for the copyright line or more terms, versions by >=."""
    field = re.search(r"^License:[ \t]*(.{1,400})$", text, re.MULTILINE)
    if field is None or not re.search(r"^Package:", text, re.MULTILINE):
        return None
    choices = []
    for choice in field[1].split("|"):
        stated, _, _ = choice.partition("+ file")
        stated = stated.strip().replace("_", "-").replace("==", "")
        choices.append(SEE_FILE if stated.startswith("file ") else _interpret(stated))
    return expressions.disjunction(choices)


def _pom_xml(text: str) -> str | None:
    """Maven: a list means that the user may choose."""
    text = re.sub(r"<!--.*?(?:-->|\Z)", "", text, flags=re.DOTALL)
    _, _, rest = text.partition("<licenses>")
    block, closed, _ = rest.partition("</licenses>")
    if not closed:
        return None
    names = re.findall(r"<name>([^<]{1,200})</name>", block)
    return expressions.disjunction(_interpret(name) for name in names[:MAX_STATEMENTS])


def _interpret(value: Any) -> str | None:
    return statements.interpret(value) if isinstance(value, str) else None


def _listed(value: Any) -> list[Any]:
    return value[:MAX_STATEMENTS] if isinstance(value, list) else [value]


def _strings(value: Any) -> list[str]:
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _table(value: dict[str, Any], key: str) -> dict[str, Any]:
    inner = value.get(key)
    return inner if isinstance(inner, dict) else {}


_READERS: dict[str, Callable[[str], str | None]] = {
    "package.json": _package_json,
    "composer.json": _composer_json,
    "Cargo.toml": _cargo_toml,
    "pyproject.toml": _pyproject_toml,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
    "PKG-INFO": _pkg_info,
    "METADATA": _pkg_info,
    "gemspec": _gemspec,
    "DESCRIPTION": _description,
    "pom.xml": _pom_xml,
}
