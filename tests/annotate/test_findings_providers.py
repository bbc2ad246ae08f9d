"""The whole table of providers: values are made from each rule's own form, so none is written down here."""

from __future__ import annotations

import cProfile
import functools
import pstats
import random
import re
import zlib
from re import _parser  # type: ignore[attr-defined]

import pyarrow as pa
import pytest

from gristmill.annotate.findings import patterns, providers
from gristmill.annotate.findings.rule import Rule

_RULES = {rule.name: rule for rule in providers.RULES if rule.name != "telegram-bot-token"}
_RULES |= {
    f"telegram-{i}": rule for i, rule in enumerate(providers.RULES) if rule.name == "telegram-bot-token"
}
# The words that rules may need near a value.
_NEAR = "# twilio mandrill mollie lob notion launchdarkly deepseek discord\n"
_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BECH32 = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class Maker:
    """Makes texts that a form matches: of the fewest bytes, or of a few more."""

    def __init__(self, choose: random.Random, *, shortest: bool = True, flat: bool = False) -> None:
        self.choose, self.shortest, self.flat = choose, shortest, flat
        self.span = (0, 0)

    def make(self, form: bytes) -> bytes:
        parsed = _parser.parse(form)
        self.group = parsed.state.groupdict["value"]
        out = bytearray()
        self._add(parsed, out)
        return bytes(out)

    def _add(self, items: object, out: bytearray) -> None:
        for kind, what in items:  # type: ignore[attr-defined]
            name = str(kind)
            if name == "LITERAL":
                out.append(what)
            elif name == "IN":
                letters = [b for b in range(32, 127) if re.fullmatch(_class(what), bytes([b]))]
                out.append(letters[0] if self.flat else self.choose.choice(letters))
            elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
                low, high, body = what
                high = low if self.shortest else min(int(high), low + 4)
                for _ in range(self.choose.randint(low, high)):
                    self._add(body, out)
            elif name == "SUBPATTERN":
                start = len(out)
                self._add(what[3], out)
                if what[0] == self.group:
                    self.span = (start, len(out))
            elif name == "BRANCH":
                made = [bytearray() for _ in what[1]]
                if any(str(k) in ("ASSERT", "ASSERT_NOT") for branch in what[1] for k, _ in branch):
                    continue
                for branch, text in zip(what[1], made, strict=True):
                    self._add(branch, text)
                out += min(made, key=len) if self.shortest else self.choose.choice(made)
            elif name not in ("ASSERT", "ASSERT_NOT", "AT"):
                raise NotImplementedError(name)


def _class(items: object) -> bytes:
    parts = b""
    for kind, what in items:  # type: ignore[attr-defined]
        name = str(kind)
        if name == "RANGE":
            parts += re.escape(bytes([what[0]])) + b"-" + re.escape(bytes([what[1]]))
        elif name == "CATEGORY":
            parts += {"CATEGORY_WORD": rb"\w", "CATEGORY_DIGIT": rb"\d", "CATEGORY_SPACE": rb"\s"}[str(what)]
        elif name == "NEGATE":
            parts += b"^"
        else:
            parts += re.escape(bytes([what]))
    return b"[" + parts + b"]"


def _bech32_check(prefix: bytes, data: list[int]) -> list[int]:
    rest = 1
    for five in [b >> 5 for b in prefix] + [0] + [b & 31 for b in prefix] + data + [0] * 6:
        top, rest = rest >> 25, (rest & 0x1FFFFFF) << 5 ^ five
        for bit, term in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            rest ^= term if top >> bit & 1 else 0
    return [(rest ^ 1) >> 5 * (5 - i) & 31 for i in range(6)]


def _sealed(name: str, value: bytes) -> bytes:
    """The value with the checksum that its provider defines."""
    if name.startswith("github-") and name != "github-fine-grained-token":
        number, digits = zlib.crc32(value[4:-6]), bytearray()
        for _ in range(6):
            number, digit = divmod(number, 62)
            digits.insert(0, _BASE62[digit])
        return value[:-6] + bytes(digits)
    if name == "grafana-service-token":
        return value[:-8] + zlib.crc32(value[:-9]).to_bytes(4, "little").hex().encode()
    if name == "age-secret-key":
        prefix, data = value.lower().split(b"1", 1)
        fives = [_BECH32.index(byte) for byte in data[:-6]]
        return value[:-6] + bytes(_BECH32[n] for n in _bech32_check(prefix, fives)).upper()
    return value


def made(name: str, seed: int = 0, *, shortest: bool = True, flat: bool = False) -> tuple[bytes, int, int]:
    """A text that holds a value of a rule's form, and the span of the value."""
    maker = Maker(random.Random(f"{name}{seed}"), shortest=shortest, flat=flat)
    text = maker.make(_RULES[name].form)
    start, end = maker.span
    if not flat:
        text = text[:start] + _sealed(name, text[start:end]) + text[end:]
    return _NEAR.encode() + text, start + len(_NEAR), end + len(_NEAR)


