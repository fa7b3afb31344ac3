from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.text.speech import speech_text
from tests.text.saying import joined, said

LANGUAGES = st.sampled_from(["en", "en-GB", "de"])

FRAGMENTS = [
    *" \n-*_`#|.,:;!?/()[]<>@+=%&~'\"\\$€°–—×½",
    *[
        "**",
        "```",
        "~~",
        "](",
        "- ",
        "1. ",
        "| ",
        " |\n",
        "http://",
        "www.",
        "@x.com",
        "<b",
        "[a",
        "](u)",
        "...",
        "\r\n",
    ],
    *["a", "The", "to", "March", "Mar", "Mon", "May", "am", "p.m.", "km", "million", "USD", "GB29", "BA", "IL", "St."],
    *[
        "Dr.",
        "No.",
        "e.g.",
        "etc.",
        "Elm",
        "w/",
        "the",
        "in",
        "room",
        "feet",
        "vs.",
        "ext.",
        "x_y",
        "a.b",
        "é",
        "数",
        "٣",
    ],
    *[
        "0",
        "1",
        "3",
        "9",
        "05",
        "12",
        "30",
        "117",
        "2026",
        "555",
        "0199",
        "1,250",
        "1st",
        "3.14",
        "9:30",
        "1/2",
        "2026-03-03",
    ],
    *["🎉", "1️⃣", "\u200d", "\u00a0", "<break time='1 s'/>", "[laughs out]", "[the *page*](http://a.b/c_d)"],
]
TEXTS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=14).map("".join)


@given(LANGUAGES, TEXTS, st.lists(st.integers(1, 9), min_size=1))
def test_how_the_text_is_divided_changes_nothing(language: str, text: str, sizes: list[int]) -> None:
    tokens: list[str] = []
    at = 0
    while at < len(text):
        size = sizes[len(tokens) % len(sizes)]
        tokens.append(text[at : at + size])
        at += size
    assert joined(speech_text(language), tokens) == joined(speech_text(language), [text])


@given(LANGUAGES, TEXTS)
def test_what_is_said_is_said_the_same_again(language: str, text: str) -> None:
    once = said(text, language)
    assert said(once, language) == once


@given(LANGUAGES, st.lists(st.text(st.characters(categories=["L"]), min_size=1), min_size=1))
def test_words_of_letters_pass_unchanged(language: str, words: list[str]) -> None:
    text = " ".join(words)
    assert said(text, language) == text


@given(TEXTS)
def test_no_figure_is_left_to_the_voice(text: str) -> None:
    plain = "".join(character for character in text if character not in "<>[]")
    assert not set(said(plain)) & set("0123456789")


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", "It is March fourth, twenty twenty-six: one hundred five."),
        ("en-US", "It is March fourth, twenty twenty-six: one hundred five."),
        ("en-CA", "It is March fourth, twenty twenty-six: one hundred five."),
        ("en-GB", "It is the third of April, twenty twenty-six: one hundred and five."),
        ("en_AU", "It is the third of April, twenty twenty-six: one hundred and five."),
        ("EN-gb", "It is the third of April, twenty twenty-six: one hundred and five."),
        ("de", "It is 3/4/2026: 105."),
        ("fr-CA", "It is 3/4/2026: 105."),
        ("", "It is 3/4/2026: 105."),
    ],
)
def test_a_language_has_its_own_reading(language: str, expected: str) -> None:
    assert said("It is *3/4/2026*: 105.", language) == expected


def test_what_is_read_may_lay_bare_something_else() -> None:
    assert said("at x.com5") == "at x dot com five"
