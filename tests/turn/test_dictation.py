from __future__ import annotations

import pytest

from hocket.turn.anchors import DIGITS_GOING_ON
from hocket.turn.asked import OPEN, Asked
from hocket.turn.completion import completion
from hocket.turn.dictation import dictated

FOUR = Asked("digits", 4)
SOME = Asked("digits")
EMAIL = Asked("email")

GOING_ON = [
    ("my number is four one five", OPEN),
    ("four one five five five five", OPEN),
    ("um double four", OPEN),
    ("my zip code is nine four one", OPEN),
    ("the last four digits are one two three", OPEN),
    ("it's 415 555", OPEN),
    ("one two three", FOUR),
    ("it ends in 12", FOUR),
    ("one two three four five six seven eight nine", SOME),
    ("john dot", OPEN),
    ("it's john at", EMAIL),
    ("john smith at gmail", EMAIL),
    ("john smith", EMAIL),
    ("it's s m", OPEN),
    ("s", Asked("spelling")),
]
DONE = [
    ("my number is four one five five five five one two three four", OPEN),
    ("415 555 1234", OPEN),
    ("my zip code is nine four one one oh", OPEN),
    ("the last four digits are one two three four", OPEN),
    ("one two three four", FOUR),
    ("1234", FOUR),
    ("it's four one five five five five one two three four", SOME),
    ("john at gmail dot com", EMAIL),
    ("it's info at shop dot co dot uk", OPEN),
]
NO_DICTATION = [
    ("a table for four", OPEN),
    ("at seven oh five", OPEN),
    ("at three thirty", OPEN),
    ("i need twenty five", OPEN),
    ("six", Asked("number")),
    ("nineteen eighty", Asked("date")),
    ("hello there", OPEN),
    ("yes", EMAIL),
    ("plan b", OPEN),
    ("meet me at", OPEN),
]


@pytest.mark.parametrize(("text", "asked"), GOING_ON)
def test_goes_on(text: str, asked: Asked) -> None:
    score = dictated(text.split(), asked)
    if text == "s":  # one letter alone is left to the other rules
        assert score is None
    else:
        assert score is not None
        assert score < 0.35


@pytest.mark.parametrize(("text", "asked"), DONE)
def test_done(text: str, asked: Asked) -> None:
    score = dictated(text.split(), asked)
    assert score is not None
    assert score >= 0.9


@pytest.mark.parametrize(("text", "asked"), NO_DICTATION)
def test_is_no_dictation(text: str, asked: Asked) -> None:
    assert dictated(text.split(), asked) is None


def test_a_number_that_belongs_to_what_was_named_is_a_phrase() -> None:
    assert dictated(["error", "four", "oh", "four"], OPEN) == 0.6


def test_figures_said_one_by_one_are_no_answer_to_when() -> None:
    assert completion("two zero seven", Asked("time")) == DIGITS_GOING_ON
    assert completion("seven thirty", Asked("time")) > DIGITS_GOING_ON
    assert completion("nine", Asked("time")) > DIGITS_GOING_ON
