"""Second calls, fallback and continuation over real sockets: whatever a server does, no word is lost or said twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest

from hocket.errors import LlmError
from hocket.providers.anthropic import Anthropic
from hocket.providers.openai_chat import OpenAiChat
from hocket.resilience.breaker import LEAST_CALLS
from hocket.resilience.chain import Chain
from hocket.resilience.fallback_llm import FallbackLlm
from hocket.resilience.hedge import HedgedLlm
from hocket.resilience.slots import Slots
from hocket.sim.wire.anthropic import AnthropicServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.models import ModelServer
from hocket.sim.wire.openai import OpenAiServer
from hocket.sim.wire.replies import Asked, Reply, tokens
from hocket.stages.llm import LlmRequest
from hocket.stages.notices import Notice, listen
from tests.providers.llm_wire import LONG, SIMPLE, ask, quick, text_of
from tests.sim.wire.waiting import until

WORDS = "We open at nine, every day but Sunday, and the first boats leave at half past nine."


def obedient(asked: Asked) -> Reply:
    """All of the words, or those from the last word on that a continuation is asked for after."""
    if (told := re.search("“(.*)”", asked.said)) is None:
        return Reply(WORDS)
    begun = WORDS[: WORDS.index(told[1]) + len(told[1])]
    return Reply(WORDS[begun.rfind(" ") + 1 :])


def openai() -> OpenAiServer:
    return OpenAiServer(obedient, delays=quick(), token_ns=1_000_000)


def anthropic() -> AnthropicServer:
    return AnthropicServer(obedient, delays=quick(2), token_ns=1_000_000)


class Talk:
    """The models of some servers as one. Only where second calls are what is tested are there any: a machine that
    stands still for half a second makes one."""

    def __init__(self, servers: Sequence[ModelServer], second_calls: bool) -> None:
        self.models = [_model(server) for server in servers]
        self.hedged = [HedgedLlm(model) for model in self.models] if second_calls else []
        self.slots = Slots()
        self.llm = FallbackLlm(Chain(self.hedged or self.models, self.slots, 1500))
        self.notices: list[Notice] = []
        listen(lambda notice: self.notices.append(notice) if notice.stage == "llm" else None)

    @property
    def steps(self) -> list[str]:
        return [notice.step for notice in self.notices]


def _model(server: ModelServer) -> OpenAiChat | Anthropic:
    if isinstance(server, OpenAiServer):
        return OpenAiChat("some-model", key="sk-test", base_url=f"{server.url}/v1")
    return Anthropic(key="sk-test", base_url=server.url)


@asynccontextmanager
async def talking(*servers: ModelServer, second_calls: bool = False) -> AsyncIterator[Talk]:
    for server in servers:
        await server.start()
    talk = Talk(servers, second_calls)
    try:
        yield talk
        assert [talk.slots.taken(model.name) for model in talk.models] == [0] * len(servers)
    finally:
        await talk.llm.close()
        for closing in (*talk.hedged, *talk.models):
            await closing.close()
        for server in servers:
            await until(partial(_nothing_is_open, server))
            await server.stop()


def _nothing_is_open(server: ModelServer) -> bool:
    return all(exchange.state != "open" for exchange in server.exchanges)


def test_a_stall_before_the_first_token_is_overtaken_by_a_second_call() -> None:
    async def scenario() -> None:
        server = openai()
        server.faults.plan(Fault("stall", seconds=60))
        async with talking(server, second_calls=True) as talk:
            began = asyncio.get_running_loop().time()
            assert text_of(await ask(talk.llm)) == WORDS
            assert 0.5 <= asyncio.get_running_loop().time() - began < 1.1
            assert talk.steps == ["hedged", "won"]
            assert talk.notices[-1].count == 2
            await until(lambda: server.exchanges[0].state == "left")

    asyncio.run(scenario())


@pytest.mark.parametrize("after", range(2, 2 + len(tokens(WORDS)), 3))
@pytest.mark.parametrize("kind", ["reset", "close", "error", "garbage"])
def test_a_reply_that_breaks_off_goes_on_at_the_next_vendor(kind: str, after: int) -> None:
    async def scenario() -> None:
        first, second = openai(), anthropic()
        first.faults.plan(Fault(kind, after_messages=after))  # type: ignore[arg-type]
        async with talking(first, second) as talk:
            assert text_of(await ask(talk.llm)) == WORDS
            assert talk.steps == ["left"]
            assert [len(first.exchanges), len(second.exchanges)] == [1, 1]

    asyncio.run(scenario())


@pytest.mark.parametrize("after", range(2, 2 + len(tokens(WORDS)), 3))
def test_a_vendor_alone_goes_on_with_its_own_reply(after: int) -> None:
    async def scenario() -> None:
        server = openai()
        server.faults.plan(Fault("reset", after_messages=after))
        async with talking(server) as talk:
            assert text_of(await ask(talk.llm)) == WORDS
            assert len(server.exchanges) == 2

    asyncio.run(scenario())


@pytest.mark.parametrize("make", [openai, anthropic])
@pytest.mark.parametrize("request_", [SIMPLE, LONG, LlmRequest("", LONG.messages[:4], LONG.tools, LONG.passages)])
def test_vendors_accept_to_be_asked_for_a_continuation(make: type[ModelServer], request_: LlmRequest) -> None:
    async def scenario() -> None:
        server = make()
        server.faults.plan(Fault("close", after_messages=8))
        async with talking(server) as talk:
            assert text_of(await ask(talk.llm, request_)) == WORDS
            assert [exchange.state for exchange in server.exchanges] == ["cut", "answered"]

    asyncio.run(scenario())


def test_a_stall_in_the_middle_goes_on_at_the_next_vendor() -> None:
    async def scenario() -> None:
        first, second = openai(), anthropic()
        first.faults.plan(Fault("stall", after_messages=6, seconds=60))
        async with talking(first, second) as talk:
            assert text_of(await ask(talk.llm)) == WORDS
            assert talk.steps == ["left"]
            assert "sent nothing for 0.7 s" in talk.notices[0].detail
            await until(lambda: first.exchanges[0].state == "left")

    asyncio.run(scenario())


def test_a_server_that_fails_costs_no_more_than_the_way_to_the_next() -> None:
    async def scenario() -> None:
        first, second = openai(), anthropic()
        first.faults.standing = Fault("status", status=500)
        async with talking(first, second) as talk:
            for _ in range(10):
                began = asyncio.get_running_loop().time()
                assert text_of(await ask(talk.llm)) == WORDS
                assert asyncio.get_running_loop().time() - began < 1.0
            assert set(talk.steps) == {"left"}
            assert len(first.exchanges) == len(talk.notices) == 3, "then it is left"

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("fault", "asked"), [(Fault("status", status=401), LEAST_CALLS), (Fault("status", status=429, seconds=30), 1)]
)
def test_a_server_that_asks_to_wait_is_left_at_once_and_one_that_refuses_soon(fault: Fault, asked: int) -> None:
    async def scenario() -> None:
        first, second = openai(), anthropic()
        first.faults.standing = fault
        async with talking(first, second) as talk:
            for _ in range(5):
                assert text_of(await ask(talk.llm)) == WORDS
            assert len(first.exchanges) == asked

    asyncio.run(scenario())


def test_when_every_server_fails_it_is_said_so() -> None:
    async def scenario() -> None:
        first, second = openai(), anthropic()
        for server in (first, second):
            server.faults.standing = Fault("status", status=500)
        async with talking(first, second) as talk:
            with pytest.raises(LlmError, match="HTTP 500"):
                await ask(talk.llm)

    asyncio.run(scenario())
