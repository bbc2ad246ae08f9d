from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gristmill.annotate.findings import patterns, phones


def found(text: str) -> list[tuple[str, bool]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [(data[hit.start : hit.end].decode(), hit.score >= 0.5) for _, hit in hits if hit.type == "phone"]


@pytest.mark.parametrize(
    "number",
    [
        "+49 228 7361902",
        "+49 (0)228 73-61902",
        "+49 (228) 7361902",
        "+49(0)228 7361902",
        "+1 415 867 2940",
        "+1 (415) 867-2940",
        "+1(415)867-2940",
        "+1-415-867-2940",
        "+1.415.867.2940",
        "+44 20 7183 8750",
        "+44 7911 483 726",
        "+33 6 42 81 97 53",
        "+358 40 716 2938",
        "+880 1711 483 726",
        "+91 98204 61735",
        "+86 138 2046 1735",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "call {}.", '"{}"', "<p>{}</p>", "é {}\n", "Jane, {}, x", "({})"])
def test_international_numbers(number: str, frame: str) -> None:
    assert found(frame.format(number)) == [(number, True)]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("tel: 0228 7361902", "0228 7361902"),
        ("Tel. 0228/73-61902", "0228/73-61902"),
        ('"phone": "(415) 867-2940"', "415) 867-2940"),
        ("phone_number = '415-867-2940'", "415-867-2940"),
        ("homePhone: 415.867.2940", "415.867.2940"),
        ("Fax 0228 7361 902", "0228 7361 902"),
        ("Mobil: 0171 7361902", "0171 7361902"),
        ("<telephone>020 7183 8750</telephone>", "020 7183 8750"),
        ("telephone number: 1-415-867-2940", "1-415-867-2940"),
        ("tel:+4922873" + "61902", "+4922873" + "61902"),
    ],
)
def test_numbers_beside_a_word(text: str, number: str) -> None:
    hits = found(text)
    assert len(hits) == 1
    assert hits[0][1]
    assert hits[0][0].lstrip("(") == number


@pytest.mark.parametrize(
    "text",
    [
        "+1 (212) 555-0142 and tel: 212-555-0142",
        "+44 20 7946 0123 and +44 7700 900123 and phone: 01632 960123",
        "tel: 0123 456789 and +49 123 4567890 and +1 234 567 8901",
        "phone: 000-000-0000 and +1 999 999 9999",
        "x+1 415 867 2940 and (a) +1 415 867 2940",
        "+1 415 867 29400 and +49 228",
        "+999 415 867 2940 and +210 12",
        "415-867-2940 and 0228 7361902",
        "phone 2021-10-28 and tel 10.0.18.227 and fax 1.2.3",
        "hotel 0228 7361902 and pixel: 415-867-2940",
        "telemetry 0228 7361902",
        "2024-01-02T03:04:05+01:00 and 12:30+0200",
        "+1.5e10 + 20 30 40 50 60",
        "a = [+12 34 56 78 90 12, +0.5]; y = +31 * 27 / 18 + 645 / 28 / 91",
        "tel: <PHONE> phone: +<PHONE>",
        "GMT+10 11 12 13 14 15",
        "CA +4606-06447 +404251-0740023 +2147483647",
        "diff +5 -3 +1234 -5678 +99",
    ],
)
def test_what_is_no_phone_number(text: str) -> None:
    assert found(text) == []


def test_digits_without_groups_are_a_lead() -> None:
    assert found("x = '+4922873" + "61902'") == [("+4922873" + "61902", False)]


_groups = st.lists(st.from_regex(r"[0-9]{2,4}", fullmatch=True), min_size=2, max_size=3)


@given(
    st.sampled_from(["49", "33", "351", "81", "1"]), st.text("0123456789", min_size=9, max_size=10), st.data()
)
def test_grouping_does_not_matter(code: str, body: str, data: st.DataObject) -> None:
    digits = (code + body).encode()
    assume(phones._is_assigned(digits) and not phones._is_nobodys(digits))
    assume(code != "1" or phones._is_american(digits[1:]))
    cuts = sorted(data.draw(st.sets(st.sampled_from([3, 5, 7]), min_size=1)))
    # The anchor is of ASCII: a no-break space may stand only behind the second digit.
    separator = data.draw(st.sampled_from([" ", "-", "."] + ["\u00a0"] * (len(code) > 1)))
    parts = [body[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True)]
    number = f"+{code}{separator}{separator.join(parts)}"
    assert found(f"'{number}'") == [(number, True)]
