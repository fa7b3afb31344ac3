from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.text.opening import Opening, is_opening, nothing_known
from hocket.text.speech import speech_text
from tests.text.saying import joined


def pushed(tokens: list[str], language: str = "en", known: Collection[str] = ()) -> list[str]:
    speech = Opening(speech_text(language), language, known.__contains__)
    return [*map(speech.push, tokens), speech.flush()]


def test_a_first_word_is_given_out_before_it_is_known_what_follows() -> None:
    assert pushed(["Sure", ", it", " costs", " $5", "."]) == ["Sure", ", ", "it ", "costs ", "", "five dollars."]
    assert pushed(["Thank", " you", " both"]) == ["Thank", "", " you ", "both"]
    assert pushed(["Good"]) == ["Good", ""]
    assert pushed(["Good", " "]) == ["Good", "", " "]


@pytest.mark.parametrize("first", ["We", "I", "No", "Certai", "sure", "Sure,", " Sure", "3", ""])
def test_what_may_be_the_beginning_of_something_else_waits(first: str) -> None:
    assert pushed([first, "x", " y"])[0].strip() == ""


@pytest.mark.parametrize(("language", "known"), [("en", True), ("en-GB", True), ("EN-us", True), ("de", False)])
def test_the_words_are_english(language: str, known: bool) -> None:
    assert is_opening("All", language) == known


def test_only_the_first_word_of_a_reply_is_given_out_early() -> None:
    assert pushed(["All", " right.", " ", "All", " is", " well"])[1:4] == ["", " right. ", ""]
    speech = Opening(speech_text("en"), "en", nothing_known)
    assert joined(speech, ["One", " moment."]) + joined(speech, ["Good", "."]) == "One moment.Good."


def test_an_opener_that_is_known_is_given_out_with_its_last_character() -> None:
    known = {"It is free.", "Sure,"}
    assert pushed(["It", " is", " free", ".", " Yes."], known=known) == ["", "It ", "is ", "free.", "", " Yes."]
    assert pushed(["It", " is", " free", ".", " Yes."])[3:] == ["", "free. ", "Yes."]
    assert pushed(["Sure", ",", " it", " is"], known=known) == ["Sure", ",", "", " it ", "is"]
    assert pushed(["It is", " free."], "de", known) == ["It ", "is free.", ""]
    assert pushed(["Well, it", " is free."], known=known)[-1] == "free."


def test_what_is_said_otherwise_than_it_is_written_waits() -> None:
    assert pushed(["Room", " 3.", " Yes."], known={"Room three."}) == ["", "Room ", "", "three. Yes."]


TOKENS = ["Sure", "All", " Good", "ness", " ", ", ", ",", ".", "!", " 7", " Mar", "ch", "*", " *well*", "\n"]


@given(st.lists(st.sampled_from(TOKENS)), st.data())
def test_the_text_is_the_same(tokens: list[str], data: st.DataObject) -> None:
    text = joined(speech_text("en"), tokens)
    known = data.draw(st.sets(st.integers(0, len(text)).map(lambda end: text[:end])))
    assert "".join(pushed(tokens, known=known)) == text
