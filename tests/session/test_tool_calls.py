from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hocket.agent.agent import Agent
from hocket.agent.call import Call, ToolRun
from hocket.ids import ReplyId
from hocket.session.tasks import Tasks
from hocket.session.tool_calls import ToolCalls
from hocket.sim.loop import run
from hocket.stages.llm import ToolCall
from hocket.turn.commands import CancelTool, RunTool
from hocket.turn.events import ToolFinished, ToolRequested
from tests.session.making import News

REPLY = ReplyId(1)
agent = Agent("You look things up.")


@agent.tool
async def hours(day: str) -> str:
    """Opening hours of a day."""
    await asyncio.sleep(0.5)
    return f"nine to five on {day}"


@agent.tool
async def broken() -> str:
    """Look up something that is not there."""
    raise ValueError("no such table")


@agent.tool(deadline_s=100)
async def stubborn() -> str:
    """Take for ever, and ignore being cancelled."""
    for _ in range(5):
        try:
            await asyncio.sleep(3)
        except asyncio.CancelledError:
            continue
    return "at last"


Scenario = Callable[[ToolCalls, News, list[ToolRun]], Awaitable[None]]


def with_tools(scenario: Scenario) -> None:
    async def body() -> None:
        news, told = News(), list[ToolRun]()
        tasks = Tasks(news.failed)
        call = Call("test")
        call.on("tool", lambda _, ran: told.append(ran))
        await scenario(ToolCalls(call, agent.tools, news.post, news.mark, tasks.start), news, told)
        await tasks.close()
        assert not news.failures

    run(body())


def ordered(tools: ToolCalls, news: News, name: str, arguments: str = "{}") -> RunTool:
    """Ask for a tool, as a reply does, and order it to run, as the engine does."""
    call = tools.request(REPLY, ToolCall("0", name, arguments))
    assert news.events[-1] == ToolRequested(REPLY, call, name, arguments)
    command = RunTool(REPLY, call, name, arguments)
    tools.run(command)
    return command


def test_what_a_tool_answers_goes_to_the_engine_the_model_and_the_subscribers() -> None:
    async def scenario(tools: ToolCalls, news: News, told: list[ToolRun]) -> None:
        first = ordered(tools, news, "hours", '{"day": "Monday"}')
        second = ordered(tools, news, "hours", '{"day": "Friday"}')
        assert first.call != second.call, "although the model called both 0"
        results = await tools.results([first.call, second.call])
        assert results == ["nine to five on Monday", "nine to five on Friday"]
        assert asyncio.get_running_loop().time() == pytest.approx(0.5), "they run side by side"
        assert news.of(ToolFinished) == [
            ToolFinished(REPLY, first.call, results[0]),
            ToolFinished(REPLY, second.call, results[1]),
        ]
        assert [ran.result for ran in told] == results
        assert [mark.step for mark in news.marks] == ["started", "started", "ended", "ended"]

    with_tools(scenario)


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("broken", "{}", "broken failed with ValueError"),
        ("hours", "{}", "Wrong arguments for hours"),
        ("hours", "not JSON", "Wrong arguments for hours"),
        ("unheard_of", "{}", "There is no tool unheard_of"),
    ],
)
def test_what_goes_wrong_is_told_to_the_model(name: str, arguments: str, says: str) -> None:
    async def scenario(tools: ToolCalls, news: News, told: list[ToolRun]) -> None:
        command = ordered(tools, news, name, arguments)
        (result,) = await tools.results([command.call])
        assert says in result
        assert told[0].failed
        assert news.of(ToolFinished) == [ToolFinished(REPLY, command.call, result, True)]

    with_tools(scenario)


@pytest.mark.parametrize("steps", [0, 1, 5])
def test_given_up_it_is_over_at_once_whatever_it_does(steps: int) -> None:
    """Also before its first step, and when it ignores being cancelled."""

    async def scenario(tools: ToolCalls, news: News, told: list[ToolRun]) -> None:
        command = ordered(tools, news, "stubborn")
        for _ in range(steps):
            await asyncio.sleep(0)
        tools.cancel(CancelTool(command.call, "no answer within 10 s"))
        finished = ToolFinished(REPLY, command.call, "stubborn was given up: no answer within 10 s.", True)
        assert news.of(ToolFinished) == [finished]
        assert await tools.results([command.call]) == [finished.result]
        tools.cancel(CancelTool(command.call, "again"))
        await asyncio.sleep(20)
        assert news.of(ToolFinished) == [finished], "exactly one for every RunTool"
        assert len(told) == 1

    with_tools(scenario)


def test_a_reply_that_is_cancelled_leaves_nothing_waiting() -> None:
    async def scenario(tools: ToolCalls, news: News, told: list[ToolRun]) -> None:
        first = ordered(tools, news, "hours", '{"day": "Monday"}')
        never = tools.request(REPLY, ToolCall("1", "hours", "{}"))
        waiting = asyncio.create_task(tools.results([first.call, never]))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await asyncio.wait({waiting})
        assert not tools._results
        await asyncio.sleep(1)
        assert len(news.of(ToolFinished)) == 1, "what was begun is finished and remembered"
        assert not tools._running

    with_tools(scenario)
