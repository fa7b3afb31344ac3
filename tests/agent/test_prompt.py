from __future__ import annotations

import pytest

from hocket.agent.agent import Agent
from hocket.agent.call import Call
from hocket.agent.prompt import HOUSE_RULES, instructions_for
from hocket.errors import AgentError


def test_the_agents_words_come_first_and_the_rules_after() -> None:
    text = instructions_for(Agent("You are a clerk. "), Call("1"))
    assert text == f"You are a clerk.\n\n{HOUSE_RULES}"


def test_a_prompt_function_sees_the_call() -> None:
    agent = Agent(lambda call: f"The caller's plan is {call.parameters['plan']}.")
    assert instructions_for(agent, Call("1", parameters={"plan": "gold"})).startswith("The caller's plan is gold.")


def test_another_language_is_asked_for() -> None:
    assert instructions_for(Agent("x"), Call("1", language="de")).endswith("Speak the language de.")


def test_a_prompt_function_that_raises_or_returns_nothing_is_named() -> None:
    with pytest.raises(AgentError, match="KeyError: 'plan'"):
        instructions_for(Agent(lambda call: str(call.parameters["plan"]), name="clerk"), Call("1"))
    with pytest.raises(AgentError, match='agent "clerk" returned no text'):
        instructions_for(Agent(lambda call: "", name="clerk"), Call("1"))
