from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from random import Random

import pytest

from hocket.errors import LlmError
from hocket.providers import http_connections, llm_http
from hocket.providers.anthropic import Anthropic
from hocket.providers.http_connections import HttpConnections
from hocket.providers.openai_chat import OpenAiChat
from hocket.resilience.pool import SIZE
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.anthropic import AnthropicServer
from hocket.sim.wire.faults import Fault
from hocket.sim.wire.openai import OpenAiServer
from hocket.stages.warm import Warmable
from tests.providers.cold_start import Proxy, check_cold_start, heard
from tests.providers.llm_wire import SIMPLE, ask, closing, text_of
from tests.sim.wire.waiting import until
from tests.stages.leftovers import cancelled_anywhere, leaves_nothing

HELLO = b'data: {"choices": [{"delta": {"content": "Hello."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: %d\r\n\r\n" % len(HELLO)


def model(url: str) -> OpenAiChat:
    return OpenAiChat("m", key="k", base_url=f"{url}/v1", silence_s=1)


def connections_of(llm: OpenAiChat) -> HttpConnections:
    return llm._http._here()


class Peer:
    """A server that does with a connection what a test wants from its second request on; the first is answered."""

    def __init__(self, then: str) -> None:
        self.then = then
        self.connections: list[asyncio.StreamWriter] = []
        self.posts = 0
        self.heads = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = True
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if b"content-length: " in head:
                await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            self.posts += head.startswith(b"post")
            self.heads += head.startswith(b"head")
            if self.then == "close at once" or (not first and self.then == "close"):
                return
            writer.write(HEAD if head.startswith(b"head") else HEAD + HELLO)
            first = False


@asynccontextmanager
async def against(then: str) -> AsyncIterator[tuple[Peer, OpenAiChat]]:
    peer = Peer(then)
    server = await asyncio.start_server(peer.serve, "127.0.0.1", 0)
    async with server:
        async with closing(model(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")) as llm:
            assert isinstance(llm, OpenAiChat)
            yield peer, llm
        for writer in peer.connections:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


def scenario(then: str, body: Callable[[Peer, OpenAiChat], Awaitable[None]]) -> None:
    async def within() -> None:
        async with against(then) as (peer, llm):
            await body(peer, llm)

    asyncio.run(within())


def test_replies_over_warm_connections_wait_for_none_and_others_say_that_they_did() -> None:
    async def body(peer: Peer, llm: OpenAiChat) -> None:
        steps = heard(llm)
        assert text_of(await ask(llm)) == "Hello."
        assert steps == ["started", "ended"]
        await llm.warm(16_000)
        await until(lambda: connections_of(llm).idle == SIZE)
        assert [text_of(reply) for reply in await asyncio.gather(*(ask(llm) for _ in range(SIZE)))] == ["Hello."] * SIZE
        assert steps == ["started", "ended"]
        assert len(peer.connections) == SIZE
        before = peer.heads
        await llm.warm(16_000)
        await asyncio.sleep(0.02)
        assert peer.heads == before, "what is warm costs nothing"

    scenario("answer", body)


def test_a_connection_that_cannot_be_opened_is_said_so() -> None:
    async def scenario() -> None:
        async with closing(model("http://127.0.0.1:1")) as llm:
            assert isinstance(llm, OpenAiChat)
            steps = heard(llm)
            with pytest.raises(LlmError, match="could not be reached"):
                await ask(llm)
        assert steps == ["started", "failed"]

    asyncio.run(scenario())


def test_notice_is_given_to_the_reply_that_waits_and_to_no_other() -> None:
    async def body(_: Peer, llm: OpenAiChat) -> None:
        async def one() -> list[str]:
            steps = heard(llm)
            await ask(llm)
            return steps

        assert await asyncio.create_task(one()) == ["started", "ended"]
        assert await asyncio.create_task(one()) == []

    scenario("answer", body)


def test_what_a_cancelled_reply_closes_is_opened_again_before_the_next() -> None:
    async def scenario() -> None:
        server = OpenAiServer(
            "Hello, how can I help?" * 50, delays=Delays(Random(1), Even(0, 0), Even(40, 40), Even(0, 0))
        )
        async with server, closing(model(server.url)) as llm:
            assert isinstance(llm, OpenAiChat)
            await llm.warm(16_000)
            await until(lambda: connections_of(llm).idle == SIZE)
            steps = heard(llm)
            async with aclosing(llm.reply(SIMPLE)) as deltas:
                await anext(deltas)
                assert connections_of(llm).idle == SIZE - 1
            await until(lambda: connections_of(llm).idle == SIZE, 1)
            server.faults.plan(Fault("late", seconds=5))
            reply = asyncio.create_task(ask(llm))
            await until(lambda: connections_of(llm).idle == SIZE - 1)
            reply.cancel()
            await asyncio.wait({reply})
            await until(lambda: connections_of(llm).idle == SIZE, 1)
            assert steps == []

    asyncio.run(scenario())


def test_idle_connections_are_used_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "TEND_S", 0.05)

    async def scenario() -> None:
        async with OpenAiServer() as server, closing(model(server.url)) as llm:
            assert isinstance(llm, OpenAiChat)
            await llm.warm(16_000)
            await until(lambda: len(server.exchanges) >= 4 * SIZE)
            touched = [exchange.connection for exchange in server.exchanges]
            assert len(set(touched)) == len(set(touched[-SIZE:])) == SIZE
            assert {exchange.request.method for exchange in server.exchanges} == {"HEAD"}

    asyncio.run(scenario())


def test_connections_that_the_vendor_closed_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "TEND_S", 0.1)

    async def body(peer: Peer, llm: OpenAiChat) -> None:
        await llm.warm(16_000)
        await until(lambda: connections_of(llm).idle == SIZE)
        steps = heard(llm)
        for writer in peer.connections[:3]:
            writer.close()
        await until(lambda: connections_of(llm).idle == 2)
        await until(lambda: connections_of(llm).idle == SIZE, 1)
        await ask(llm)
        assert len(peer.connections) == SIZE + 3
        assert steps == []

    scenario("answer", body)


