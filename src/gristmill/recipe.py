"""The recipe: one strict, typed TOML file that says what goes in, what is asked of it, and what comes out.

Unknown and duplicate keys are errors that name the key and the nearest right one. The digest of the
canonical form is part of the release.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import tomllib
from importlib import resources
from pathlib import Path
from typing import Literal

import msgspec

from gristmill.errors import RecipeError
from gristmill.recipe_checks import check_values, refuse_unknown_keys


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename=None):
    """Base of the recipe's sections: immutable, every key known."""


class Collect(Section, frozen=True, kw_only=True):
    """Where software is taken from."""

    sources: tuple[str, ...]
    """source strings: git:, dir:, archive:, pypi:, npm:; SCHEME:@FILE reads one a line"""
    metadata: str | None = None
    """CSV or Parquet file with columns url, stars, forks, created_at, github_id, licence"""
    people: Literal["pseudonyms", "keep"] = "pseudonyms"
    """authors as keyed pseudonyms, or as written"""
    visit_date: dt.datetime | None = None
    """date of the visit as the release states it; unset: null, so that builds are reproducible"""
    max_content_bytes: int = 10_000_000
    """larger files are recorded and not read"""
    max_origin_bytes: int = 20_000_000_000
    """an origin that unpacks to more is refused"""
    max_entries: int = 5_000_000
    """an origin with more paths is refused"""
    timeout_seconds: float = 3600.0
    """time limit for one origin"""


