from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.meaning import meaning, same_meaning

SAME = [
    ("What's the weather like?", "what is the weather like"),
    ("What’s on", "whats on"),
    ("Um, a table for six.", "a table for 6"),
    ("I don't know", "i do not know"),
    ("I can't", "i cannot"),
    ("OK", "okay"),
    ("it's four one five, five five five", "it is 415-555"),
    ("one oh one", "101"),
    ("oh one two", "012"),
    ("twenty five people", "25 people"),
    ("twenty-five people", "25 people"),
    ("one hundred and five", "105"),
    ("a hundred dollars", "$100"),
    ("two thousand five hundred", "2,500"),
    ("five million", "5 million"),
    ("nineteen ninety nine", "1999"),
    ("twenty twenty six", "2026"),
    ("at three thirty p.m.", "at 3:30 PM"),
    ("3pm", "three p m"),
    ("the twenty third of May", "the 23rd of may"),
    ("the first", "the 1st"),
    ("three point five", "3.5"),
    ("50%", "fifty percent"),
    ("my email is at", "my e-mail is @"),
    ("I'm gonna go", "im going to go"),
    ("M.F.A.", "m f a"),
    ("am I a member?", "am i a member"),
    ("A.B.C.", "a b c"),
    ("John's car", "johns car"),
    ("Wir hätten gern zwei Bier!", "wir hätten gern zwei bier"),
    ("", "uh um"),
]
DIFFERENT = [
    ("yes", "no"),
    ("a table for six", "a table for seven"),
    ("I can do that", "I can't do that"),
    ("3.5", "35"),
    ("twenty five", "twenty six"),
    ("the first", "the one"),
    ("one hundred and five", "one hundred and fifty"),
    ("cancel it", "cancel it please not"),
    ("tuesday at four", "tuesday at five"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_spelling_is_not_meaning(a: str, b: str) -> None:
    assert meaning(a) == meaning(b)
    assert same_meaning(a, b)


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_words_are_meaning(a: str, b: str) -> None:
    assert not same_meaning(a, b)


@given(st.text())
def test_any_text_has_a_normal_form_that_means_the_same_in_capitals_and_with_full_stops(text: str) -> None:
    normal = meaning(text)
    assert "  " not in normal
    assert normal == normal.strip()
    assert meaning(text.lower()) == normal
    assert meaning(f"  {text} . ") == normal


WORDS = "the,um,cancel,order,six,twenty,five,hundred,i'm,it's,what's,to,okay,ok,dont"


@given(st.lists(st.sampled_from(WORDS.split(","))), st.lists(st.sampled_from([" ", ", ", ". ", " - ", "? "])))
def test_punctuation_between_words_changes_nothing(words: list[str], marks: list[str]) -> None:
    marks = (marks + [" "] * len(words))[: len(words)]
    marked = "".join(word.title() + mark for word, mark in zip(words, marks, strict=True))
    assert meaning(marked) == meaning(" ".join(words))
