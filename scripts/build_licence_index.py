"""Build the index of licence texts and rules that ``gristmill.annotate.licences`` maps into memory.

Usage, with the clients' own registry configuration::

    npm pack spdx-license-list@6.12.0
    pip download --no-deps scancode-toolkit-mini==32.5.0
    python scripts/build_licence_index.py spdx-license-list-6.12.0.tgz scancode_toolkit_mini-32.5.0-*.whl

The packages are read as archives and must have the digests below; nothing in them is run. The same packages
give the same bytes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from gristmill.annotate.licences import index
from gristmill.annotate.licences.grams import Grams
from gristmill.annotate.licences.tokens import Hashes, tokenise
from gristmill.spdx import expressions

DIGESTS = {
    "spdx-license-list 6.12.0": "54cc8d13086187333ca1457c8edaa06d9a412144f076aa7f7c1b59c4f3b0a1ef",
    "scancode-toolkit-mini 32.5.0": "7ae5e7b46b8cdbab78afb50380ffc1239d296e81e154314a8c3382e678c664cf",
}
SOURCES = {
    "spdx-license-list 6.12.0": "CC0-1.0, licence texts of SPDX 3.28",
    "scancode-toolkit-mini 32.5.0": "CC-BY-4.0, nexB Inc. and others: ScanCode licence rules and texts",
}
OUTPUT = Path(index.__file__).parent / index.NAME

# Texts and notices of fewer words change their meaning with a word or two: they are found as they are only.
MIN_SIMILAR_WORDS = 24
# Rules that ScanCode holds less certain than this say little.
MIN_SIMILAR_RELEVANCE = 90
# The texts of the GNU licences are longer, notices shorter.
_LONG_TEXT = 6000
# A list of licences, not one licence.
MAX_IDS = 12
_FLAGS = {
    "is_license_text": index.TEXT,
    "is_license_notice": index.NOTICE,
    "is_license_reference": index.REFERENCE,
    "is_license_tag": index.TAG,
    "is_license_intro": index.INTRO,
    "is_license_clue": index.CLUE,
    "is_false_positive": index.FALSE_POSITIVE,
}
# Of rules with the same words the first of these kinds stays.
_RANK = {
    kind: rank
    for rank, kind in enumerate(
        (
            index.TEXT,
            index.FALSE_POSITIVE,
            index.NOTICE,
            index.POINTER,
            index.TAG,
            index.REFERENCE,
            index.CLUE,
            index.INTRO,
        )
    )
}
_FIELD = re.compile(r"^(\w+):(?: +(.*))?$")


class Vague(NamedTuple):
    """The name of a family, which ScanCode takes for one licence of it, and what makes the name precise.

    Links are precise: who made the rule looked where they lead.
    """

    family: str
    name: re.Pattern[str]
    precise: re.Pattern[str]


def _vague(family: str, name: str, precise: str = "[0-9]") -> Vague:
    return Vague(family, re.compile(name, re.IGNORECASE), re.compile(f"://|www[.]|{precise}", re.IGNORECASE))


_VAGUE = {
    "BSD-3-Clause": _vague(
        "LicenseRef-bsd-unspecified", r"\bbsd\b", "3|three|new|revised|modified|redistribut|endorse"
    ),
    "Apache-2.0": _vague("LicenseRef-apache-unspecified", r"\bapache\b.*licen[cs]e|licen[cs]e.*\bapache\b"),
    "MPL-1.0": _vague("LicenseRef-mpl-unspecified", r"\bmpl\b|mozilla"),
    "EPL-1.0": _vague("LicenseRef-epl-unspecified", r"\bepl\b|eclipse"),
    "CDDL-1.0": _vague("LicenseRef-cddl-unspecified", r"\bcddl\b|common development"),
    "AGPL-3.0-only": _vague("LicenseRef-agpl-unspecified", r"\bagpl\b|affero"),
    "AGPL-3.0-or-later": _vague("LicenseRef-agpl-unspecified", r"\bagpl\b|affero"),
}
# Statements that only point to a file, by what they say of it.
_POINTERS = {vague.family: vague.family for vague in _VAGUE.values()} | {
    "LicenseRef-scancode-unknown-license-reference": "LicenseRef-see-file",
    "LicenseRef-scancode-see-license": "LicenseRef-see-file",
}


class Rule(NamedTuple):
    """``exact``: found only as it stands, not when it is edited."""

    name: str
    expression: str
    kind: int
    relevance: int
    text: bytes
    exact: bool = False


def scancode_rules(wheel: zipfile.ZipFile) -> Iterator[Rule]:
    """Licences first, then rules, in order of their names; what is deprecated is left out."""
    names = sorted(wheel.namelist())
    ids: dict[str, str] = {}
    licences: list[Rule] = []
    for name in names:
        if not re.fullmatch(r"licensedcode/data/licenses/[^/]+\.LICENSE", name):
            continue
        fields, text = _parted(wheel.read(name).decode())
        spdx = fields.get("spdx_license_key") or f"LicenseRef-scancode-{fields['key']}"
        ids[fields["key"]] = spdx
        if "is_deprecated" not in fields and text.strip():
            licences.append(Rule(_name(name), spdx, index.TEXT, 100, text.encode()))
    yield from licences
    for name in names:
        if not re.fullmatch(r"licensedcode/data/rules/[^/]+\.RULE", name):
            continue
        fields, text = _parted(wheel.read(name).decode())
        kind = next((code for flag, code in _FLAGS.items() if fields.get(flag) == "yes"), None)
        if "is_deprecated" in fields or kind is None or not text.strip():
            continue
        expression = _expression(fields.get("license_expression", ""), ids)
        if expression is None and kind != index.FALSE_POSITIVE:
            continue
        relevance = int(fields.get("relevance") or 100)
        exact = fields.get("is_continuous") == "yes" or fields.get("minimum_coverage") == "100"
        if kind == index.TEXT:
            expression = _of_text(expression or "", text)
        elif expression in _VAGUE:
            vague = _VAGUE[expression]
            if vague.name.search(text) and not vague.precise.search(text):
                expression = vague.family
        if expression in _POINTERS and kind != index.FALSE_POSITIVE and "referenced_filenames" in fields:
            kind, expression = index.POINTER, _POINTERS[expression]
        yield Rule(_name(name), expression or "", kind, relevance, text.encode(), exact)


def _of_text(expression: str, text: str) -> str:
    """SPDX's id of a text where ScanCode's differs.

    The text of a GNU licence leaves open whether later versions may be used: what says so is the notice that
    it ends with as an example. Python's licence since 2.0.1 holds CNRI's for 1.6.1, and is an id of its own.
    """
    if re.fullmatch(r"(?:A|L)?GPL-\d\.\d-or-later", expression) and len(text) > _LONG_TEXT:
        return expression.replace("-or-later", "-only")
    return "Python-2.0.1" if expression == "Python-2.0" and "1.6.1" in text else expression


def spdx_texts(package: tarfile.TarFile) -> Iterator[Rule]:
    """The texts of the SPDX list, deprecated ids last."""
    found: list[tuple[bool, Rule]] = []
    for member in package:
        match = re.fullmatch(r"package/licenses/(.+)\.json", member.name)
        file = package.extractfile(member) if match else None
        if match is None or file is None:
            continue
        identifier = match[1]
        expression = expressions.normalise(identifier)
        text = json.loads(file.read())["licenseText"]
        if expression is not None:
            deprecated = expression != identifier
            stated = _of_text(expression, text)
            found.append((deprecated, Rule(f"spdx/{identifier}", stated, index.TEXT, 100, text.encode())))
    yield from (rule for _, rule in sorted(found))


def _name(path: str) -> str:
    """``scancode/mit_1`` for a rule, ``scancode/mit.LICENSE`` for a licence."""
    return "scancode/" + path.rpartition("/")[2].removesuffix(".RULE")


def _parted(file: str) -> tuple[dict[str, str], str]:
    """Top-level scalar fields of the front matter, and the text behind it."""
    file = file.replace("\r\n", "\n")
    match = re.match(r"---\n(.*?)\n---\s*?\n?(.*)\Z", file, re.DOTALL)
    if match is None:
        raise ValueError("a file without front matter")
    fields: dict[str, str] = {}
    last = ""
    for line in match[1].split("\n"):
        if field := _FIELD.match(line):
            last = field[1]
            fields[last] = (field[2] or "").strip("'\"")
        elif last and line.startswith("    "):
            fields[last] += " " + line.strip()
    return fields, match[2]


def _expression(text: str, ids: dict[str, str]) -> str | None:
    """ScanCode's keys as SPDX ids; None for what is empty or a list of too many."""
    words = re.findall(r"[()]|[^\s()]+", text)
    if not words or sum(word in ids for word in words) > MAX_IDS:
        return None
    spelled = " ".join(ids.get(word, word) for word in words)
    normal = expressions.normalise(spelled)
    if normal == expressions.UNKNOWN:
        raise ValueError(f"not an expression: {text!r}")
    return normal


