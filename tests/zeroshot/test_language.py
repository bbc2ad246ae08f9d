"""Language detection on sentences written for this test, and on what is no sentence."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gristmill.errors import MissingExtraError
from gristmill.zeroshot import language as module
from gristmill.zeroshot.language import Detection, detect, detect_language
from gristmill.zeroshot.templates import TEMPLATES, languages, template_for

pytest.importorskip("py3langid")

SENTENCES = {
    "en": "The new driver crashes when the laptop resumes from sleep.",
    "de": "Der neue Treiber stürzt ab, wenn der Rechner aus dem Ruhezustand aufwacht.",
    "fr": "Le nouveau pilote plante quand l'ordinateur sort de veille.",
    "es": "El nuevo controlador falla cuando el portátil sale de la suspensión.",
    "pt": "O novo controlador falha quando o computador volta da suspensão, não é?",
    "it": "Il nuovo driver va in crash quando il portatile si risveglia dalla sospensione.",
    "nl": "Het nieuwe stuurprogramma loopt vast wanneer de laptop uit de slaapstand komt.",
    "sv": "Den nya drivrutinen kraschar när datorn vaknar ur viloläget.",
    "da": "Den nye driver går ned, når computeren vågner op af dvale.",
    "no": "Den nye driveren krasjer når maskinen våkner fra hvilemodus, og skjermen forblir svart.",
    "fi": "Uusi ajuri kaatuu, kun kannettava tietokone herää lepotilasta.",
    "et": "Uus draiver jookseb kokku, kui sülearvuti unerežiimist ärkab.",
    "lv": "Jaunais draiveris avarē, kad dators pamostas no miega režīma.",
    "lt": "Nauja tvarkyklė užstringa, kai kompiuteris pabunda iš miego režimo.",
    "pl": "Nowy sterownik zawiesza się, gdy laptop wychodzi ze stanu uśpienia.",
    "cs": "Nový ovladač padá, když se notebook probudí z režimu spánku.",
    "sk": "Nový ovládač padá, keď sa notebook prebudí z režimu spánku.",
    "sl": "Nov gonilnik se sesuje, ko se prenosnik prebudi iz mirovanja.",
    "hr": "Novi upravljački program ruši se kada se prijenosno računalo probudi iz mirovanja.",
    "sr": "Нови драјвер пада када се рачунар пробуди из режима спавања.",
    "bg": "Новият драйвер се срива, когато лаптопът се събуди от режим на сън.",
    "mk": "Новиот драјвер паѓа кога компјутерот ќе се разбуди од режимот на спиење.",
    "ru": "Новый драйвер падает, когда ноутбук выходит из спящего режима.",
    "uk": "Новий драйвер падає, коли ноутбук виходить зі сплячого режиму.",
    "be": "Новы драйвер падае, калі ноўтбук выходзіць са спячага рэжыму.",
    "ro": "Noul driver se blochează când laptopul iese din modul de repaus.",
    "hu": "Az új illesztőprogram összeomlik, amikor a gép felébred az alvó állapotból.",
    "el": "Το νέο πρόγραμμα οδήγησης καταρρέει όταν ο υπολογιστής ξυπνά από την αναστολή.",
    "tr": "Dizüstü bilgisayar uyku modundan çıktığında yeni sürücü çöküyor.",
    "ar": "ينهار برنامج التشغيل الجديد عندما يستيقظ الحاسوب من وضع السكون.",
    "fa": "وقتی لپ‌تاپ از حالت خواب بیدار می‌شود، درایور جدید از کار می‌افتد.",
    "he": "מנהל ההתקן החדש קורס כאשר המחשב מתעורר ממצב שינה.",
    "ur": "جب کمپیوٹر نیند سے جاگتا ہے تو نیا ڈرائیور کام کرنا بند کر دیتا ہے۔",
    "hi": "जब लैपटॉप नींद से जागता है तब नया ड्राइवर काम करना बंद कर देता है।",
    "bn": "ল্যাপটপ ঘুম থেকে জাগলে নতুন ড্রাইভারটি কাজ করা বন্ধ করে দেয়।",
    "ta": "மடிக்கணினி உறக்கத்திலிருந்து எழும்போது புதிய இயக்கி செயலிழக்கிறது.",
    "th": "ไดรเวอร์ใหม่หยุดทำงานเมื่อเครื่องตื่นจากโหมดสลีป",
    "vi": "Trình điều khiển mới bị lỗi khi máy tính thức dậy từ chế độ ngủ.",
    "id": "Driver baru mengalami kegagalan ketika komputer bangun dari mode tidur, jadi saya harus memulai ulang.",
    "sw": "Programu mpya huacha kufanya kazi wakati kompyuta inapoamka kutoka usingizini.",
    "zh": "笔记本电脑从睡眠状态恢复时，新的驱动程序会崩溃。",
    "ja": "ノートパソコンがスリープから復帰すると、新しいドライバーがクラッシュします。",
    "ko": "노트북이 절전 모드에서 깨어날 때 새 드라이버가 충돌합니다.",
    "ca": "El nou controlador falla quan l'ordinador portàtil surt de la suspensió, i això és molest.",
    "ka": "ახალი დრაივერი ითიშება, როცა კომპიუტერი ძილის რეჟიმიდან გამოდის.",
    "hy": "Նոր վարորդը խափանվում է, երբ համակարգիչը արթնանում է քնից։",
}
# Too near to each other for so short a sentence: written alike but for a word or two.
ALIKE = (
    {"da", "no", "nn"},
    {"bs", "hr", "sr"},
    {"id", "ms"},
    {"es", "gl"},
)


@pytest.mark.parametrize("language", SENTENCES)
def test_sentences_are_told(language: str) -> None:
    found = detect(SENTENCES[language])
    assert found.language == language
    assert found.reason == ""
    assert 0.3 < found.confidence <= 1.0001
    assert detect_language(SENTENCES[language]) == language


def test_every_template_is_in_its_own_language() -> None:
    told = {language: detect(template_for(language).format("")) for language in languages()}
    wrong = {
        language: found
        for language, found in told.items()
        if found.language != language and not any({language, found.language} <= group for group in ALIKE)
    }
    assert wrong == {}
    assert [language for language, found in told.items() if found.reason] == []


@pytest.mark.parametrize("text", ["", " \n", "12345 67.8 %", "\x00\x00", "\ud800", "😀🚀", "---- ==== ::"])
def test_without_letters_it_is_english_and_says_so(text: str) -> None:
    assert detect(text) == Detection("en", 0.0, "the text has no letters")


def test_unclear_text_falls_back_and_says_why() -> None:
    found = detect("ok")
    assert found.language == "en"
    assert found.confidence < 0.2
    assert "too short or too mixed" in found.reason
    assert detect("ok", fallback="de").language == "de"
    assert detect("ok", least=0.0).language != "en"


def test_a_language_without_a_template_falls_back() -> None:
    irish = "Teipeann ar an tiománaí nua nuair a dhúisíonn an ríomhaire glúine ón modh codlata."
    assert "ga" not in TEMPLATES
    found = detect(irish)
    assert (found.language, found.reason) == ("en", "there is no template for ga")
    assert found.confidence > 0.5


def test_dialects_share_the_template_of_their_language() -> None:
    assert detect("手提電腦由睡眠狀態喚醒嗰陣，新嘅驅動程式會死機。").language == "zh"
    assert detect("資料庫連線失敗，請重新啟動伺服器。").language == "zh"


def test_what_is_no_language_is_english() -> None:
    found = detect("a3f5c9e1b7d2 0x7ffe8a1c 9d4e6b2f-11ab-4c3d 00000000 ffffff e3b0c44298fc1c14")
    assert (found.language, found.reason) == ("en", "the text is not natural language")
    assert found.confidence > 0.9


def test_only_the_beginning_is_read() -> None:
    german, russian = SENTENCES["de"] + " ", SENTENCES["ru"] + " "
    long = german * 40 + russian * 40_000
    assert detect(long) == detect(long[: module.CHARACTERS])
    assert detect_language(long) == "de"
    assert detect_language(russian * 40 + german) == "ru"


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=150)
def test_any_text_has_a_language_with_a_template(text: str) -> None:
    found = detect(text)
    assert found.language in TEMPLATES
    assert found == detect(text)
    assert found.reason == "" or found.language == "en"


def test_capitals_do_not_matter() -> None:
    assert detect_language(SENTENCES["fr"].upper()) == "fr"


def test_importing_loads_no_model_and_a_missing_package_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code = "import sys, gristmill.zeroshot.language; sys.exit('py3langid' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    module._identifier.cache_clear()
    for name in [name for name in sys.modules if name.partition(".")[0] == "py3langid"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(module, "import_module", _no_module)
    with pytest.raises(MissingExtraError, match=r"gristmill\[languages\]"):
        detect("Anything at all.")


def _no_module(name: str) -> Any:
    raise ImportError(f"no {name}")
