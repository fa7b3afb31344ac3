from __future__ import annotations

from hocket.providers.dialogue.pending import ANYTHING_ELSE, Closing, Offer, Question, asked_again, offer_of, pending
from hocket.stages.llm import Message, ToolCall, ToolSpec

PEOPLE = {"type": "integer"}
DAY = {"type": "string"}
BOOK = ToolSpec(
    "book_table", "Book a table.", {"properties": {"people": PEOPLE, "day": DAY}, "required": ["people", "day"]}
)
RENT = ToolSpec("rent_hall", "Rent the hall.", {"properties": {"day": DAY}, "required": ["day"]})
TOOLS = (RENT, BOOK)


def said(*turns: str) -> list[Message]:
    """Turns of the agent and the caller, the caller's first."""
    return [Message("user" if at % 2 == 0 else "assistant", text) for at, text in enumerate(turns)]


def test_nothing_was_asked() -> None:
    assert pending(said("hello"), TOOLS) is None
    assert pending(said("hello", "We are open.", "six"), TOOLS) is None
    assert pending((), TOOLS) is None


def test_a_question_is_known_by_its_words_with_what_was_given_before() -> None:
    asked = pending(said("a table for saturday", "Sure. How many people?", "six"), TOOLS)
    assert isinstance(asked, Question)
    assert (asked.tool, asked.parameter.name, asked.known, asked.times) == (BOOK, "people", {"day": "Saturday"}, 1)


def test_answers_to_earlier_questions_are_known() -> None:
    asked = pending(said("a table", "Sure. How many people?", "to", "Sure. For which day?", "friday"), TOOLS)
    assert isinstance(asked, Question)
    assert (asked.tool, asked.parameter.name, asked.known) == (BOOK, "day", {"people": 2})


def test_what_was_said_later_counts() -> None:
    asked_for = ("Sure. How many people?", "six", "Sure. For which day?", "no, we are seven people", "For which day?")
    turns = said("a table", *asked_for, "x")
    asked = pending([Message("assistant", "Hello."), *turns], TOOLS)
    assert isinstance(asked, Question)
    assert (asked.parameter.name, asked.known, asked.times) == ("day", {"people": 7}, 2)


def test_of_two_tools_that_ask_the_same_the_one_that_was_wanted_is_meant() -> None:
    for wish, tool in (("rent the hall", RENT), ("a table for six", BOOK)):
        asked = pending(said(wish, "Sure. For which day?", "friday"), TOOLS)
        assert isinstance(asked, Question)
        assert asked.tool == tool


def test_the_same_question_again_is_counted() -> None:
    again = asked_again("How many people?")
    assert again == "Sorry, how many people?"
    asked = pending(said("a table", "Sure. How many people?", "um", again, "er"), TOOLS)
    assert isinstance(asked, Question)
    assert asked.times == 2


def test_a_question_that_was_interrupted_counts() -> None:
    asked = pending(said("a table", "Sure. How many", "six"), TOOLS)
    assert isinstance(asked, Question)
    assert pending(said("a table", "Sure. How", "six"), TOOLS) is None


def test_an_offer_and_the_closing_question() -> None:
    assert offer_of(BOOK) == "Shall I book a table?"
    assert pending(said("hi", "It is sunny. Shall I book a table?", "yes"), TOOLS) == Offer(BOOK)
    assert pending(said("hi", f"You're welcome. {ANYTHING_ELSE}", "no"), TOOLS) == Closing()


def test_what_the_agent_said_last_counts_even_before_a_withdrawn_turn_and_tools() -> None:
    call = ToolCall("1", "book_table", "{}")
    messages = [
        Message("user", "a table"),
        Message("assistant", "", (call,)),
        Message("tool", "Done.", tool_call_id="1"),
        Message("assistant", ANYTHING_ELSE),
        Message("user", "well"),
        Message("user", "no"),
    ]
    assert pending(messages, TOOLS) == Closing()