def test_a_reply_that_finds_none_dials_and_more_are_opened_after_it() -> None:
    async def body(peer: Peer, llm: OpenAiChat) -> None:
        await llm.warm(16_000)
        await until(lambda: connections_of(llm).idle == SIZE)
        for writer in peer.connections:
            writer.close()
        await until(lambda: connections_of(llm).idle == 0)
        steps = heard(llm)
        await ask(llm)
        assert steps == ["started", "ended"]
        await until(lambda: connections_of(llm).idle >= SIZE, 1)

    scenario("answer", body)


def test_half_open_connections_are_found_by_the_next_touch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "TEND_S", 0.1)
    monkeypatch.setattr(http_connections, "FIRST_WAIT_S", 0.05)
    monkeypatch.setattr(llm_http, "TOUCH_S", 0.2)

    async def scenario() -> None:
        proxy = Proxy()
        async with proxy.before(OpenAiServer()), closing(model(proxy.url)) as llm:
            assert isinstance(llm, OpenAiChat)
            await llm.warm(16_000)
            await until(lambda: connections_of(llm).idle == SIZE)
            proxy.swallow()
            await until(lambda: proxy.connections == 2 * SIZE and connections_of(llm).idle == SIZE, 0.95)
            steps = heard(llm)
            assert text_of(await ask(llm))
            assert steps == []

    asyncio.run(scenario())


def test_a_request_that_meets_a_connection_being_closed_is_made_again_on_a_fresh_one() -> None:
    async def body(peer: Peer, llm: OpenAiChat) -> None:
        steps = heard(llm)
        for _ in range(3):
            assert text_of(await ask(llm)) == "Hello."
        assert peer.posts == 5
        assert steps == ["started", "ended"] * 3
        assert len(peer.connections) == 3

    scenario("close", body)


def test_a_request_that_a_fresh_connection_fails_is_not_made_again() -> None:
    async def body(peer: Peer, llm: OpenAiChat) -> None:
        with pytest.raises(LlmError, match="broke off"):
            await ask(llm)
        assert peer.posts == 1

    scenario("close at once", body)


def test_a_vendor_without_a_list_is_warmed_all_the_same_and_a_wrong_key_is_said_so() -> None:
    async def scenario() -> None:
        async with AnthropicServer(key="right") as server:
            async with closing(Anthropic(key="right", base_url=server.url)) as llm:
                assert isinstance(llm, Warmable)
                server.faults.plan(Fault("status", status=405))
                await llm.warm(8000)
                await until(lambda: len(server.exchanges) >= SIZE)
                assert server.exchanges[0].request.path == "/v1/models"
            async with closing(Anthropic(key="wrong", base_url=server.url)) as llm:
                assert isinstance(llm, Warmable)
                before = len(server.exchanges)
                with pytest.raises(LlmError, match="refused the key"):
                    await llm.warm(8000)
                await asyncio.sleep(0.05)
                assert len(server.exchanges) == before + 1

    asyncio.run(scenario())


def test_a_vendor_that_is_down_at_the_start_is_warmed_when_it_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_connections, "FIRST_WAIT_S", 0.05)

    async def scenario() -> None:
        server = OpenAiServer()
        await server.start()
        await server.stop()
        async with closing(model(server.url)) as llm:
            assert isinstance(llm, OpenAiChat)
            with pytest.raises(LlmError, match="could not be reached"):
                await llm.warm(16_000)
            await server.start(int(server.url.rpartition(":")[2]))
            await until(lambda: connections_of(llm).idle == SIZE, 2)
        await server.stop()

    asyncio.run(scenario())


def test_warming_can_be_cancelled_and_closing_leaves_nothing() -> None:
    async def scenario() -> None:
        async with OpenAiServer() as server:

            async def use() -> None:
                llm = model(server.url)
                try:
                    await llm.warm(16_000)
                finally:
                    await llm.close()
                    await llm.close()

            await leaves_nothing(use, "warm connections")
            await cancelled_anywhere(use, "warming")

    asyncio.run(scenario())


def test_the_first_reply_over_warm_connections_is_as_quick_as_later_ones() -> None:
    async def use(llm: OpenAiChat) -> None:
        assert text_of(await ask(llm))

    check_cold_start(OpenAiServer, model, use)
