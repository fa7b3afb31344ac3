from __future__ import annotations

import asyncio
from random import Random

import aiohttp
import pytest

from hocket.errors import MissingError
from hocket.sim.delays import Delays, Even
from hocket.sim.wire.faults import Fault
from tests.sim.wire.echo import EVENTS, Echo
from tests.sim.wire.waiting import until
from tests.stages.leftovers import leaves_nothing

WHOLE = "".join(EVENTS)


async def stream(url: str, key: str = "") -> tuple[int, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/stream", data=b"asked", headers={"X-Key": key}) as response,
    ):
        return response.status, await response.text()


def test_it_answers_and_remembers_what_it_was_asked() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            assert server.url.startswith("http://127.0.0.1:")
            assert await stream(server.url) == (200, WHOLE)
            (exchange,) = server.exchanges
            assert (exchange.body, exchange.sent, exchange.state) == (b"asked", 5, "answered")

    asyncio.run(scenario())


def test_a_websocket_keeps_its_texts_and_counts_its_audio() -> None:
    async def scenario() -> None:
        async with Echo() as server, aiohttp.ClientSession() as session:
            async with session.ws_connect(f"{server.url}/socket") as socket:
                await socket.send_str("hello")
                await socket.send_bytes(b"\x00" * 320)
                assert await socket.receive_str() == "hello"
                assert await socket.receive_bytes() == b"\x00" * 320
            (exchange,) = server.exchanges
            assert list(exchange.texts) == ["hello"]
            assert exchange.audio_bytes == 320
            await until(lambda: exchange.state == "answered")

    asyncio.run(scenario())


def test_only_its_key_is_accepted() -> None:
    async def scenario() -> None:
        async with Echo(key="right") as server:
            assert (await stream(server.url, "right"))[0] == 200
            status, body = await stream(server.url, "wrong")
            assert status == 401
            assert "key is not valid" in body
            assert server.exchanges[-1].state == "refused"

    asyncio.run(scenario())


def test_an_address_it_does_not_know_is_not_found() -> None:
    async def scenario() -> None:
        async with (
            Echo() as server,
            aiohttp.ClientSession() as session,
            session.get(f"{server.url}/nowhere/at/all") as response,
        ):
            assert response.status == 404
            assert "/nowhere/at/all" in (await response.json())["message"]

    asyncio.run(scenario())


def test_delays_are_kept_and_drawn_from_the_seed() -> None:
    def drawn(seed: int) -> Delays:
        return Delays(Random(seed), Even(0, 0), Even(4, 8), Even(0, 0))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        wanted = drawn(3)
        at_least = sum(wanted.llm_first_token() for _ in EVENTS) / 1e9
        async with Echo(delays=drawn(3)) as server:
            began = loop.time()
            await stream(server.url)
            assert at_least <= loop.time() - began < at_least + 0.5

    asyncio.run(scenario())


def test_a_client_that_leaves_is_noticed_at_once() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            server.faults.standing = Fault("stall", after_messages=2, seconds=60)
            task = asyncio.create_task(stream(server.url))
            await until(lambda: bool(server.exchanges) and server.exchanges[0].sent == 2)
            task.cancel()
            await until(lambda: server.exchanges[0].state == "left")

    asyncio.run(scenario())


@pytest.mark.parametrize("twice", [False, True])
def test_stopping_cuts_what_is_being_answered(twice: bool) -> None:
    async def scenario() -> None:
        server = Echo()
        url = await server.start()
        server.faults.standing = Fault("stall", after_messages=2, seconds=60)
        task = asyncio.create_task(stream(url))
        await until(lambda: bool(server.exchanges) and server.exchanges[0].sent == 2)
        async with asyncio.timeout(2):
            await server.stop()
            if twice:
                await server.stop()
            with pytest.raises(aiohttp.ClientError):
                await task
        assert server.exchanges[0].state == "cut"
        with pytest.raises(aiohttp.ClientConnectorError):
            await stream(url)

    asyncio.run(scenario())


def test_nothing_is_left_behind() -> None:
    async def use() -> None:
        async with (
            Echo() as server,
            aiohttp.ClientSession() as session,
            session.ws_connect(f"{server.url}/socket") as socket,
        ):
            await socket.send_str("hello")
            await socket.receive_str()
            await server.stop()

    asyncio.run(leaves_nothing(use, "a server with an open WebSocket"))


def test_a_port_that_is_taken_is_one_sentence() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            port = int(server.url.rpartition(":")[2])
            with pytest.raises(MissingError, match=f"Port {port} of 127.0.0.1"):
                await Echo().start(port)

    asyncio.run(scenario())
