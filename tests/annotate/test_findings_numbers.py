"""Cards and accounts; valid numbers are made at run time, so that none stands in this file."""

from __future__ import annotations

import random
import string

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from gristmill.annotate.findings import numbers, patterns


def found(text: str) -> list[tuple[str, str, float]]:
    data = text.encode()
    hits = patterns.find(pa.array([data], pa.binary()))
    return [
        (hit.type, data[hit.start : hit.end].decode(), hit.score)
        for _, hit in hits
        if hit.type in ("card", "iban")
    ]


def card(body: str) -> str:
    """The body with its check digit, as ISO/IEC 7812-1 describes it: doubling from the right."""
    total = 0
    for index, digit in enumerate(reversed(body)):
        value = int(digit) * (2 if index % 2 == 0 else 1)
        total += value // 10 + value % 10
    return body + str(-total % 10)


def iban(country: str, account: str) -> str:
    """The account with its check digits, as ISO 13616-1 describes them."""
    number = int("".join(str(int(c, 36)) for c in account + country + "00"))
    return f"{country}{98 - number % 97:02d}{account}"


VISA = card("45399" + "1873402" + "586")
AMEX = card("37" + "915204" + "863071")
CASES = {
    "visa": VISA,
    "mastercard": card("53" + "7019" + "4826" + "05183"),
    "mastercard-2": card("2305" + "1947" + "8260" + "518"),
    "amex": AMEX,
    "discover": card("6011" + "7294" + "8135" + "062"),
    "jcb": card("3541" + "7294" + "8135" + "062"),
    "diners": card("3614" + "729481" + "350"),
    "unionpay": card("6221" + "7294" + "8135" + "062"),
    "maestro": card("6763" + "7294" + "8135" + "062"),
    "visa-19": card("4539" + "1873" + "4025" + "8619" + "27"),
}
FRAMES = [
    "card: {}",
    'credit_card = "{}"',
    "payment with\t{}.",
    "<pan>{}</pan>",
    "visa {}, 12/25",
    "CC {} 12/25",
]


@pytest.mark.parametrize("issuer", CASES)
@pytest.mark.parametrize("frame", FRAMES)
def test_cards(issuer: str, frame: str) -> None:
    number = CASES[issuer]
    assert found(frame.format(number)) == [("card", number, 0.85)]


@pytest.mark.parametrize("separator", [" ", "-"])
def test_cards_in_groups(separator: str) -> None:
    for number, cuts in ((VISA, (4, 8, 12)), (AMEX, (4, 10)), (CASES["diners"], (4, 10))):
        grouped = separator.join(number[a:b] for a, b in zip((0, *cuts), (*cuts, None), strict=True))
        assert found(f"x {grouped} x") == [("card", grouped, 0.7)]
        assert found(f"card {grouped}") == [("card", grouped, 0.95)]


def test_digits_alone_are_a_lead() -> None:
    assert found(f"x = {VISA};") == [("card", VISA, 0.35)]
    assert found(f"discard = {VISA};") == [("card", VISA, 0.35)]


@pytest.mark.parametrize(
    "frame",
    [
        "0.{}",
        "{}.5",
        "1{}",
        "{}1",
        "a{}",
        "{}e",
        "{}_1",
        "/{}/",
        "id-{}",
        "{}-ab",
        "1234 {}",
        "{} 1234",
        "%{}",
    ],
)
def test_a_part_of_something_else_is_no_card(frame: str) -> None:
    assert found("card " + frame.format(VISA)) == []


TEST_NUMBERS = [
    "4" + "1" * 15,
    "4242" * 4,
    "5" * 12 + "4444",
    "3782" + "822463" + "10005",
    "3714" + "496353" + "98431",
    "6011" + "0009" + "9013" + "9424",
    "4012" + "8888" * 2 + "1881",
    "3056" + "930902" + "5904",
    "3530" + "1113" + "3330" + "0000",
    "2223" + "0031" + "2200" + "3222",
    "5105" + "1051" + "0510" + "5100",
]


