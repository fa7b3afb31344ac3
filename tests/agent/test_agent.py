from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hocket.agent.agent import Agent, Manners, Resilience, choices
from hocket.agent.call import Call
from hocket.agent.tools import END_CALL
from hocket.errors import AgentError


def test_an_agent_needs_only_instructions() -> None:
    agent = Agent("You are a clerk.")
    assert agent.stages.stt is agent.stages.llm is agent.stages.tts is agent.stages.vad is None
    assert agent.preset == "adaptive"
    assert agent.manners == Manners()
    assert [spec.name for spec in agent.tool_specs] == [END_CALL]


def test_tools_are_declared_with_and_without_options() -> None:
    agent = Agent("You are a clerk.")

    @agent.tool
    def stock(item: str) -> int:
        """How many of an item there are."""
        return 3

    @agent.tool(filler="Let me look.", deadline_s=2.0)
    async def order(item: str) -> str:
        """Order an item."""
        return "ordered"

    assert stock("nails") == 3, "a tool stays a function that can be called"
    assert list(agent.tools) == [END_CALL, "stock", "order"]
    assert agent.tools["stock"].filler is None
    assert (agent.tools["order"].filler, agent.tools["order"].deadline_s) == ("Let me look.", 2.0)


def test_a_second_tool_of_the_same_name_is_refused() -> None:
    agent = Agent("You are a clerk.")

    def end_call() -> None:
        """Hang up."""

    with pytest.raises(AgentError, match="already has a tool end_call"):
        agent.tool(end_call)


def test_subscribers_are_kept_by_kind_and_in_order() -> None:
    agent = Agent("You are a clerk.")
    heard: list[str] = []

    @agent.on("turn")
    def first(call: Call, detail: object) -> None:
        heard.append("first")

    agent.on("turn", lambda call, detail: heard.append("second"))
    Call("1", subscribers=agent.subscribers).emit("turn")
    Call("2", subscribers=agent.subscribers).emit("reply")
    assert heard == ["first", "second"]


def test_an_unknown_event_is_refused_with_the_list_of_events() -> None:
    with pytest.raises(AgentError, match="started, turn, reply, tool, ended"):
        Agent("You are a clerk.").on("hangup", lambda call, detail: None)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Agent("  "), "needs instructions"),
        (lambda: Agent("x", preset="fast"), "no preset"),  # type: ignore[arg-type]
        (lambda: Agent("x", phrases="one phrase"), "put them in brackets"),
        (lambda: Agent("x", manners=Manners(reprompts="hello")), "put them in brackets"),  # type: ignore[arg-type]
        (lambda: Agent("x", manners=Manners(no_input_s=0)), "no_input_s"),
        (lambda: Agent("x", manners=Manners(max_duration_s=float("inf"))), "max_duration_s"),
    ],
)
def test_values_that_cannot_work_are_refused(make: object, words: str) -> None:
    assert callable(make)
    with pytest.raises(AgentError, match=words):
        make()


def test_knowledge_becomes_a_path() -> None:
    assert Agent("x", knowledge="clinic").knowledge == Path("clinic")


def test_importing_hocket_brings_no_provider_and_no_numpy() -> None:
    code = "import sys, hocket; print(*sorted(m for m in sys.modules if m.startswith(('hocket', 'numpy'))))"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "hocket.agent.agent" in modules
    heavy = [m for m in modules if m.startswith(("numpy", "hocket.providers", "hocket.knowledge", "hocket.session"))]
    assert heavy == []


def test_several_providers_stand_in_for_one_another_in_the_order_of_the_list() -> None:
    agent = Agent("You help.", llm=["openai/gpt-4o-mini", "anthropic/claude-haiku-4-5"], tts="flite")
    assert choices(agent.stages.llm) == ("openai/gpt-4o-mini", "anthropic/claude-haiku-4-5")
    assert choices(agent.stages.tts) == ("flite",)
    assert choices(agent.stages.stt) == (None,)


def test_an_empty_list_of_providers_is_refused() -> None:
    with pytest.raises(AgentError, match=r'"llm" of an agent is an empty list'):
        Agent("You help.", llm=[])


def test_an_unknown_way_of_hedging_is_refused() -> None:
    with pytest.raises(AgentError, match="use late, both or off"):
        Agent("You help.", resilience=Resilience(hedge="sometimes"))  # type: ignore[arg-type]
