from __future__ import annotations

import pytest

from hocket.text.english import LONGEST_RUN, English
from hocket.text.words import LONGEST_WORD
from tests.text.saying import joined, said

REPLIES = [
    (
        "Sure! Your room is **204**, from Mon 3 Mar to Wed 5 Mar, at $89.50/night.",
        "Sure! Your room is two zero four, from Monday the third of March to Wednesday the fifth of March, at"
        " eighty-nine dollars and fifty cents per night.",
    ),
    (
        "We have:\n\n1. **Single** - $50\n2. **Double** - $75.50\n\nWhich one?",
        "We have:\n\none. Single - fifty dollars.\ntwo. Double - seventy-five dollars and fifty cents.\n\nWhich one?",
    ),
    (
        "Dr. Lee can see you at 9:30 am or 2:15 pm on March 3, 2026. Which suits you?",
        "Doctor Lee can see you at nine thirty a.m. or two fifteen p.m. on March third, twenty twenty-six."
        " Which suits you?",
    ),
    (
        "Call 555-0199 ext. 12, or write to [Jane](mailto:jane@example.com) 😀.",
        "Call five five five, zero one nine nine extension twelve, or write to Jane .",
    ),
    (
        '| Room | Price |\n|---|---|\n| 12 | $80 |\nWait <break time="1s"/> please.',
        'Room, Price.\ntwelve, eighty dollars.\nWait <break time="1s"/> please.',
    ),
    (
        "No. 5 is open 24/7; No. We do not know.",
        "number five is open twenty-four seven; No. We do not know.",
    ),
    ("NASA, the FBI and DIY stay; so does O'Brien's café.", "NASA, the FBI and DIY stay; so does O'Brien's café."),
    ('Is it?! Yes... well: no; (maybe) "so" – or — not.', 'Is it?! Yes... well: no; (maybe) "so" – or — not.'),
]


@pytest.mark.parametrize(("text", "expected"), REPLIES)
@pytest.mark.parametrize("size", [1, 4, 1000])
def test_replies_are_said(text: str, expected: str, size: int) -> None:
    assert said(text, size=size) == expected


def held(tokens: list[str]) -> list[str]:
    """What each token brings."""
    english = English()
    return [*map(english.push, tokens), english.flush()]


def test_plain_words_wait_only_for_the_white_space_after_them() -> None:
    assert held(["May", " I", " help", " you", "? "]) == ["", "May ", "I ", "help ", "you? ", ""]


def test_a_number_waits_for_the_next_word() -> None:
    assert held(["It is ", "3 ", "km ", "to ", "go"]) == ["It is ", "", "", "three kilometers to ", "", "go"]


def test_a_title_waits_for_the_next_word() -> None:
    assert held(["Dr. ", "Lee ", "is in"]) == ["", "Doctor Lee ", "is ", "in"]


def test_a_line_break_ends_what_is_held() -> None:
    assert held(["3\n", "km\n"]) == ["three\n", "km\n", ""]


def test_a_list_of_numbers_is_not_held_for_ever() -> None:
    english = English()
    said = [english.push("5 ") for _ in range(LONGEST_RUN + 1)]
    assert said[:-1] == [""] * LONGEST_RUN
    assert said[-1] == "five " * LONGEST_RUN


def test_the_next_text_is_another() -> None:
    english = English()
    assert joined(english, ["March "]) == "March "
    assert joined(english, ["3"]) == "three"


def test_a_word_without_end_is_cut_and_nothing_is_said_twice() -> None:
    letters = "a" * (LONGEST_WORD - 1)
    assert said(f"1{letters}{letters}") == f"one {letters}{letters}"
    assert said(f"1{letters}@x.com") == f"one {letters} at x dot com"