class Tables:
    """The arrays of the index, from rules in order of preference."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        listed = list(rules)
        made = tokenise([rule.text for rule in listed])
        spans = list(zip(made.bounds[:-1].tolist(), made.bounds[1:].tolist(), strict=True))
        grams = Grams(made.words)
        chosen: dict[int, int] = {}
        for number, (start, end) in enumerate(spans):
            if start == end:
                continue
            whole = int(grams.at(np.array([start]), end - start)[0])
            other = chosen.setdefault(whole, number)
            if _RANK[listed[number].kind] < _RANK[listed[other].kind]:
                chosen[whole] = number
        keyed = []
        for whole, number in chosen.items():
            start, end = spans[number]
            size = min(end - start, index.KEY_WORDS)
            keyed.append((size, int(grams.at(np.array([start]), size)[0]), whole, number))
        keyed.sort()
        self.rules = [listed[number] for *_, number in keyed]
        self.words = [made.words[slice(*spans[number])] for *_, number in keyed]
        self.arrays: dict[str, npt.NDArray[np.generic]] = {}
        self.expressions = sorted({rule.expression for rule in self.rules})
        self._keys([(size, key) for size, key, *_ in keyed])
        self._rules([whole for *_, whole, _ in keyed])
        self._texts()

    def _keys(self, keys: list[tuple[int, int]]) -> None:
        firsts = [i for i, key in enumerate(keys) if i == 0 or key != keys[i - 1]]
        sizes = np.array([keys[i][0] for i in firsts])
        self.arrays["keys"] = np.array([keys[i][1] for i in firsts], np.uint64)
        self.arrays["key_bounds"] = np.searchsorted(sizes, np.arange(1, index.KEY_WORDS + 2)).astype(
            np.uint32
        )
        self.arrays["key_rules"] = np.array([*firsts, len(keys)], np.uint32)

    def _rules(self, hashes: list[int]) -> None:
        number = {expression: i for i, expression in enumerate(self.expressions)}
        names = [rule.name.encode() for rule in self.rules]
        self.arrays["rule_hash"] = np.array(hashes, np.uint64)
        self.arrays["rule_words"] = np.array([len(words) for words in self.words], np.uint32)
        self.arrays["rule_kind"] = np.array([rule.kind for rule in self.rules], np.uint8)
        self.arrays["rule_relevance"] = np.array([rule.relevance for rule in self.rules], np.uint8)
        self.arrays["rule_expression"] = np.array([number[rule.expression] for rule in self.rules], np.uint16)
        self.arrays["rule_names"] = np.frombuffer(b"".join(names), np.uint8)
        self.arrays["rule_name_bounds"] = _bounds(map(len, names))

    def _texts(self) -> None:
        chosen = [
            i
            for i, (rule, words) in enumerate(zip(self.rules, self.words, strict=True))
            if rule.kind in (index.TEXT, index.NOTICE)
            and not rule.exact
            and rule.relevance >= MIN_SIMILAR_RELEVANCE
            and len(words) >= MIN_SIMILAR_WORDS
        ]
        # Alike beside alike, so that the archive of the package can pack them.
        chosen.sort(key=lambda i: (self.rules[i].expression, self.rules[i].name))
        sequences = [self.words[i] for i in chosen]
        self.arrays["text_rule"] = np.array(chosen, np.uint32)
        self.arrays["text_words"] = np.concatenate(sequences).astype(np.uint16)
        self.arrays["text_bounds"] = _bounds(map(len, sequences))
        pairs = np.unique(np.concatenate([_postings(words, text) for text, words in enumerate(sequences)]))
        shingles, texts = (pairs >> np.uint64(32)).astype(np.uint32), pairs.astype(np.uint32)
        keys, firsts = np.unique(shingles, return_index=True)
        self.arrays["shingles"] = keys
        self.arrays["shingle_bounds"] = np.append(firsts, len(shingles)).astype(np.uint32)
        self.arrays["shingle_texts"] = texts.astype(np.uint16)


def _postings(words: Hashes, text: int) -> Hashes:
    kept = Grams(words).all(index.SHINGLE_WORDS)
    kept = kept[kept % np.uint64(index.SAMPLING) == 0]
    return (kept >> np.uint64(32) << np.uint64(32)) | np.uint64(text)


def _bounds(sizes: Iterable[int]) -> npt.NDArray[np.uint32]:
    return np.cumsum([0, *sizes]).astype(np.uint32)


def _verified(path: Path, source: str) -> Path:
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != DIGESTS[source]:
        raise SystemExit(f"{path}: SHA-256 is {digest}, not that of {source}")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("spdx", type=Path, help="spdx-license-list-6.12.0.tgz")
    parser.add_argument("scancode", type=Path, help="scancode_toolkit_mini-32.5.0-*.whl")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    spdx, scancode = SOURCES
    with (
        tarfile.open(_verified(arguments.spdx, spdx)) as package,
        zipfile.ZipFile(_verified(arguments.scancode, scancode)) as wheel,
    ):
        tables = Tables([*spdx_texts(package), *scancode_rules(wheel)])
    about = {
        "version": index.version(),
        "expressions": json.dumps(tables.expressions),
        "sources": json.dumps(SOURCES),
    }
    data = save(tables.arrays, about)
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_bytes(data)
    sys.stdout.write(
        f"{arguments.output}: {len(data):,} bytes, {len(tables.rules):,} rules,"
        f" {len(tables.arrays['text_rule']):,} texts, {len(tables.arrays['shingles']):,} shingles\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
