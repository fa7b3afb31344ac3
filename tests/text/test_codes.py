from __future__ import annotations

import pytest

from tests.text.saying import said

CASES = [
    ("555-0199", "five five five, zero one nine nine"),
    ("Call 555-0199, please.", "Call five five five, zero one nine nine, please."),
    ("(555) 123-4567", "five five five, one two three, four five six seven"),
    ("+1 (555) 123-4567", "plus one, five five five, one two three, four five six seven"),
    ("+44 20 7946 0958", "plus four four, two zero, seven nine four six, zero nine five eight"),
    ("555 123 4567", "five five five, one two three, four five six seven"),
    ("555.123.4567", "five five five, one two three, four five six seven"),
    ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
    ("020 7946 0958", "zero two zero, seven nine four six, zero nine five eight"),
    ("123-45-6789", "one two three, four five, six seven eight nine"),
    ("10 20 30 40", "ten twenty thirty forty"),
    ("1500-2000", "one thousand five hundred to two thousand"),
    ("12345678", "one two three four, five six seven eight"),
    ("007", "zero zero seven"),
    ("zip 62704", "zip six two seven zero four"),
    ("Springfield, IL 62704", "Springfield, IL six two seven zero four"),
    ("SW1A 1AA", "S W one A one A A"),
    ("room 204", "room two zero four"),
    ("Room 12", "Room twelve"),
    ("flight BA 117", "flight BA one one seven"),
    ("flight BA117", "flight B A one one seven"),
    ("order #12345", "order number one two three four five"),
    ("order number 12345", "order number one two three four five"),
    ("your code is 4321", "your code is four three two one"),
    ("your PIN is 4321.", "your PIN is four three two one."),
    ("card ending in 4242", "card ending in four two four two"),
    ("204 rooms", "two hundred four rooms"),
    (
        "GB29 NWBK 6016 1331 9268 19.",
        "G B two nine, N W B K, six zero one six, one three three one, nine two six eight, one nine.",
    ),
    ("X7K9P2", "X seven K nine P two"),
    ("B12, A4, MP3, CO2, H2O", "B twelve, A four, M P three, C O two, H two O"),
    ("COVID-19, GPT-4, GPT-4o, ABC-1234", "COVID nineteen, GPT four, GPT four o, ABC one two three four"),
    ("5G, 4K, 3D", "five G, four K, three D"),
    ("iPhone 15", "iPhone fifteen"),
    ("#3", "number three"),
    ("No. 5", "number five"),
    ("No. We are closed.", "No. We are closed."),
    ("No, no. Yes.", "No, no. Yes."),
    ("Q3 2026", "Q three twenty twenty-six"),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_numbers_that_are_names_are_read(text: str, expected: str, size: int) -> None:
    assert said(text, size=size) == expected
