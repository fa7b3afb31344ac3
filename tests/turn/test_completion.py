from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.asked import OPEN, Asked
from hocket.turn.completion import completion
from tests import speech
from tests.turn.utterances import COMPLETE, UNFINISHED

YES_NO = Asked("yes_no")

# text, what was asked, lowest and highest score
ANCHORS = [
    ("", OPEN, 0.0, 0.0),
    ("um", OPEN, 0.05, 0.05),
    ("what time do you open um", OPEN, 0.05, 0.05),
    ("i was hoping for let me see", OPEN, 0.05, 0.05),
    ("so", OPEN, 0.1, 0.1),
    ("i would like to", OPEN, 0.1, 0.1),
    ("my name is", OPEN, 0.1, 0.1),
    ("i want", OPEN, 0.1, 0.3),
    ("can you tell me", OPEN, 0.1, 0.3),
    ("my number is four one five", OPEN, 0.2, 0.2),
    ("my number is four one five five five five one two three four", OPEN, 0.9, 0.9),
    ("the large pepperoni pizza", OPEN, 0.55, 0.7),
    ("what time do you open on sunday", OPEN, 0.9, 0.9),
    ("cancel my appointment please", OPEN, 0.9, 0.9),
    ("i need a table for two", OPEN, 0.9, 0.9),
    ("how are you", OPEN, 0.9, 0.9),
    ("yes", OPEN, 0.85, 0.85),
    ("yes", YES_NO, 0.95, 0.95),
    ("yes i am", YES_NO, 0.95, 0.95),
    ("yes but", YES_NO, 0.1, 0.1),
    ("one two three four", Asked("digits", 4), 0.95, 0.95),
    ("one two three", Asked("digits", 4), 0.2, 0.2),
    ("12 34", Asked("digits", 4), 0.95, 0.95),
    ("four", Asked("number"), 0.6, 1.0),
    ("john at gmail", Asked("email"), 0.1, 0.3),
    ("john at gmail dot com", Asked("email"), 0.95, 0.95),
    ("john@gmail.com", Asked("email"), 0.95, 0.95),
]


@pytest.mark.parametrize(("text", "asked", "lowest", "highest"), ANCHORS)
def test_anchors(text: str, asked: Asked, lowest: float, highest: float) -> None:
    assert lowest <= completion(text, asked) <= highest


# Every kind of dangling word, and the same word where it does not dangle.
PAIRS = [
    ("i was told that", "what is that"),
    ("i'd like to book it for", "what is it for"),
    ("i want to talk to", "who do i talk to"),
    ("the house like", "what's the weather like"),
    ("can you tell me where my order", "can you tell me where my order is"),
    ("yes but i am", "yes i am"),
    ("can you", "how are you"),
    ("i need", "what do you need"),
    ("do you sell", "what do you sell"),
    ("i'd like some", "i'd like that"),
    ("can you tell me", "please call me"),
    ("it is not", "i hope not"),
    ("and i think", "it was on tuesday i think"),
    ("it's too", "me too"),
    ("i thought it might be", "how old does he have to be"),
    ("i know what", "i don't know why"),
    ("i told them so", "i hope so"),
    ("i was wondering", "who is calling"),
    ("even though", "it was good though"),
    ("the problem is it", "it isn't far is it"),
    ("i would like to come before", "we were there the day before"),
    ("on the third of", "on the third of may"),
    ("i've never", "i've never been there"),
    ("because my internet", "because my internet is down i can't work"),
    ("can somebody", "can somebody help"),
    ("is the clinic", "is the clinic open"),
    ("what time does the store", "what time does the store open"),
]


@pytest.mark.parametrize(("unfinished", "finished"), PAIRS)
def test_what_dangles_in_one_place_may_stand_in_another(unfinished: str, finished: str) -> None:
    assert completion(unfinished) < 0.35
    assert completion(finished) >= 0.6


def test_unfinished_turns_score_low_and_finished_ones_high() -> None:
    assert len(set(COMPLETE)) >= 350
    assert len(set(UNFINISHED)) >= 350
    low = [text for text in UNFINISHED if completion(text) >= 0.35]
    high = [text for text in COMPLETE if completion(text) < 0.6]
    assert len(low) <= 0.03 * len(UNFINISHED), low
    assert len(high) <= 0.05 * len(COMPLETE), high


def test_people_who_pause_score_lower_than_people_who_end() -> None:
    points = [point for point in speech.endpoint_points() if point.text_so_far]
    ends = [completion(point.text_so_far) for point in points if point.label == "end"]
    assert ends
    assert sum(score >= 0.6 for score in ends) >= 0.85 * len(ends)
    holds = [completion(point.text_so_far) for point in points if point.label == "hold"]
    if holds:
        assert sum(holds) / len(holds) < sum(ends) / len(ends)


WORDS = "um,the,i,want,to,what,time,is,it,four,yes,please,you,tell,me,like,that,not,so,may,monday,don't,it's,at,dot,com"


@given(
    st.lists(st.sampled_from(WORDS.split(","))),
    st.lists(st.sampled_from([". ", ", ", "? ", "... "]), min_size=26),
    st.sampled_from([OPEN, YES_NO, Asked("digits", 4), Asked("digits"), Asked("date"), Asked("email")]),
)
def test_any_words_have_a_score_that_case_and_punctuation_do_not_change(
    words: list[str], marks: list[str], asked: Asked
) -> None:
    score = completion(" ".join(words), asked)
    assert 0 <= score <= 1
    if len(words) <= 26:
        marked = "".join(word.title() + mark for word, mark in zip(words, marks, strict=False))
        assert completion(marked, asked) == score or len(marked) > 160


@given(st.text(), st.sampled_from([OPEN, YES_NO, Asked("digits")]))
def test_no_text_is_too_odd(text: str, asked: Asked) -> None:
    assert 0 <= completion(text, asked) <= 1
