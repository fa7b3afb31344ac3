"""What the tests of both chat adapters ask and expect."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any, Protocol, TypeVar

import msgspec

from hocket.sim.delays import Delays, Even
from hocket.sim.wire.models import ModelServer
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, Message, Passage, TextDelta, ToolCall, ToolSpec
from tests.stages.leftovers import collect

WEATHER = ToolSpec(
    "weather",
    "The weather of a place.",
    {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
)
END_CALL = ToolSpec("end_call", "End the call.", {"type": "object", "properties": {}})

SIMPLE = LlmRequest("Be brief.", (Message("user", "When do you open?"),))

LONG = LlmRequest(
    "You work for a kayak rental.",
    (
        Message("assistant", "Harbour Kayaks, hello!"),
        Message("user", "How is the weather?"),
        Message("assistant", "Let me see.", (ToolCall("1:weird id", "weather", '{"place": "Bergen"}'),)),
        Message("tool", "Rain.", tool_call_id="1:weird id"),
        Message("assistant", "It rains."),
        Message("assistant", ""),
        Message("user", "And what does a kayak cost?"),
    ),
    tools=(WEATHER, END_CALL),
    passages=(Passage("A kayak is 30 euros.", "prices.md#Kayaks", 2.0), Passage("A canoe is 40.", "prices.md", 1.0)),
)


class Closing(Llm, Protocol):
    async def close(self) -> None: ...

    async def models(self) -> tuple[str, ...]: ...


S = TypeVar("S", bound=ModelServer)


def quick(seed: int = 1) -> Delays:
    """A few milliseconds to the first token."""
    return Delays(Random(seed), Even(0, 0), Even(4, 8), Even(0, 0))


@asynccontextmanager
async def closing(llm: Closing) -> AsyncIterator[Closing]:
    try:
        yield llm
    finally:
        await llm.close()


async def ask(llm: Llm, request: LlmRequest = SIMPLE) -> list[LlmDelta]:
    async with asyncio.timeout(10):
        return await collect(llm.reply(request))


def text_of(deltas: list[LlmDelta]) -> str:
    return "".join(delta.text for delta in deltas if isinstance(delta, TextDelta))


def sent(server: ModelServer) -> dict[str, Any]:
    """The body of the newest request."""
    return msgspec.json.decode(server.exchanges[-1].body, type=dict[str, Any])