@pytest.mark.parametrize("number", TEST_NUMBERS)
def test_published_test_cards_are_nobodys(number: str) -> None:
    assert numbers.has_luhn(number.encode())
    assert found(f"card {number}") == []


_bodies = st.from_regex(r"(4[0-9]{14}|5[1-5][0-9]{13}|3[47][0-9]{12}|3[5][3-8][0-9]{12})", fullmatch=True)


@given(_bodies, st.data())
def test_any_valid_card_is_found_and_with_a_changed_digit_none(body: str, data: st.DataObject) -> None:
    number = card(body)
    assume(not numbers._MADE_UP.search(number.encode()) and len(set(number)) >= 5)
    assume(number.encode() not in numbers._TEST_CARDS)
    assert found(f"card {number}") == [("card", number, 0.85)]
    place = data.draw(st.integers(0, len(number) - 1))
    other = data.draw(st.sampled_from([d for d in string.digits if d != number[place]]))
    assert found(f"card {number[:place]}{other}{number[place + 1 :]}") == []


# ---------------------------------------------------------------------------------------------- IBAN

GERMAN = iban("DE", "37040" + "0481" + "726354908")
BRITISH = iban("GB", "NWBK" + "60" + "7315" + "82964071")
NORSE = iban("NO", "86011" + "172" + "946")


@pytest.mark.parametrize("account", [GERMAN, BRITISH, NORSE])
@pytest.mark.parametrize("frame", ["IBAN: {}", '"{}"', "pay to {}.", "{}\nBIC", "({})", "<iban>{}</iban>"])
def test_accounts_in_either_form(account: str, frame: str) -> None:
    grouped = " ".join(account[i : i + 4] for i in range(0, len(account), 4))
    for form in (account, grouped):
        assert found("é " + frame.format(form)) == [("iban", form, 0.9)]


def test_an_account_ends_where_its_country_says() -> None:
    grouped = " ".join(GERMAN[i : i + 4] for i in range(0, len(GERMAN), 4))
    assert found(f"{grouped} BIC COBADEFF") == [("iban", grouped, 0.9)]


@pytest.mark.parametrize(
    "text",
    [
        GERMAN.lower(),
        GERMAN[:-1],
        GERMAN + "1",
        "x" + GERMAN,
        "_" + GERMAN,
        "ZZ" + GERMAN[2:],
        GERMAN[:4] + " " + GERMAN[4:],
        "GB82 WEST 1234 5698 7654 32",
        "DE89370400440532013000",
        "NL91 ABNA 0417 1643 00",
        "DE00 0000 0000 0000 0000 00",
        "AT61 and DE12 AB34 CD56",
    ],
)
def test_what_is_no_account(text: str) -> None:
    assert found(text) == []


def test_the_published_examples_are_valid_and_nobodys() -> None:
    assert len(numbers._EXAMPLES) > 70
    for account in numbers._EXAMPLES:
        assert numbers.has_mod97(account)
        assert len(account) == numbers._LENGTHS[account[:2]]
        assert found(account.decode()) == []


@given(st.sampled_from(sorted(numbers._LENGTHS)), st.integers(0, 10**6))
def test_any_valid_account_is_found_and_with_a_changed_digit_none(country: bytes, seed: int) -> None:
    chance = random.Random(seed)
    account = iban(
        country.decode(),
        "".join(chance.choices(string.ascii_uppercase + string.digits, k=numbers._LENGTHS[country] - 4)),
    )
    assert [f[:2] for f in found(f"x {account} x")] == [("iban", account)]
    # A digit for a digit: letters count as two digits, of which mod 97 tells fewer apart.
    places = [at for at in range(4, len(account)) if account[at].isdigit()]
    if places:
        place = chance.choice(places)
        other = chance.choice([d for d in string.digits if d != account[place]])
        assert found(f"x {account[:place]}{other}{account[place + 1 :]} x") == []


@given(st.binary(max_size=80))
def test_checks_take_any_digits(text: bytes) -> None:
    for row, hit in patterns.find(pa.array([b"card 4539" + text], pa.binary())):
        assert row == 0
        assert 0 <= hit.start < hit.end <= len(text) + 9
