from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.text.opening import Opening, is_opening, may_be_opener, nothing_known
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


@pytest.mark.parametrize("first", ["We", "I", "No", "The", "Certai", "sure", "Sure,", " Sure", "3", ""])
def test_what_may_be_the_beginning_of_something_else_waits(first: str) -> None:
    assert pushed([first, "x", " y"])[0].strip() == ""


def test_a_word_in_several_tokens_may_go_on_in_another() -> None:
    assert pushed(["Su", "re", "ty", " is"]) == ["", "", "", "Surety ", "is"]


@pytest.mark.parametrize(("language", "known"), [("en", True), ("en-GB", True), ("EN_us", True), ("de", False)])
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


@pytest.mark.parametrize(
    ("kept", "tokens", "language"),
    [
        ("No.", ["No", ".", " 5", " is", " open", "."], "en"),
        ("We close on Sun.", ["We", " close", " on", " Sun", ".", " 24", " December", "."], "en"),
        ("We close on Sun,", ["We", " close", " on", " Sun", ",", " 24", " December", "."], "en"),
        ("Das kostet 5,", ["Das", " kostet", " 5", ",", "50", " Euro", "."], "de"),
        ("Room three.", ["Room", " 3", ".", "5", " is", " free", "."], "en"),
        ("She sees Prof.", ["She", " sees", " Prof", ".", " Smith", "."], "en"),
    ],
)
def test_what_is_read_by_what_follows_waits_though_it_was_an_opener(
    kept: str, tokens: list[str], language: str
) -> None:
    assert pushed(tokens, language, {kept}) == pushed(tokens, language)


def test_a_known_opener_that_went_on_after_all_is_said_once() -> None:
    found = pushed(["Please", " see", " example", ".", "com", "."], known={"Please see example."})
    assert "".join(found) == "Please see example. dot com."


@pytest.mark.parametrize(
    ("text", "may"),
    [("Sure!", True), ("Well,", True), ("It is free.", True), ("It is", False), ("At 9:", False), ("e.g.", False)],
)
def test_what_may_be_an_opener_before_more_is_seen(text: str, may: bool) -> None:
    assert may_be_opener(text) == may
    assert not may_be_opener("x" * 80 + text)


TOKENS = ["Sure", "All", " Good", "ness", "No", " 5", " 9", " Sun", " ", ", ", ",", ".", "!", "*", " *well*", "\n"]


@given(st.lists(st.sampled_from(TOKENS)), st.lists(st.sampled_from(TOKENS)), st.sampled_from(["en", "de"]))
def test_the_text_is_the_same_whatever_was_an_opener(tokens: list[str], before: list[str], language: str) -> None:
    other = joined(speech_text(language), before)
    known = {other[:end] for end in range(len(other) + 1)}
    assert "".join(pushed(tokens, language, known)) == joined(speech_text(language), tokens)
