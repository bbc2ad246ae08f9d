"""How likely a value that belongs to the name of a secret is the secret itself: a logistic model of a few features.

``scripts/train_secret_model.py`` makes the weights and the table of pairs of letters, and says of what data. The score is
a chance: of findings with 0.8, four of five are to be real where they are as common as in the data.
"""

from __future__ import annotations

import json
import math
import re
from functools import lru_cache
from importlib import resources
from typing import Literal, NamedTuple, get_args

from gristmill.annotate.findings import validators
from gristmill.annotate.findings.names import Name
from gristmill.annotate.findings.rule import PASSWORD

Context = Literal[
    "quoted", "line", "inline", "element", "argument", "compared", "paired", "option", "query", "prose"
]
CONTEXTS: tuple[Context, ...] = get_args(Context)

_SEGMENTS = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+|[0-9]+|[^A-Za-z0-9]+")
_HEX = re.compile(rb"(?:0x)?[0-9a-fA-F]+\Z")
_DIGEST_SIZES = frozenset((32, 40, 56, 64, 96, 128))
_NUMBER = re.compile(rb"[-+]?(?:0[xX][0-9a-fA-F]{1,16}|[\d.,_:/TZ+-]+)[a-zA-Z%]{0,3}\Z")
_PATH = re.compile(
    rb"(?:[A-Za-z]:)?(?:\.{0,2}[/\\])|[\w.-]+(?:/[\w.-]+){2,}/?\Z|[\w-]+\.(?:[a-z]{2,4}|json|html|java|class|properties)\Z|[a-z]+://",
    re.A,
)
_RUN = re.compile(rb"((.)\2+)", re.DOTALL)
_CHANGE = re.compile(rb"(?<=[a-z])[A-Z]|(?<=[A-Z])[a-z]")
_TABLE_LETTERS = 28
_CODES = bytes(
    (byte | 0x20) - 97 if 97 <= byte | 0x20 <= 122 else 26 if 48 <= byte <= 57 else 27 for byte in range(256)
)

FEATURES = (
    "one", "length", "short", "long", "entropy", "hex", "digest", "digits", "case_changes", "kind_changes", "symbols",
    "spaces", "letters_only", "digits_only", "natural", "longest_word", "placeholder", "segment", "template", "lookup",
    "sequence", "number", "path", "uuid", "wordy", "not_ascii", "password", "weak", "run", "behind_listed", "behind_other",
    "random_key", "random_password", "natural_key", *(f"in_{one}" for one in CONTEXTS),
)  # fmt: skip


class Model(NamedTuple):
    """Weights in the order of ``FEATURES``; ``pairs``: how much more often than by chance a letter follows another, as a
    logarithm to the base 2, row by row for letters, digits (27th) and anything else (28th)."""

    weights: tuple[float, ...]
    pairs: tuple[float, ...]


@lru_cache(maxsize=1)
def builtin() -> Model:
    """The model that the package ships."""
    file = resources.files("gristmill.annotate.findings").joinpath("data/likelihood.json")
    data = json.loads(file.read_text("utf-8"))
    return Model(tuple(data["weights"][name] for name in FEATURES), tuple(data["pairs"]))


@lru_cache(maxsize=4096)
def of(value: bytes, name: Name, context: Context, model: Model | None = None) -> float:
    """The chance that a value is a secret, 0 to 1, rounded to three digits so that it is the same everywhere.

    Args:
        value: what belongs to the name, 4 to 512 bytes.
        name: what the name says.
        context: how the value stands there.
        model: another than the one that the package ships.
    """
    chosen = model or builtin()
    found = features(value, name, context, chosen.pairs)
    total = sum(weight * one for weight, one in zip(chosen.weights, found, strict=True))
    return round(1 / (1 + math.exp(-max(-30.0, min(30.0, total)))), 3)


def features(value: bytes, name: Name, context: Context, pairs: tuple[float, ...]) -> list[float]:
    """The features of a value, in the order of ``FEATURES``."""
    size = len(value)
    parts = _SEGMENTS.findall(value)
    letters, digits, longest = _counts(parts)
    alphabet = (
        10 * bool(digits)
        + 26 * (value.lower() != value)
        + 26 * (value.upper() != value)
        + 16 * (letters + digits < size)
    )
    richness = validators.entropy(value) / math.log2(max(2, min(size, alphabet)))
    natural = naturalness(value, pairs)
    password = name.kind == PASSWORD
    changes = len(_CHANGE.findall(value))
    hexadecimal = _HEX.match(value) is not None and bool(digits)
    uuid = validators.is_uuid(value)
    wordy = validators.is_wordy(value)
    random = richness > 0.85 and bool(digits) and bool(letters) and natural < 0.3
    return [
        1.0,
        math.log2(size) - 4,
        float(size < 8),
        float(size > 100),
        richness,
        float(hexadecimal),
        float(hexadecimal and size in _DIGEST_SIZES),
        digits / size,
        changes / size,
        (len(parts) - 1) / size,
        (size - letters - digits) / size,
        float(b" " in value),
        float(letters == size),
        float(digits == size),
        natural,
        longest / size,
        min(1.0, 2 * validators.placeholder_share(value)),
        float(validators.has_placeholder_segment(value)),
        float(validators.is_template(value)),
        float(validators.is_lookup(value)),
        float(validators.is_sequence(value)),
        float(_NUMBER.match(value) is not None),
        float(_PATH.match(value) is not None),
        float(uuid),
        float(wordy),
        float(not value.isascii()),
        float(password),
        float(name.weak),
        _longest_run(value) / size,
        float(name.behind == 1),
        float(name.behind == 2),
        float(random and not password),
        float(random and password),
        0.0 if password else natural,
        *(float(one == context) for one in CONTEXTS),
    ]


def naturalness(value: bytes, pairs: tuple[float, ...]) -> float:
    """How much more than a random one a text is like words: the mean of its pairs of letters, digits and signs, in bits."""
    if len(value) < 2 or not pairs:
        return 0.0
    codes = value.translate(_CODES)
    total, before = 0.0, codes[0]
    for code in codes[1:]:
        total += pairs[before * _TABLE_LETTERS + code]
        before = code
    return total / (len(codes) - 1)


def _counts(parts: list[bytes]) -> tuple[int, int, int]:
    """Letters, digits, and the length of the longest part of letters."""
    letters = digits = longest = 0
    for part in parts:
        if part.isalpha():
            letters += len(part)
            longest = max(longest, len(part))
        elif part.isdigit():
            digits += len(part)
    return letters, digits, longest


def _longest_run(value: bytes) -> int:
    """How often one byte stands in a row, at most."""
    return max([1, *(len(run) for run, _ in _RUN.findall(value))])
