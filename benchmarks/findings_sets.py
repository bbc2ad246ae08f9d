"""Labelled cases for ``findings.py``: made by a seed from forms of our own, and read from what other tools test themselves with.

Nothing of those tools is in this repository: the sets are read from clones that the user has.
"""

from __future__ import annotations

import ast
import json
import random
import re
import string
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml


class Case(NamedTuple):
    """A text; whether it holds a secret, and which (empty: not known, any finding counts)."""

    source: str
    text: str
    secret: bool
    value: str = ""


# ---------------------------------------------------------------------------- what other tools test themselves with

_GO_TEXT = re.compile(r'`([^`]*)`|"((?:[^"\\\n]|\\.)*)"')
_GO_DRAWN = re.compile(
    r"(?:newPlausibleSecret|secrets\.NewSecret(?:WithEntropy)?)\((`[^`]*`|\"[^\"]*\"|utils\.\w+\([^)]*\)(?:\+[^,)]*)*)(?:, ?[\d.]+)?\)"
)
_GO_CLASS = {
    "Numeric": "0-9",
    "Hex": "a-f0-9",
    "AlphaNumeric": "a-z0-9",
    "AlphaNumericExtendedShort": "a-z0-9_-",
    "AlphaNumericExtended": "a-z0-9=_-",
    "AlphaNumericExtendedLong": "a-z0-9/=_+-",
}


def gitleaks(repository: Path, seed: int) -> Iterator[Case]:
    """True and false positives of gitleaks' rules (Go), with drawn secrets where theirs are drawn."""
    dice = random.Random(seed)
    for name in _files(repository, "cmd/generate/config/rules/", ".go"):
        code = _show(repository, name)
        if code is None:
            continue
        for part, secret in _go_lists(code):
            for match in re.finditer(r"GenerateSampleSecrets?\(\"([^\"]+)\", ?(.+)\)", part):
                value = _go_value(match[2].rstrip(")") + ")" if "(" in match[2] else match[2], dice)
                if value and secret:
                    for place, form in enumerate(ASSIGNED):
                        if place % 5 == dice.randrange(5):
                            yield Case("gitleaks", filled(form, match[1], "token", value), True, value)
            rest = re.sub(r"\w*utils\.GenerateSampleSecrets?\([^\n]*", "", part)
            for line in _go_items(rest):
                value = _go_value(line, dice)
                if value and len(value) > 6:
                    yield Case("gitleaks", value, secret)


def _go_lists(code: str) -> Iterator[tuple[str, bool]]:
    for match in re.finditer(
        r"\b(tps|fps)\s*:?=\s*(?:append\(\w+,)?(?:\[\]string\{)?(.*?)(?=\n\t(?:fps|tps|return)\b)", code, re.S
    ):
        body = "\n".join(line for line in match[2].splitlines() if not line.strip().startswith("//"))
        yield body, match[1] == "tps"


def _go_items(body: str) -> Iterator[str]:
    """Elements of a list of Go strings, each an expression."""
    item, depth, quote = "", 0, ""
    for letter in body:
        if quote:
            item += letter
            if letter == quote and not item.endswith('\\"'):
                quote = ""
            continue
        if letter in '`"':
            quote = letter
        depth += letter in "(["
        depth -= letter in ")]"
        if letter == "," and depth <= 0:
            yield item
            item = ""
        else:
            item += letter
    yield item


def _go_value(expression: str, dice: random.Random) -> str:
    """The text of an expression of Go strings and drawn secrets; empty if it is more than that."""
    text = ""
    rest = expression.strip()
    while rest:
        drawn = _GO_DRAWN.match(rest)
        quoted = _GO_TEXT.match(rest)
        if drawn:
            text += _go_drawn(drawn[1], dice)
            rest = rest[drawn.end() :]
        elif quoted:
            text += quoted[1] if quoted[1] is not None else _unescaped(quoted[2])
            rest = rest[quoted.end() :]
        elif rest[0] in "+ \n\t":
            rest = rest[1:]
        else:
            rest = re.sub(r"\A(?://[^\n]*|[)}\]\s]+)", "", rest)
            if rest and rest[0] not in '`"+' and not _GO_DRAWN.match(rest):
                return text if text and rest.startswith("//") else ""
    return text


def _unescaped(text: str) -> str:
    try:
        return str(ast.literal_eval(f'"{text}"'))
    except (SyntaxError, ValueError):
        return text


