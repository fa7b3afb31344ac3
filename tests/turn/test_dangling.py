from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.turn.anchors import DANGLING, STANDING
from hocket.turn.dangling import dangling

DANGLES = (
    "the,my,and,because,of,to,with,i'm,that's,can,is,i,we,which,not,wondering,looking,i want,can you,tell me,if you"
)
STANDS = (
    "what is it for,how are you,i don't know why,why not,what do you have,log in,do you like that,call me,i want it"
)
SILENT = "tuesday,i want pizza,hello,call her,the blue one,we had a great time,i like it too"


@pytest.mark.parametrize("text", DANGLES.split(","))
def test_dangles(text: str) -> None:
    words = ["so", "then", *text.split()]
    score = dangling(words)
    assert score is not None
    assert score < 0.35


@pytest.mark.parametrize("text", STANDS.split(","))
def test_only_seems_to_dangle(text: str) -> None:
    score = dangling(text.split())
    assert score is None or score >= 0.6


@pytest.mark.parametrize("text", SILENT.split(","))
def test_has_nothing_to_say_of_other_words(text: str) -> None:
    assert dangling(text.split()) is None


WORDS = "what,is,it,for,you,to,like,do,have,be,that,any,too,may,me,not,think,well,before,she,know,where,need,the"


@given(st.lists(st.sampled_from(WORDS.split(",")), min_size=1, max_size=6))
def test_any_words_are_judged(words: list[str]) -> None:
    score = dangling(words)
    assert score is None or 0 <= score <= 1


def test_a_question_may_end_in_the_preposition_of_its_question_word() -> None:
    stranded = "which platform does the airport train leave from"
    assert dangling(stranded.split()) == STANDING
    unfinished = "i want to leave from"
    assert dangling(unfinished.split()) == DANGLING