def found(text: bytes) -> list[tuple[str, int, int]]:
    hits = patterns.find(pa.array([text], pa.binary()))
    assert all(hit.type == "key" and hit.score >= 0.5 for _, hit in hits if hit.rule in _SPECIFIC)
    return [(hit.rule, hit.start, hit.end) for _, hit in hits]


_SPECIFIC = {rule.name for rule in providers.RULES}


def by(rule: Rule, text: bytes) -> list[tuple[str, int, int]]:
    return [hit for hit in found(text) if hit[0] == rule.name]


@pytest.mark.parametrize("name", _RULES)
@pytest.mark.parametrize("shortest", [True, False])
def test_each_rule_finds_values_of_its_form_and_no_other_does(name: str, shortest: bool) -> None:
    for seed in range(4):
        text, start, end = made(name, seed, shortest=shortest)
        for framed in (text, text + b"\n", text + b'"', b"\xc3\xa9 \n" * 3 + text + b" x"):
            shift = framed.index(text)
            assert (_RULES[name].name, start + shift, end + shift) in found(framed), seed
        others = {hit[0] for hit in found(text) if hit[1] < end and hit[2] > start and hit[0] in _SPECIFIC}
        assert others == {_RULES[name].name}


@pytest.mark.parametrize("name", _RULES)
def test_many_values_in_one_text_are_all_found(name: str) -> None:
    # From 32 anchors on, those without the prefix are dropped before a rule looks.
    texts = [made(name, seed, shortest=False)[0] for seed in range(40)]
    alone = sum(len(by(_RULES[name], text)) for text in texts)
    assert len(by(_RULES[name], b"\n".join(texts))) == alone >= 36


@pytest.mark.parametrize("name", _RULES)
def test_a_value_that_is_too_short_or_of_another_alphabet_is_none(name: str) -> None:
    text, start, end = made(name)
    assert by(_RULES[name], text) != []
    assert by(_RULES[name], text[: end - 1] + text[end:]) == []
    # Telegram's numbers differ in length: the rest of a longer one is a shorter one.
    for at in (start, (start + end) // 2, end - 1)[name.startswith("telegram") :]:
        assert by(_RULES[name], text[:at] + b"\xc3\xa9" + text[at + 1 :]) == [], at


@pytest.mark.parametrize("name", _RULES)
def test_a_value_of_one_letter_over_and_over_is_none(name: str) -> None:
    assert by(_RULES[name], made(name, flat=True)[0]) == []


@pytest.mark.parametrize("name", _RULES)
@pytest.mark.parametrize("word", [b"EXAMPLE", b"xxxxxxx", b"0000000", b"1234567", b"abcdefg"])
def test_a_value_that_says_that_it_is_an_example_is_none(name: str, word: bytes) -> None:
    text, _, end = made(name)
    for cut in (1, 2, 3, 5, 8, 11):  # in front of what closes the form: '==', a number, a checksum
        changed = text[: end - cut - len(word)] + word + text[end - cut :]
        assert by(_RULES[name], changed) == [], cut


@pytest.mark.parametrize(
    "name", ["github-token", "github-app-token", "grafana-service-token", "age-secret-key"]
)
def test_a_wrong_checksum_is_none(name: str) -> None:
    text, _, end = made(name)
    for at in (end - 1, end - 12):
        swapped = next(b for b in b"Z9QAa2" if b != text[at] and re.fullmatch(rb"\w", bytes([b])))
        changed = text[:at] + bytes([swapped]) + text[at + 1 :]
        assert by(_RULES[name], changed) == []


@pytest.mark.parametrize(
    "name",
    [
        "twilio-key",
        "deepseek-key",
        "mandrill-key",
        "mollie-key",
        "lob-key",
        "notion-secret",
        "discord-webhook",
    ],
)
def test_a_form_that_is_not_telling_needs_its_word_near(name: str) -> None:
    text, start, end = made(name)
    assert by(_RULES[name], text[start:end]) == []
    assert by(_RULES[name], text[:start] + b" " * 300 + text[start:end]) == []


def _calls(text: bytes) -> int:
    profile = cProfile.Profile()
    profile.runcall(patterns.find, pa.array([text], pa.binary()))
    return pstats.Stats(profile).total_calls  # type: ignore[attr-defined, no-any-return]


@functools.cache
def _unit(name: str, cut: int) -> bytes:
    text, start, end = made(name)
    body = text[len(_NEAR) : start + max(4, (end - start) // cut)]
    return body + b" "


@pytest.mark.parametrize("cut", [1, 2, 8])
@pytest.mark.timeout(120)
def test_beginnings_over_and_over_cost_in_proportion_to_their_length(cut: int) -> None:
    for name in _RULES:
        unit = _unit(name, cut)
        half = unit * (4_000 // len(unit))
        assert _calls(half + half) < 2.5 * _calls(half) + 1000, name
    everything = b"".join(_unit(name, cut) for name in _RULES)
    assert len(found(everything * 20)) < len(everything) * 20
