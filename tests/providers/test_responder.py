"""The offline responder, talked to through two agents it was not written for."""

from __future__ import annotations

import json
import re
import statistics
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hocket.agent.agent import Agent
from hocket.agent.tools import END_CALL
from hocket.clock import thread_cpu_time
from hocket.knowledge.words import tokens
from hocket.providers.responder import Responder
from hocket.sim.loop import run
from hocket.stages.llm import LlmDelta, LlmRequest, Message, Passage, TextDelta, ToolCall, ToolSpec
from tests.agents.talk import HARBOUR, LIBRARY, Talk
from tests.speech import manifest
from tests.stages.contract import check_llm

BOTH = pytest.mark.parametrize("target", [HARBOUR, LIBRARY], ids=["harbour", "library"])
LONGEST_ANSWER = 55
"""Words: forty of an answer and a closing question."""


class Row(msgspec.Struct):
    """What is said to an agent, in order, and what must come of it."""

    target: Path
    turns: list[str]
    reply: str = ""
    """Words that the last reply holds."""
    tool: str = ""
    arguments: dict[str, Any] = {}


KNOWLEDGE = [
    Row(HARBOUR, ["when are you open"], "from nine in the morning until six"),
    Row(HARBOUR, ["what time do you close on sunday"], "from nine in the morning until six"),
    Row(HARBOUR, ["billing department"], "by phone on weekdays from nine until noon"),
    Row(HARBOUR, ["billing apartment"], "by phone on weekdays from nine until noon"),
    Row(HARBOUR, ["How much is a double kayak?"], "twenty-five pounds"),
    Row(HARBOUR, ["can my kids come"], "from the age of six"),
    Row(HARBOUR, ["are dogs aloud"], "dogs are welcome"),
    Row(HARBOUR, ["where can i park my car"], "behind the boat shed"),
    Row(HARBOUR, ["what should i bring"], "clothes that may get wet"),
    Row(HARBOUR, ["do you go out in a thunderstorm"], "force five"),
    Row(HARBOUR, ["where are you"], "quay street"),
    Row(LIBRARY, ["when do you open on saturday"], "from ten until two on saturdays"),
    Row(LIBRARY, ["how much is a colour copy"], "thirty pence in colour"),
    Row(LIBRARY, ["when is storie time"], "wednesday mornings at half past ten"),
    Row(LIBRARY, ["how many items can i borrow"], "twelve items"),
    Row(LIBRARY, ["is there a fine for being late"], "twenty pence a day"),
    Row(LIBRARY, ["lost property"], "for one month"),
]

TOOLS = [
    Row(HARBOUR, ["what's the weather like"], "the sky is sunny", "weather"),
    Row(HARBOUR, ["What will the weather be tomorrow?"], "cloudy", "weather", {"day": "tomorrow"}),
    Row(HARBOUR, ["whats the wether like"], "19 degrees", "weather"),
    Row(HARBOUR, ["book boats for six tomorrow please"], "6 people", "book_boats", {"people": 6, "day": "tomorrow"}),
    Row(HARBOUR, ["can we rent canoes for four people on saturday"], "4 people", "book_boats",
        {"people": 4, "day": "Saturday"}),
    Row(LIBRARY, ["renew my loan card number one two oh four"], "3 items", "renew_loan", {"card_number": "1204"}),
    Row(LIBRARY, ["renew a loan, card 99120 for four weeks"], "28 days", "renew_loan",
        {"card_number": "99120", "weeks": 4}),
    Row(LIBRARY, ["i'd like to reserve the reading room on tuesday"], "reading room", "reserve_room",
        {"room": "reading room", "day": "Tuesday"}),
    Row(LIBRARY, ["what are the new arrivals"], "Orbital", "new_arrivals"),
]  # fmt: skip

ASKING = [
    Row(HARBOUR, ["i would like to book kayaks", "six"], "6 people", "book_boats", {"people": 6}),
    Row(HARBOUR, ["i would like to book kayaks", "um", "for"], "4 people", "book_boats", {"people": 4}),
    Row(HARBOUR, ["book boats", "for saturday", "we are five"], "5 people", "book_boats",
        {"people": 5, "day": "Saturday"}),
    Row(HARBOUR, ["what's the weather like", "yes", "six"], "6 people", "book_boats", {"people": 6}),
    Row(HARBOUR, ["what's the weather like", "yes please we are four"], "4 people", "book_boats", {"people": 4}),
    Row(HARBOUR, ["book boats for tomorrow", "are dogs allowed"], "dogs are welcome"),
    Row(LIBRARY, ["i want to renew a loan", "one two three four"], "3 items", "renew_loan", {"card_number": "1234"}),
    Row(LIBRARY, ["reserve a room", "the music one", "next friday please"], "music room", "reserve_room",
        {"room": "music room", "day": "next Friday"}),
    Row(LIBRARY, ["a room for friday please i want to reserve it", "workshop"], "workshop", "reserve_room",
        {"room": "workshop", "day": "Friday"}),
]  # fmt: skip

