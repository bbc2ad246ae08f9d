"""Hypothesis templates: one place for the label each, found by any tag of the language, near matches named."""

from __future__ import annotations

import string
import unicodedata

import pytest

from gristmill.errors import LabelError
from gristmill.zeroshot.templates import ALIASES, DEFAULT_TEMPLATE, TEMPLATES, languages, template_for

SCRIPTS = {
    "am": "ETHIOPIC",
    "ar": "ARABIC",
    "be": "CYRILLIC",
    "bg": "CYRILLIC",
    "bn": "BENGALI",
    "el": "GREEK",
    "fa": "ARABIC",
    "gu": "GUJARATI",
    "he": "HEBREW",
    "hi": "DEVANAGARI",
    "hy": "ARMENIAN",
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "ka": "GEORGIAN",
    "kk": "CYRILLIC",
    "km": "KHMER",
    "kn": "KANNADA",
    "ko": "HANGUL",
    "mk": "CYRILLIC",
    "ml": "MALAYALAM",
    "mn": "CYRILLIC",
    "mr": "DEVANAGARI",
    "ne": "DEVANAGARI",
    "pa": "GURMUKHI",
    "ru": "CYRILLIC",
    "sr": "CYRILLIC",
    "ta": "TAMIL",
    "te": "TELUGU",
    "th": "THAI",
    "uk": "CYRILLIC",
    "ur": "ARABIC",
    "zh": "CJK",
}
XNLI = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")


@pytest.mark.parametrize("language", languages())
def test_a_template_has_one_plain_place_for_the_label(language: str) -> None:
    template = template_for(language)
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    assert fields == [""]
    filled = template.format("X{}Y")
    assert "X{}Y" in filled
    assert len(filled) > len("X{}Y") + 6
    assert template == unicodedata.normalize("NFC", template).strip()


@pytest.mark.parametrize("language", languages())
def test_a_template_is_written_in_one_script(language: str) -> None:
    letters = [letter for letter in template_for(language) if letter.isalpha()]
    wanted = SCRIPTS.get(language, "LATIN")
    assert [letter for letter in letters if not unicodedata.name(letter).startswith(wanted)] == []


def test_there_are_many_languages_and_those_of_xnli_are_among_them() -> None:
    assert len(languages()) >= 25
    assert set(XNLI) <= set(languages())
    assert list(languages()) == sorted(set(languages()))
    assert all(key.isascii() and key.isalpha() and key.islower() and len(key) in (2, 3) for key in TEMPLATES)


def test_english_keeps_the_default_of_the_pipeline() -> None:
    assert template_for("en") == DEFAULT_TEMPLATE == "This example is {}."


def test_regions_scripts_case_and_aliases_are_understood() -> None:
    assert template_for("pt-BR") == template_for("pt_PT") == template_for(" PT ") == TEMPLATES["pt"][1]
    assert template_for("zh-Hant-TW") == template_for("yue") == TEMPLATES["zh"][1]
    assert template_for("nb-NO") == template_for("no") != template_for("nn")
    assert set(ALIASES.values()) <= set(TEMPLATES)
    assert not set(ALIASES) & set(TEMPLATES)


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ("german", "de (German)"),
        ("Frensh", "fr (French)"),
        ("swe", "sv (Swedish)"),
        ("Norwegian", "no (Norwegian)"),
    ],
)
def test_an_unknown_language_names_near_matches(wrong: str, near: str) -> None:
    with pytest.raises(LabelError) as caught:
        template_for(wrong)
    assert repr(wrong) in str(caught.value)
    assert f"{near}" in str(caught.value).partition("give a template")[0]


@pytest.mark.parametrize("wrong", ["", "-", "qqqqqqqq", "x" * 100_000, "\x00", "{}"])
def test_nonsense_is_refused_with_the_list(wrong: str) -> None:
    with pytest.raises(LabelError, match="use one of: af, am, ar") as caught:
        template_for(wrong)
    assert "did you mean" not in str(caught.value)
    assert len(str(caught.value)) < 700
