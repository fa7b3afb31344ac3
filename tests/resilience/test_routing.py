"""Which turns go to the model that thinks."""

from __future__ import annotations

import pytest

from hocket.resilience.routing import RoutedLlm, looks_complex
from hocket.sim.loop import run
from hocket.sim.sentences import ANSWERS, QUESTIONS, STATEMENTS, UNFINISHED
from hocket.stages.llm import LlmRequest, Message, ToolCall
from hocket.stages.notices import Notice, listen
from tests.resilience.models import Model, said
from tests.stages.leftovers import collect

ORDINARY = """
Hi, I'd like to book a table for two tonight.
Hello, how are you?
Hi there, how are you? Do you have a room free for this weekend?
What are your opening hours?
Do you take walk-ins?
Can I speak to a person, please?
I need to cancel my appointment on Friday.
Could you move it to three o'clock instead?
Yes, that works for me.
No, thank you, that was all.
My name is Anna Lindqvist, with a q.
It's four one five, five five five, zero one three two.
How much is a haircut for a child?
Is there parking nearby?
Do you have anything cheaper than that?
Do you have anything on Friday? Or maybe Saturday?
Sorry, could you repeat that?
Where exactly are you located?
Which bus goes there?
I'm calling about my order from last week.
The order number is A B seven seven two.
It hasn't arrived yet.
Can you send me a confirmation by email?
Okay, great, see you then.
Is the kitchen open after nine?
Can we bring our dog?
We'd be four adults and one baby.
Um, I think it was Tuesday, or maybe Wednesday.
What's the wifi password?
Can I pay by card?
I'd like to change my appointment, please.
Do you have vegan options?
I'm running ten minutes late, can you let Doctor Meyer know?
Who am I speaking with?
Is Doctor Patel in today?
I need a refill of my prescription.
How long does the check-up take?
Okay then, let's do Thursday at ten.
Can you transfer me to billing?
Could you put me down for the earlier one, please?
Are you open on public holidays?
Please cancel it and book me in for next week.
I have a toothache and need to see somebody today.
Do I have to bring my insurance card?
A table by the window would be lovely, if you have one.
And what does that cost?
What time is check-out?
Can you tell me if my car is ready?
I was told to call back about the results of my blood test.
Right, so the fourteenth at half past two it is.
""".strip().splitlines()

COMPLEX = """
Can you explain why I was charged twice?
What's the difference between the basic and the premium plan?
Compare the two rooms for me, please.
Which one is cheaper if we stay five nights?
Why is my bill higher than last month?
Cancel my Tuesday appointment, book one for Thursday and send me a confirmation.
First check whether the red one is in stock, and then order two of them.
What are your opening hours and how much is a ticket for a student?
Is there parking at the hotel? And can we bring a dog that is quite large?
Can you calculate what three nights cost with breakfast for one child?
How much would it be for six adults and two children altogether?
What happens if I cancel? And until when can I get my money back?
Could you walk me through how the deposit works?
If it rains on Saturday we want to move to Sunday, otherwise we keep the booking.
What are the pros and cons of the yearly contract?
Would the train or the bus be better for me with a wheelchair?
I have two invoices here, please work out what I still owe you.
So last week I was at your office and the colleague there told me that I needed a form that she could not print as \
the printer was broken, so I went home and tried it online but it wants a number that I never got from anybody.
""".strip().splitlines()


def asking(text: str, *more: Message) -> LlmRequest:
    return LlmRequest(
        "Be kind.", (Message("user", "Hello."), Message("assistant", "Hi."), Message("user", text), *more)
    )


def test_hardly_any_ordinary_turn_looks_complex() -> None:
    assert len(ORDINARY) >= 40
    wrong = [text for text in ORDINARY if looks_complex(asking(text))]
    assert len(wrong) < 0.06 * len(ORDINARY), wrong


def test_hardly_any_turn_of_callers_it_was_not_written_for_looks_complex() -> None:
    """The simulator's sentences, which were there before the classifier and did not shape it."""
    turns = [text.replace("|", "").replace("...", "") for text in (*QUESTIONS, *STATEMENTS, *ANSWERS, *UNFINISHED)]
    assert len(turns) > 50
    wrong = [text for text in turns if looks_complex(asking(text))]
    assert len(wrong) < 0.06 * len(turns), wrong


@pytest.mark.parametrize("text", COMPLEX)
def test_turns_that_need_thinking_look_complex(text: str) -> None:
    assert looks_complex(asking(text))
    assert looks_complex(asking(text.upper()))


@pytest.mark.parametrize("text", ["", "?", "…", "ok"])
def test_hardly_anything_said_is_simple(text: str) -> None:
    assert not looks_complex(asking(text))
    assert not looks_complex(LlmRequest("Greet the caller.", ()))


def test_the_complex_model_answers_complex_turns_and_the_share_is_known() -> None:
    heard: list[Notice] = []

    async def scenario() -> None:
        listen(heard.append)
        routed = RoutedLlm(Model("quick/one", "Sure."), Model("deep/thought", "Because of that."))
        assert routed.name == "quick/one"
        assert said(await collect(routed.reply(asking("Do you take cards?")))) == "Sure."
        assert heard == []
        assert said(await collect(routed.reply(asking("Why not?")))) == "Because of that."
        assert heard == [Notice("llm", "routed", "deep/thought")]
        assert (routed.turns, routed.complex_turns) == (2, 1)

    run(scenario())


def test_tool_rounds_stay_with_the_model_that_began_the_turn() -> None:
    async def scenario() -> None:
        shown: list[LlmRequest] = []

        def is_complex(request: LlmRequest) -> bool:
            shown.append(request)
            return looks_complex(request)

        routed = RoutedLlm(Model("quick", "Sure."), Model("deep", "Because."), is_complex)
        asked = Message("assistant", "Let me see.", (ToolCall("1", "bill", "{}"),))
        result = Message("tool", "Why? How? Compare and explain.", tool_call_id="1")
        simple, difficult = asking("What do I owe?"), asking("Why do I owe that?")
        for request, answer in ((simple, "Sure."), (difficult, "Because.")):
            assert said(await collect(routed.reply(request))) == answer
            round_two = asking(request.messages[-1].content, asked, result)
            assert said(await collect(routed.reply(round_two))) == answer
            assert shown[-1] == shown[-2] == request
        assert (routed.turns, routed.complex_turns) == (2, 1)

    run(scenario())
