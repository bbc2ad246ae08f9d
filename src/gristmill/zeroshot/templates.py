"""Hypothesis templates by language: the sentence that says, in that language, what a text is about.

A label is put in as it stands, so each template has a place where the language leaves a noun uninflected: after a
preposition that takes the base form, as subject or predicate ("the subject of this text is ..."), or in quotes.
English keeps the default of transformers' pipeline, so that English scores are those that users know.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from gristmill.errors import LabelError

DEFAULT_TEMPLATE = "This example is {}."

TEMPLATES: Mapping[str, tuple[str, str]] = {
    "af": ("Afrikaans", "Hierdie teks gaan oor {}."),
    "am": ("Amharic", "የዚህ ጽሑፍ ርዕስ {} ነው።"),
    "ar": ("Arabic", "هذا النص عن {}."),
    "az": ("Azerbaijani", "Bu mətn {} haqqındadır."),
    "be": ("Belarusian", "Тэма гэтага тэксту — {}."),
    "bg": ("Bulgarian", "Този текст е за {}."),
    "bn": ("Bengali", "এই লেখার বিষয় হলো {}।"),
    "bs": ("Bosnian", "Tema ovog teksta je {}."),
    "ca": ("Catalan", "Aquest text tracta sobre {}."),
    "cs": ("Czech", "Tématem tohoto textu je {}."),
    "cy": ("Welsh", "Pwnc y testun hwn yw {}."),
    "da": ("Danish", "Denne tekst handler om {}."),
    "de": ("German", "In diesem Text geht es um {}."),
    "el": ("Greek", "Το θέμα αυτού του κειμένου είναι {}."),
    "en": ("English", DEFAULT_TEMPLATE),
    "eo": ("Esperanto", "Ĉi tiu teksto temas pri {}."),
    "es": ("Spanish", "Este texto trata sobre {}."),
    "et": ("Estonian", "Selle teksti teema on {}."),
    "eu": ("Basque", "Testu honen gaia {} da."),
    "fa": ("Persian", "این متن درباره {} است."),
    "fi": ("Finnish", "Tämän tekstin aihe on {}."),
    "fr": ("French", "Ce texte porte sur le thème « {} »."),
    "gl": ("Galician", "Este texto trata sobre {}."),
    "gu": ("Gujarati", "આ લખાણનો વિષય {} છે."),
    "he": ("Hebrew", "הטקסט הזה הוא על {}."),
    "hi": ("Hindi", "इस पाठ का विषय {} है।"),
    "hr": ("Croatian", "Tema ovog teksta je {}."),
    "hu": ("Hungarian", "Ennek a szövegnek a témája: {}."),
    "hy": ("Armenian", "Այս տեքստի թեման {} է։"),
    "id": ("Indonesian", "Teks ini membahas {}."),
    "is": ("Icelandic", "Efni þessa texta er {}."),
    "it": ("Italian", "Questo testo parla di {}."),
    "ja": ("Japanese", "このテキストは{}に関するものです。"),
    "ka": ("Georgian", "ამ ტექსტის თემაა {}."),
    "kk": ("Kazakh", "Бұл мәтін {} туралы."),
    "km": ("Khmer", "អត្ថបទនេះនិយាយអំពី {}។"),
    "kn": ("Kannada", "ಈ ಪಠ್ಯದ ವಿಷಯ {}."),
    "ko": ("Korean", "이 글의 주제는 {}입니다."),
    "lt": ("Lithuanian", "Šio teksto tema yra {}."),
    "lv": ("Latvian", "Šī teksta tēma ir {}."),
    "mk": ("Macedonian", "Овој текст е за {}."),
    "ml": ("Malayalam", "ഈ പാഠത്തിന്റെ വിഷയം {} ആണ്."),
    "mn": ("Mongolian", "Энэ бичвэрийн сэдэв нь {}."),
    "mr": ("Marathi", "या मजकुराचा विषय {} आहे."),
    "ms": ("Malay", "Teks ini adalah tentang {}."),
    "ne": ("Nepali", "यस पाठको विषय {} हो।"),
    "nl": ("Dutch", "Deze tekst gaat over {}."),
    "nn": ("Norwegian Nynorsk", "Denne teksten handlar om {}."),
    "no": ("Norwegian", "Denne teksten handler om {}."),
    "pa": ("Punjabi", "ਇਸ ਲਿਖਤ ਦਾ ਵਿਸ਼ਾ {} ਹੈ।"),
    "pl": ("Polish", "Tematem tego tekstu jest {}."),
    "pt": ("Portuguese", "Este texto é sobre {}."),
    "ro": ("Romanian", "Acest text este despre {}."),
    "ru": ("Russian", "Тема этого текста — {}."),
    "sk": ("Slovak", "Témou tohto textu je {}."),
    "sl": ("Slovenian", "Tema tega besedila je {}."),
    "sq": ("Albanian", "Ky tekst flet për {}."),
    "sr": ("Serbian", "Тема овог текста је {}."),
    "sv": ("Swedish", "Den här texten handlar om {}."),
    "sw": ("Swahili", "Maandishi haya yanahusu {}."),
    "ta": ("Tamil", "இந்த உரை {} பற்றியது."),
    "te": ("Telugu", "ఈ వచనం యొక్క అంశం {}."),
    "th": ("Thai", "ข้อความนี้เกี่ยวกับ {}"),
    "tl": ("Tagalog", "Ang tekstong ito ay tungkol sa {}."),
    "tr": ("Turkish", "Bu metin {} hakkındadır."),
    "uk": ("Ukrainian", "Тема цього тексту — {}."),
    "ur": ("Urdu", "اس متن کا موضوع {} ہے۔"),
    "uz": ("Uzbek", "Bu matn {} haqida."),
    "vi": ("Vietnamese", "Văn bản này nói về {}."),
    "zh": ("Chinese", "这段文字是关于{}的。"),
}
"""English name and template by BCP 47 primary subtag."""

ALIASES: Mapping[str, str] = {
    "arb": "ar",
    "ary": "ar",
    "arz": "ar",
    "cmn": "zh",
    "fil": "tl",
    "in": "id",
    "iw": "he",
    "nb": "no",
    "pes": "fa",
    "prs": "fa",
    "uzs": "uz",
    "wuu": "zh",
    "yue": "zh",
    "zsm": "ms",
}
"""Other subtags of the same written language, or of a close one whose readers read it."""


def languages() -> tuple[str, ...]:
    """The subtags that have a template, sorted."""
    return tuple(sorted(TEMPLATES))


def canonical(language: str) -> str | None:
    """The key of ``TEMPLATES`` for a BCP 47 tag (``pt-BR``, ``zh_Hant``, ``nb``), or None if there is none."""
    primary = language.strip().replace("_", "-").partition("-")[0].lower()
    primary = ALIASES.get(primary, primary)
    return primary if primary in TEMPLATES else None


def template_for(language: str) -> str:
    """The hypothesis template of a language, by its BCP 47 tag; only the primary subtag counts.

    Raises: LabelError that names near matches, if there is no template for the language.
    """
    key = canonical(language)
    if key is None:
        raise LabelError(
            f"there is no hypothesis template for language {language[:40]!r};{_near(language)}"
            " give a template of your own with {} for the label, or use one of: " + ", ".join(languages())
        )
    return TEMPLATES[key][1]


def _near(language: str) -> str:
    """`` did you mean ...?``, by subtag or by English name; nothing if none is near."""
    wanted = language[:40].strip().lower()
    names = {name.lower(): key for key, (name, _) in TEMPLATES.items()} | {key: key for key in TEMPLATES}
    found = dict.fromkeys(names[name] for name in get_close_matches(wanted, sorted(names), 3, 0.6))
    shown = " or ".join(f"{key} ({TEMPLATES[key][0]})" for key in found)
    return f" did you mean {shown}?" if shown else ""
