from __future__ import annotations

import pytest

from hocket.providers.dialogue.answers import coverage, find_answer
from hocket.providers.dialogue.phrasing import SPOKEN_WORDS
from hocket.stages.llm import Passage

HOURS = Passage(
    "The pool is heated all year. We are open every day from six until nine in the evening. On holidays we are closed.",
    "pool.md#Opening hours",
    2.0,
)
PRICES = Passage(
    "A ticket costs four pounds. Children under five swim for free. They need an adult.", "pool.md#Prices", 1.0
)
SAUNA = Passage("The sauna is on the second floor. Towels are **not** included.", "pool.md", 0.5)
ALL = (HOURS, PRICES, SAUNA)


@pytest.mark.parametrize(
    ("question", "start"),
    [
        ("when do you open", "We are open every day from six"),
        ("what time do you close", "We are open every day from six"),
        ("how much is a ticket", "A ticket costs four pounds."),
        ("is it free for kids", "Children under five swim for free."),
        ("where is the sauna", "The sauna is on the second floor."),
        ("are towls included in the sauna", "Towels are not included."),
        ("prices", "A ticket costs four pounds."),
    ],
)
def test_the_sentence_that_answers_is_picked(question: str, start: str) -> None:
    found = find_answer(question, ALL)
    assert found
    assert start in found.text


def test_a_sentence_that_goes_on_is_not_left_alone() -> None:
    found = find_answer("do children swim for free", ALL)
    assert found
    assert found.text == "Children under five swim for free. They need an adult."


@pytest.mark.parametrize(
    "question",
    [
        "what is the capital of france",
        "this is something that i am testing to make sure that that is working properly",
        "do you repair bicycles in the pool",
        "six",
        "",
        "um",
    ],
)
def test_nothing_is_answered_by_coincidence(question: str) -> None:
    assert find_answer(question, ALL) is None
    assert find_answer(question, ()) is None


def test_answers_are_short_enough_to_listen_to() -> None:
    long = Passage(" ".join(f"The sauna has rule {n} that says a great many things." for n in range(20)), "a", 1.0)
    found = find_answer("sauna rules", [long])
    assert found
    assert len(found.text.split()) <= SPOKEN_WORDS


def test_coverage_is_a_share_by_weight() -> None:
    assert coverage(["dog", "park"], ["dog"]) == 0.5
    assert coverage(["dog", "thing"], ["dog"]) == pytest.approx(1 / 1.3)
    assert coverage([], ["dog"]) == 0.0