class LabelSet(Section, frozen=True, kw_only=True):
    """Labels of your own, which a zero-shot model gives to texts."""

    name: str
    """what rules and the table labels call it"""
    labels: tuple[str, ...]
    model: str = "default"
    """folder, or id on the hub, of a model of natural language inference; unset: the one that comes with Gristmill"""
    revision: str | None = None
    """branch, tag or commit of the hub, or the digest that a folder must have"""
    multi_label: bool = True
    """each label on its own, or all of them share 1"""
    template: str | None = None
    """hypothesis with {} in the label's place; unset: the model's own"""
    texts: Literal["readme", "documentation", "prose", "heads"] = "readme"
    """which files are asked about; heads: all that are text"""
    max_characters: int = 2_000
    """characters of the beginning of a text that the model sees, at most"""
    engine: Literal["auto", "numpy", "openvino", "torch"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16", "int8", "int4"] = "auto"


class Annotate(Section, frozen=True, kw_only=True):
    """Which detectors run."""

    findings: tuple[Literal["patterns", "kingfisher"], ...] = ("patterns",)
    """detectors of secrets and personal data; kingfisher needs the extra [secrets]"""
    labels: tuple[LabelSet, ...] = ()
    """label sets"""


class Licences(Section, frozen=True, kw_only=True):
    """Which licences may be in."""

    allow: tuple[str, ...] = ("permissive",)
    """classes, blue-oak:RATING, category:NAME and SPDX expressions that may be in; The Stack v2 is permissive and none"""
    allow_expressions: tuple[str, ...] = ()
    """SPDX expressions that may be in whatever their class"""
    deny_expressions: tuple[str, ...] = ()
    """SPDX expressions that are kept out whatever their class"""
    propagation: Literal["nearest", "union"] = "nearest"
    """nearest licence-bearing directory overrides, or all ancestors add"""
    vendored: Literal["own", "inherit"] = "own"
    """what lies in vendor, third_party, node_modules and the like needs a licence of its own, or may inherit"""
    conflict: Literal["earliest", "majority", "any", "all"] = "earliest"
    """one content under several licences: decided by its earliest occurrence, by most, by any, or by all"""
    decisions: str | None = None
    """TOML file of what reviewers decided about licence texts that are not understood"""


class Languages(Section, frozen=True, kw_only=True):
    """Which languages and extensions may be in."""

    allow: tuple[str, ...] = ()
    """linguist names; empty allows all"""
    deny: tuple[str, ...] = ()
    """linguist names"""
    allow_unknown: bool = True
    """files whose language is not known"""
    deny_extensions: tuple[str, ...] = ()
    """extensions without the dot, lower case"""


class Quality(Section, frozen=True, kw_only=True):
    """Thresholds on the signals; the defaults are StarCoder2's (arXiv 2402.19173, section 2.1)."""

    max_lines: int = 100_000
    max_mean_line_length: float = 100.0
    max_line_length: int = 1_000
    long_line_languages: tuple[str, ...] = ("HTML", "JSON", "Markdown", "Roff", "Roff Manpage", "SMT", "TeX", "Text", "XML")  # fmt: skip
    """languages where only max_long_line_length applies"""
    max_long_line_length: int = 100_000
    min_alphabetic_fraction: float = 0.25
    alphanumeric_languages: tuple[str, ...] = ("Motorola 68K Assembly", "WebAssembly")
    """languages where the fraction counts digits too"""
    max_encoded_run: int = 1_024
    max_encoded_fraction: float = 0.5
    data_languages: tuple[str, ...] = ("Text", "JSON", "YAML", "Web Ontology Language", "Graphviz (DOT)")
    max_data_lines: int = 512
    min_html_visible_characters: int = 100
    min_html_visible_fraction: float = 0.2
    text_names: tuple[str, ...] = ("readme", "notes", "todo", "description", "cmakelists")
    """stems that a file of language Text must have, or hold one of text_name_parts"""
    text_name_parts: tuple[str, ...] = ("requirement",)
    autogenerated: Literal["drop", "keep"] = "drop"
    generated: Literal["drop", "keep"] = "drop"
    vendored: Literal["drop", "keep"] = "keep"
    tests: Literal["drop", "keep"] = "keep"
    documentation: Literal["drop", "keep"] = "keep"
    lfs_pointers: Literal["drop", "keep"] = "drop"
    symlinks: Literal["drop", "keep"] = "drop"
    min_bytes: int = 1
    max_bytes: int = 10_000_000


class Duplicates(Section, frozen=True, kw_only=True):
    """Exact and near duplicates."""

    exact: bool = True
    near: bool = True
    near_threshold: float = 0.7
    """a file is dropped if its exact Jaccard index of word 5-shingles to a kept file reaches this"""


class LabelRule(Section, frozen=True, kw_only=True):
    """What score of a label a file must have."""

    set: str
    """name of the label set"""
    label: str
    scope: Literal["file", "origin"] = "file"
    """the file's own text, or the text of its kind that stands nearest to the top of the file's origin"""
    above: float | None = None
    """kept where the score is above this"""
    below: float | None = None
    """kept where the score is below this"""
    unlabelled: Literal["keep", "drop"] = "keep"
    """files for which there is no score"""


class Policy(Section, frozen=True, kw_only=True):
    """What may be in the release."""

    history: Literal["head", "all"] = "head"
    """files of the revision asked for, or also what only the history holds"""
    opt_out: tuple[str, ...] = ()
    """account:NAME, repository:URL-or-OWNER/NAME, path:GLOB, content:SWHID; @FILE reads one a line"""
    licences: Licences = Licences()
    languages: Languages = Languages()
    quality: Quality = Quality()
    labels: tuple[LabelRule, ...] = ()
    """rules on the scores of label sets"""
    duplicates: Duplicates = Duplicates()


Sensitivity = Literal["low", "medium", "high"]
FindingType = Literal["key", "password", "card", "iban", "email", "phone", "ip_address", "name", "username"]


class Redact(Section, frozen=True, kw_only=True):
    """What is removed from the text of kept files."""

    enabled: bool = True
    sensitivity: Sensitivity = "medium"
    """which findings are replaced: ``low`` those that are nearly sure, ``high`` all that may be one"""
    types: dict[FindingType, Literal["low", "medium", "high", "off"]] = {}
    """other sensitivities by type of finding; ``off`` leaves the type in place"""


class ReleaseSection(Section, frozen=True, kw_only=True):
    """What is published."""

    name: str
    version: str = "1.0.0"
    seed: int = 0
    """seed of the shuffle"""
    shard_bytes: int = 256_000_000
    """text a shard aims at, before compression"""
    redact: Redact = Redact()
    contact: str | None = None
    """where to ask for removal; printed on the card"""
    description: str | None = None


class Recipe(Section, frozen=True, kw_only=True):
    """A whole recipe."""

    release: ReleaseSection
    collect: Collect
    annotate: Annotate = Annotate()
    policy: Policy = Policy()

    def canonical(self) -> str:
        """The recipe as canonical JSON, defaults filled in."""
        return msgspec.json.encode(self, order="sorted").decode()

    def digest(self) -> str:
        """SHA-256 of the canonical form."""
        return hashlib.sha256(self.canonical().encode()).hexdigest()


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe file. Raises RecipeError naming the file, the key and the mend."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RecipeError(f"{path}: no such recipe; write one with: gristmill init {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read: {error}") from error
    return parse_recipe(text, str(path))


def parse_recipe(text: str, name: str = "recipe") -> Recipe:
    """Check the text of a recipe; ``name`` stands in the messages."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{name}: not valid TOML: {error}") from error
    refuse_unknown_keys(values, Recipe, name)
    try:
        recipe = msgspec.convert(values, Recipe)
    except msgspec.ValidationError as error:
        raise RecipeError(f"{name}: {_plain(str(error))}") from error
    check_values(recipe, name)
    return recipe


def _plain(message: str) -> str:
    """msgspec's message with the key's path in front, as the user wrote it."""
    text, _, path = message.rpartition(" - at `$")
    return f"{path.rstrip('`').lstrip('.')}: {text}" if text else message


def recipe_template() -> str:
    """The commented recipe that ``gristmill init`` writes: every key with its default."""
    return (resources.files("gristmill") / "recipe_template.toml").read_text(encoding="utf-8")
