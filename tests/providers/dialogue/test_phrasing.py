from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.providers.dialogue.phrasing import (
    SPOKEN_WORDS,
    action_phrase,
    ended,
    failed,
    is_action,
    listed,
    shortened,
    spoken_result,
    topic_phrase,
)
from hocket.stages.llm import ToolSpec


@pytest.mark.parametrize(
    ("result", "spoken"),
    [
        ("**Booked** for six", "Booked for six."),
        ('"Booked."', "Booked."),
        (
            '{"day":"today","sky":"clear","temperature_c":19.5}',
            "Today: the sky is clear and the temperature is 19.5 degrees.",
        ),
        ('{"items_renewed":3,"days":14,"card":"123"}', "3 items renewed and 14 days."),
        ('{"id":7,"message":"It is on its way","eta_min":5}', "It is on its way."),
        ('{"open":true,"places":["a","b"],"note":null}', "Open: yes and the places are a and b."),
        ('["9:00","10:00"]', "I found 9:00 and 10:00."),
        ('["a","b","c","d","e","f","g"]', "I found a, b, c, d, e and 2 more."),
        ('[{"title":"Orbital","year":2023}]', "I found title Orbital, year 2023."),
        ("[]", "I found nothing."),
        ("null", "I found nothing."),
        ("true", "Yes."),
        ("12", "The stock level is 12."),
        ("2.50", "The stock level is 2.5."),
        ("{}", "That is done."),
        ("", "That is done."),
    ],
)
def test_results_are_sentences(result: str, spoken: str) -> None:
    assert spoken_result("stock_level", result, ["day", "card"]) == spoken


@pytest.mark.parametrize(
    ("result", "is_failure"),
    [
        ("book failed with KeyError: 'x'", True),
        ("book did not answer within 10 seconds.", True),
        ("book was given up: deadline.", True),
        ("Wrong arguments for book: x", True),
        ("There is no tool book.", True),
        ('{"error": "full"}', True),
        ("Error: full", True),
        ('{"error": null, "ok": 1}', False),
        ("I have booked it.", False),
        ("The delivery failed to arrive on Monday.", False),
    ],
)
def test_failures_are_seen(result: str, is_failure: bool) -> None:
    assert failed(result) == is_failure


@given(st.lists(st.text("abc ,.;", max_size=200), max_size=5))
def test_what_is_said_is_short_and_ends(parts: list[str]) -> None:
    text = shortened(". ".join(parts))
    assert len(text.split()) <= SPOKEN_WORDS
    assert not text or text[-1] in ".!?"


def test_a_long_sentence_is_cut_at_a_clause() -> None:
    text = shortened(" ".join(["word"] * 30) + ", and " + " ".join(["more"] * 30))
    assert text == "Word" + " word" * 29 + "."


def test_lists_and_ends() -> None:
    assert listed(["a", "b", "c"], "or") == "a, b or c"
    assert listed(["a"]) == "a"
    assert listed([]) == ""
    assert ended("is it?") == "Is it?"
    assert ended(" ,") == ""


@pytest.mark.parametrize(
    ("name", "description", "action", "phrase", "topic"),
    [
        ("book_boats", "Book boats for a group. More.", True, "book boats for a group", "booking boats for a group"),
        ("reserve_room", "Reserve a room for a meeting or a rehearsal.", True, "reserve a room", "reserving a room"),
        ("get_quote", "Get a quote, such as for a van.", True, "get a quote", "getting a quote"),
        ("weather", "The weather today.", False, "look up the weather", "the weather"),
        ("free_slots", "Open times on a day.", False, "look up the free slots", "the free slots"),
    ],
)
def test_tools_are_offered_in_their_own_words(
    name: str, description: str, action: bool, phrase: str, topic: str
) -> None:
    tool = ToolSpec(name, description, {})
    assert (is_action(tool), action_phrase(tool), topic_phrase(tool)) == (action, phrase, topic)