TESTING = "this is something that I am testing to make sure that that is working properly"

UNKNOWN = [
    Row(
        HARBOUR,
        [TESTING],
        "weather or booking boats",
    ),
    Row(HARBOUR, ["do you sell ice cream"], "booking boats"),
    Row(HARBOUR, ["do i need to book far in advance"], "I can help with"),
    Row(LIBRARY, ["what is the capital of france"], "renewing a loan, reserving a room or the new arrivals"),
    Row(LIBRARY, [TESTING], "I can help with"),
]


def talked(row: Row) -> tuple[Talk, str]:
    talk = Talk(row.target)
    replies = [talk.say(text) for text in row.turns]
    assert all(reply and len(reply.split()) <= LONGEST_ANSWER for reply in replies), replies
    return talk, replies[-1]


def label(row: Row) -> str:
    return " / ".join(row.turns)[:60]


@pytest.mark.parametrize("row", KNOWLEDGE, ids=label)
def test_questions_are_answered_from_the_knowledge(row: Row) -> None:
    talk, reply = talked(row)
    assert row.reply.lower() in reply.lower()
    assert talk.calls == []


@pytest.mark.parametrize("row", [*TOOLS, *ASKING], ids=label)
def test_tools_are_called_with_what_the_caller_said(row: Row) -> None:
    talk, reply = talked(row)
    assert row.reply.lower() in reply.lower()
    called = [(call.name, json.loads(call.arguments)) for call in talk.calls if call.name == row.tool]
    assert called == ([(row.tool, row.arguments)] if row.tool else [])


@pytest.mark.parametrize("row", UNKNOWN, ids=label)
def test_what_is_not_known_is_admitted(row: Row) -> None:
    talk, reply = talked(row)
    assert reply.startswith("I'm sorry, I don't know that.")
    assert row.reply in reply
    assert talk.calls == []


@BOTH
def test_what_is_missing_is_asked_in_one_short_question(target: Path) -> None:
    wish, question = {
        HARBOUR: ("book boats", "How many people?"),
        LIBRARY: ("renew a loan", "What is the card number?"),
    }[target]
    talk = Talk(target)
    assert talk.say(wish).endswith(question)
    assert talk.say("um").startswith("Sorry, ")
    assert talk.say("um").startswith("Sorry, ")
    assert talk.say("um").startswith("I'm sorry, I did not understand that.")
    assert talk.calls == []


@BOTH
def test_a_wish_can_be_given_up(target: Path) -> None:
    talk = Talk(target)
    talk.say("book boats" if target == HARBOUR else "reserve a room")
    assert talk.say("never mind") == "All right. Is there anything else I can help you with?"
    assert talk.say("nope") == "Thank you for calling. Goodbye."
    assert talk.ended


@BOTH
@pytest.mark.parametrize("text", ["goodbye", "that's all thank you", "thanks bye", "no thanks goodbye", "by"])
def test_goodbye_is_said_and_ends_the_call(target: Path, text: str) -> None:
    talk = Talk(target)
    assert talk.say(text) == "Thank you for calling. Goodbye."
    assert [call.name for call in talk.calls] == [END_CALL]


@BOTH
def test_small_talk(target: Path) -> None:
    talk = Talk(target)
    assert talk.say("hello") == "Hello. How can I help you?"
    assert talk.say("pardon") == "Hello. How can I help you?"
    assert talk.say("who are you").startswith("I am the ")
    assert talk.say("thank you").startswith("You're welcome.")
    assert talk.say("yes") == "What can I do for you?"
    assert talk.say("...") == "Sorry, I did not hear you. Could you say that again?"
    assert not talk.ended


def test_a_tool_is_offered_once() -> None:
    talk = Talk(HARBOUR)
    assert talk.say("what's the weather like").endswith("Shall I book boats for a group?")
    assert talk.say("no thanks").startswith("All right.")
    assert talk.say("and the weather tomorrow").endswith("in the afternoon.")


def test_the_demo_as_it_is_spoken() -> None:
    """The recorded callers of the demo, one after the other."""
    talk = Talk(HARBOUR)
    assert "the sky is sunny" in talk.say("What's the weather like?")
    assert talk.say("yes").endswith("How many people?")
    assert "6 people" in talk.say("six")
    assert "by phone on weekdays" in talk.say("billing department")
    assert talk.say(TESTING).startswith("I'm sorry, I don't know that.")
    assert talk.say("nope") == "All right. Is there anything else I can help you with?"
    assert talk.say("nope") == "Thank you for calling. Goodbye."