def _go_drawn(code: str, dice: random.Random) -> str:
    pattern = ""
    for match in re.finditer(r"utils\.(\w+)\(\"(\d+)(?:,(\d*))?\"\)|`([^`]*)`|\"([^\"]*)\"", code):
        if match[1]:
            pattern += f"[{_GO_CLASS.get(match[1], 'a-z0-9')}]{{{match[2]}}}"
        else:
            pattern += match[4] or match[5] or ""
    return drawn(pattern.replace("\\\\", "\\"), dice)


def drawn(pattern: str, dice: random.Random) -> str:
    """A text that a simple regular expression matches: classes, groups, alternatives, counts."""
    import re._parser as parser  # type: ignore[import-not-found,unused-ignore]

    try:
        tree = parser.parse(
            re.sub(r"\(\?-?[a-z]+\)|\(\?-i:", lambda m: "(?:" if m[0].endswith(":") else "", pattern)
        )
    except re.error:
        return ""
    return _draw(tree, dice)


def _draw(tree: Any, dice: random.Random) -> str:
    out = ""
    for kind, value in tree:
        name = str(kind)
        if name == "LITERAL":
            out += chr(value)
        elif name == "IN":
            out += _of_class(value, dice)
        elif name in ("MAX_REPEAT", "MIN_REPEAT"):
            low, high, inner = value
            count = dice.randint(low, min(high, low + 8))
            out += "".join(_draw(inner, dice) for _ in range(count))
        elif name == "SUBPATTERN":
            out += _draw(value[3], dice)
        elif name == "BRANCH":
            out += _draw(dice.choice(value[1]), dice)
        elif name == "ANY":
            out += dice.choice(string.ascii_letters)
    return out


def _of_class(parts: Any, dice: random.Random) -> str:
    letters = ""
    for kind, value in parts:
        name = str(kind)
        if name == "LITERAL":
            letters += chr(value)
        elif name == "RANGE":
            letters += "".join(map(chr, range(value[0], value[1] + 1)))
        elif name == "CATEGORY":
            letters += {"CATEGORY_DIGIT": string.digits}.get(str(value), string.ascii_letters + string.digits)
        elif name == "NEGATE":
            return dice.choice(string.ascii_letters)
    return dice.choice(letters or "x")


def kingfisher(repository: Path) -> Iterator[Case]:
    """Examples of kingfisher's rules (YAML)."""
    for name in _files(repository, "", ".yml"):
        if "/rules/" not in f"/{name}":
            continue
        try:
            rules = yaml.safe_load(_show(repository, name) or "").get("rules", [])
        except (yaml.YAMLError, AttributeError):
            continue
        for rule in rules:
            for key, secret in (("examples", True), ("negative_examples", False)):
                for text in rule.get(key) or ():
                    yield Case("kingfisher", str(text), secret)


def detect_secrets(repository: Path) -> Iterator[Case]:
    """Parametrised lines of detect-secrets' plugins with their verdicts (Python literals)."""
    for name in _files(repository, "tests/plugins/", "_test.py"):
        if "high_entropy" in name or "ip_public" in name:
            continue
        try:
            tree = ast.parse(_show(repository, name) or "")
        except SyntaxError:
            continue
        constants = {
            node.targets[0].id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Tuple) or len(node.elts) < 2:
                continue
            text = _python_text(node.elts[0], constants)
            verdict = node.elts[1]
            if text is None:
                continue
            if isinstance(verdict, ast.Constant) and (
                verdict.value is None or isinstance(verdict.value, bool)
            ):
                yield Case("detect-secrets", text, bool(verdict.value))
            elif isinstance(verdict, ast.Name) and verdict.id in constants:
                yield Case("detect-secrets", text, True, constants[verdict.id])


def _python_text(node: ast.expr, constants: dict[str, str]) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format":
        form = _python_text(node.func.value, constants)
        values = [_python_text(one, constants) for one in node.args]
        named = {one.arg: _python_text(one.value, constants) for one in node.keywords if one.arg}
        if form is not None and None not in [*values, *named.values()]:
            return form.format(*values, **named)
    if isinstance(node, ast.Name):
        return constants.get(node.id)
    return None


def credsweeper(repository: Path) -> Iterator[tuple[str, bytes, list[tuple[int, str]]]]:
    """CredSweeper's sample files: path, bytes, and (line from 1, value) of each finding that its own test expects."""
    expected: dict[str, list[tuple[int, str]]] = {}
    for one in json.loads(_show(repository, "tests/data/output.json") or "[]"):
        for line in one["line_data_list"]:
            expected.setdefault(line["path"].removeprefix("./"), []).append((line["line_num"], line["value"]))
    for path in _files(repository, "tests/samples/", ""):
        data = subprocess.run(
            ["git", "-C", repository, "show", f"HEAD:{path}"], capture_output=True, check=False
        ).stdout
        yield path, data, expected.get(path, [])


