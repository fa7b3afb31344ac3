from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.text.numbers import amount, cardinal, decade, digits, fraction, grouped, ordinal, year


@pytest.mark.parametrize(
    ("number", "american", "british"),
    [
        (0, "zero", "zero"),
        (7, "seven", "seven"),
        (13, "thirteen", "thirteen"),
        (20, "twenty", "twenty"),
        (42, "forty-two", "forty-two"),
        (100, "one hundred", "one hundred"),
        (105, "one hundred five", "one hundred and five"),
        (342, "three hundred forty-two", "three hundred and forty-two"),
        (1000, "one thousand", "one thousand"),
        (1005, "one thousand five", "one thousand and five"),
        (12_345, "twelve thousand three hundred forty-five", "twelve thousand three hundred and forty-five"),
        (1_000_000, "one million", "one million"),
        (3_000_000_017, "three billion seventeen", "three billion and seventeen"),
        (10**12, "one trillion", "one trillion"),
        (-5, "minus five", "minus five"),
        (10**15, *["one zero zero zero, zero zero zero zero, zero zero zero zero, zero zero zero zero"] * 2),
    ],
)
def test_cardinals(number: int, american: str, british: str) -> None:
    assert (cardinal(number), cardinal(number, british=True)) == (american, british)


@given(st.integers(0, 10**15 - 1), st.booleans())
def test_every_cardinal_is_of_words_only_and_none_is_like_another(number: int, british: bool) -> None:
    words = cardinal(number, british)
    assert words.replace(" ", "").replace("-", "").isalpha()
    assert words != cardinal(number + 1, british)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        *[(1, "first"), (2, "second"), (3, "third"), (5, "fifth"), (8, "eighth"), (9, "ninth"), (12, "twelfth")],
        *[(4, "fourth"), (11, "eleventh"), (20, "twentieth"), (22, "twenty-second"), (30, "thirtieth")],
        *[(100, "one hundredth"), (101, "one hundred first"), (1000, "one thousandth")],
    ],
)
def test_ordinals(number: int, words: str) -> None:
    assert ordinal(number) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [
        *[(1984, "nineteen eighty-four"), (1905, "nineteen oh five"), (1900, "nineteen hundred")],
        *[(2000, "two thousand"), (2007, "two thousand seven"), (2010, "twenty ten"), (2026, "twenty twenty-six")],
        *[(1066, "ten sixty-six"), (2100, "twenty-one hundred"), (1001, "one thousand one")],
    ],
)
def test_years(number: int, words: str) -> None:
    assert year(number) == words


def test_a_british_year_has_its_and() -> None:
    assert year(2007, british=True) == "two thousand and seven"


def test_decades() -> None:
    assert [decade(text) for text in ("1990", "80", "2000", "1900", "2010")] == [
        "nineteen nineties",
        "eighties",
        "two thousands",
        "nineteen hundreds",
        "twenty tens",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("62704", "six two seven zero four"),
        ("123456", "one two three, four five six"),
        ("1234567", "one two three, four five six seven"),
        ("12345678", "one two three four, five six seven eight"),
        ("5550100123", "five five five, zero one zero, zero one two three"),
        ("12345678901", "one two three, four five six, seven eight nine, zero one"),
    ],
)
def test_many_digits_come_in_groups(text: str, words: str) -> None:
    assert grouped(text) == words
    assert words.replace(",", "") == digits(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,250", "one thousand two hundred fifty"),
        ("3.14", "three point one four"),
        ("0.50", "zero point five zero"),
        (".5", "point five"),
        ("1,000.5", "one thousand point five"),
    ],
)
def test_amounts(text: str, words: str) -> None:
    assert amount(text) == words


@pytest.mark.parametrize(
    ("upper", "lower", "words"),
    [
        *[
            (1, 2, "one half"),
            (1, 4, "one quarter"),
            (3, 4, "three quarters"),
            (2, 3, "two thirds"),
            (7, 8, "seven eighths"),
        ],
        *[(24, 7, None), (5, 5, None), (0, 2, None), (1, 0, None), (9, 11, None)],
    ],
)
def test_fractions(upper: int, lower: int, words: str | None) -> None:
    assert fraction(upper, lower) == words