@BOTH
def test_nothing_an_agent_is_given_equals_what_a_caller_says(target: Path) -> None:
    talk = Talk(target)
    callers = {" ".join(tokens(clip.transcript)) for clip in manifest().values() if clip.transcript}
    given = [
        *talk.agent.phrases,
        *talk.documents.sentences(),
        *(tool.spec.description for tool in talk.agent.tools.values()),
    ]
    assert callers
    assert {" ".join(tokens(text)) for text in given} & callers == set()


def test_the_example_is_short_enough_to_learn_from() -> None:
    assert HARBOUR.read_text().count("\n") <= 60


def test_it_keeps_the_contract_of_a_language_model() -> None:
    talk = Talk(HARBOUR)
    talk.messages.append(Message("user", "billing department"))
    deltas = check_llm(Responder, talk.request("billing department"), run)
    assert len([delta for delta in deltas if isinstance(delta, TextDelta)]) > 10, "it is streamed word by word"
    talk.messages.append(Message("user", "goodbye"))
    deltas = check_llm(Responder, talk.request("goodbye"), run)
    assert isinstance(deltas[-1], ToolCall), "the goodbye comes first"


def test_the_same_request_is_answered_alike_and_the_seed_only_words_it() -> None:
    talk = Talk(HARBOUR)
    talk.messages.append(Message("user", "book boats"))
    answers = {seed: said(Responder(seed), talk.request("book boats")) for seed in range(8)}
    assert said(Responder(3), talk.request("book boats")) == answers[3]
    assert len(set(answers.values())) > 1
    assert all(answer.endswith(" How many people?") for answer in answers.values())


def test_a_failed_tool_is_not_read_out() -> None:
    agent = Agent("You are a clerk.")

    @agent.tool
    def stock_level(item: str = "nails") -> str:
        """The stock level of an item."""
        raise ConnectionError("db7.internal:5432 refused")

    call = ToolCall("1", "stock_level", "{}")
    failure = "stock_level failed with ConnectionError: db7.internal:5432 refused"
    messages = (
        Message("user", "stock level"),
        Message("assistant", "", (call,)),
        Message("tool", failure, tool_call_id="1"),
    )
    reply = said(Responder(), LlmRequest("", messages, agent.tool_specs))
    assert reply == "I'm sorry, that did not work. Is there anything else I can help you with?"


def test_tool_call_ids_are_unique_within_a_call() -> None:
    talk = Talk(HARBOUR)
    for _ in range(3):
        talk.say("what's the weather like")
    assert len({call.id for call in talk.calls}) == 3


def test_a_tool_that_needs_what_cannot_be_asked_for_is_left_alone() -> None:
    schema: dict[str, object] = {"properties": {"rows": {"type": "object"}}, "required": ["rows"]}
    tool = ToolSpec("import_rows", "Import rows.", schema)
    assert said(Responder(), LlmRequest("", (Message("user", "import rows"),), (tool,))).startswith("I'm sorry")


def test_a_reply_is_no_longer_than_asked() -> None:
    passage = Passage("The sauna is open on every day of the year, even on holidays.", "a.md#Sauna", 1.0)
    request = LlmRequest("", (Message("user", "sauna"),), passages=(passage,), max_tokens=5)
    assert said(Responder(), request) == "The sauna is open on"


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=80), max_size=4), st.sampled_from([HARBOUR, LIBRARY]))
def test_whatever_is_said_there_is_an_answer(turns: list[str], target: Path) -> None:
    talk = Talk(target)
    for text in turns:
        if not talk.ended:
            assert talk.say(text)


def test_a_reply_does_not_hold_up_the_loop() -> None:
    talk = Talk(HARBOUR)
    spent = []
    for row in [*KNOWLEDGE, *UNKNOWN] * 2:
        text = row.turns[0]
        request = msgspec.structs.replace(talk.request(text), messages=(Message("user", text),))
        before = thread_cpu_time()
        run(_first(request))
        spent.append((thread_cpu_time() - before) / 1e6)
    assert statistics.median(spent) < 5.0, (
        f"{statistics.median(spent):.1f} ms to the first token, the loop's own included"
    )


def test_nothing_in_it_knows_the_agents_of_this_repository() -> None:
    package = Path(__file__).parent.parent.parent / "src" / "hocket" / "providers"
    source = "".join(path.read_text() for path in [package / "responder.py", *(package / "dialogue").glob("*.py")])
    code = re.sub(r'"""(?:.|\n)*?"""|#.*', "", source).lower()
    for word in ("kayak", "harbour", "weather", "library", "loan", "billing"):
        assert word not in code


async def _first(request: LlmRequest) -> LlmDelta:
    stream = Responder().reply(request)
    try:
        return await anext(stream)
    finally:
        await stream.aclose()


def said(responder: Responder, request: LlmRequest) -> str:
    async def collect() -> str:
        return "".join([delta.text async for delta in responder.reply(request) if isinstance(delta, TextDelta)])

    return run(collect())