def _files(repository: Path, folder: str, ending: str) -> list[str]:
    told = subprocess.run(
        ["git", "-C", repository, "ls-tree", "-r", "--name-only", "HEAD", folder or "."],
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in told.stdout.splitlines() if name.endswith(ending)]


def _show(repository: Path, name: str) -> str | None:
    told = subprocess.run(["git", "-C", repository, "show", f"HEAD:{name}"], capture_output=True, check=False)
    return told.stdout.decode("utf-8", "replace") if told.returncode == 0 else None


# -------------------------------------------------------------------------------------------- forms of our own

ASSIGNED = (
    '{i}_{n} = "{s}"', "{i}_{n} = '{s}'", "{I}_{N}={s}", "export {I}_{N}={s}", '{i}{C}: "{s}",', '"{i}_{n}": "{s}",',
    "{i}_{n}: {s}", "  - name: {I}_{N}\n    value: {s}", 'const {i}{C} = "{s}";', "let {i}{C} = `{s}`;",
    'private static final String {I}_{N} = "{s}";', 'var {i}{C} string = "{s}"', '{i}{C} := "{s}"',
    '$this->{i}{C} = "{s}";', "define('{I}_{N}', '{s}');", "<{i}{C}>{s}</{i}{C}>", '<add key="{i}{C}" value="{s}" />',
    "{i}.{n}={s}", 'os.environ["{I}_{N}"] = "{s}"', 'System.setProperty("{i}.{n}", "{s}");', "--{i}-{n} {s}",
    "--{i}-{n}={s}", 'client.set{D}("{s}")', "https://api.host.io/v1?{i}_{n}={s}&page=2", "{I}_{N} ?= {s}",
    '"{I}_{N}" => "{s}",', "# {i} {n}: {s}", "The {i} {n} is {s} for staging.", 'if ({i}{C} == "{s}") {{',
    'os.getenv("{I}_{N}", "{s}")', "[{i}]\n{n} = {s}", "ENV {I}_{N} {s}", 'curl -H "X-{D}: {s}" https://api.host.io',
    "{{\"config.ini\": \"{I}_{N}={s}\\nDEBUG=1\"}}", "|{i} {n}|{s}|",
)  # fmt: skip


def filled(form: str, holder: str, name: str, value: str) -> str:
    """One of ``ASSIGNED`` with the name of a service, what the value is, and the value."""
    holder = re.sub(r"\W", "", holder) or "svc"
    camel = "".join(part.capitalize() for part in name.split("_"))
    return (
        form.replace("{{", "\0").replace("}}", "\1")
        .replace("{i}", holder.lower()).replace("{I}", holder.upper()).replace("{n}", name).replace("{N}", name.upper())
        .replace("{C}", camel).replace("{D}", holder.capitalize() + camel).replace("{s}", value)
        .replace("\0", "{").replace("\1", "}")
    )  # fmt: skip


HOLDERS = (
    "billing", "github", "airtable", "db", "mailer", "stripe", "acme", "cloud", "jenkins", "redis", "portal", "search",
)  # fmt: skip


def drawn_secret(dice: random.Random) -> str:
    """A value as machines issue them: hexadecimal, letters and digits, base 64, or with a prefix."""
    kind = dice.randrange(5)
    if kind == 0:
        return drawn("[0-9a-f]{" + str(dice.choice((24, 32, 40, 48, 64))) + "}", dice)
    if kind == 1:
        return drawn("[A-Za-z0-9]{" + str(dice.randint(16, 50)) + "}", dice)
    if kind == 2:
        return drawn("[A-Za-z0-9+/]{" + str(dice.choice((26, 38, 42))) + "}", dice) + "=="
    if kind == 3:
        return drawn("[a-z]{3}_[A-Za-z0-9]{" + str(dice.randint(18, 40)) + "}", dice)
    return drawn("[a-z0-9]{" + str(dice.randint(14, 36)) + "}", dice)


def drawn_password(words: Sequence[str], dice: random.Random) -> str:
    """A value as people choose them: words with digits and signs, or mixed letters."""
    word, other = dice.choice(words), dice.choice(words)
    kind = dice.randrange(4)
    if kind == 0:
        return word.capitalize() + str(dice.randint(10, 2030)) + dice.choice("!#$?*")
    if kind == 1:
        return word[:4] + dice.choice("#-_.!") + other.capitalize()[:5] + str(dice.randint(1, 99))
    if kind == 2:
        return drawn("[A-Za-z0-9!#%*?_-]{" + str(dice.randint(10, 20)) + "}", dice) + "7"
    return word[:3].capitalize() + other[:3] + drawn("[0-9]{2,4}[A-Z][a-z]", dice)
