"""Every fault, as a client sees it."""

from __future__ import annotations

import asyncio

import aiohttp
import pytest

from hocket.sim.wire.exchange import GARBAGE
from hocket.sim.wire.faults import Fault
from tests.sim.wire.echo import EVENTS, Echo

WHOLE = "".join(EVENTS)


async def read(server: Echo) -> tuple[int, bytes, float, bool]:
    """Status, what came, how long it took in seconds and whether it ended well."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    got = b""
    status = 0
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(f"{server.url}/stream") as response:
                status = response.status
                async for chunk in response.content.iter_any():
                    got += chunk
        except (aiohttp.ClientError, ConnectionError):
            return status, got, loop.time() - began, False
    return status, got, loop.time() - began, True


async def talk(server: Echo, messages: int) -> tuple[list[str], float, int | None]:
    """What came back over the WebSocket, how long it took and the code it was closed with."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    got: list[str] = []
    async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/socket") as socket:
        for number in range(messages):
            await socket.send_str(str(number))
            message = await socket.receive()
            if message.type is not aiohttp.WSMsgType.TEXT:
                return got, loop.time() - began, socket.close_code
            got.append(message.data)
    return got, loop.time() - began, socket.close_code


def streamed(fault: Fault) -> tuple[int, bytes, float, bool, str]:
    async def scenario() -> tuple[int, bytes, float, bool, str]:
        async with Echo() as server:
            server.faults.plan(fault)
            outcome = await read(server)
            state = server.exchanges[0].state
            # The fault was for one request: the next goes well.
            assert (await read(server))[:2] == (200, WHOLE.encode())
            return (*outcome, state)

    return asyncio.run(scenario())


def talked(fault: Fault) -> tuple[list[str], float, int | None]:
    async def scenario() -> tuple[list[str], float, int | None]:
        async with Echo() as server:
            server.faults.plan(fault)
            return await talk(server, 4)

    return asyncio.run(scenario())


def test_status() -> None:
    status, body, _, ended, state = streamed(Fault("status", status=429, seconds=3))
    assert (status, ended, state) == (429, True, "refused")
    assert b"Planned" in body


def test_a_refusal_says_when_to_come_back() -> None:
    async def scenario() -> None:
        async with Echo() as server, aiohttp.ClientSession() as session:
            server.faults.plan(Fault("status", status=429, seconds=3))
            async with session.post(f"{server.url}/stream") as response:
                assert response.headers["Retry-After"] == "3"

    asyncio.run(scenario())


@pytest.mark.parametrize("kind", ["late", "stall"])
def test_late_and_stalled_answers_are_whole(kind: str) -> None:
    status, body, took, ended, state = streamed(Fault(kind, after_messages=2, seconds=0.06))  # type: ignore[arg-type]
    assert (status, body, ended, state) == (200, WHOLE.encode(), True, "answered")
    assert 0.06 <= took < 1


def test_slow_takes_its_time_for_every_message() -> None:
    _, body, took, ended, _ = streamed(Fault("slow", after_messages=1, seconds=0.02))
    assert (body, ended) == (WHOLE.encode(), True)
    assert 0.08 <= took < 1


@pytest.mark.parametrize("after_bytes", [0, 3])
@pytest.mark.parametrize("kind", ["reset", "close"])
def test_an_answer_is_cut_where_it_was_planned(kind: str, after_bytes: int) -> None:
    fault = Fault(kind, after_messages=2, after_bytes=after_bytes)  # type: ignore[arg-type]
    status, body, _, ended, state = streamed(fault)
    expected = "".join(EVENTS[:2]) + EVENTS[2][:after_bytes]
    assert status == 200
    assert state == "cut"
    assert ended == (kind == "close")
    assert expected.encode().startswith(body)
    if kind == "close":
        assert body == expected.encode()


def test_garbage_replaces_one_message() -> None:
    _, body, _, ended, _ = streamed(Fault("garbage", after_messages=1))
    assert ended
    assert body.decode() == EVENTS[0] + f"data: {GARBAGE}\n\n" + "".join(EVENTS[2:])


def test_faults_of_websockets() -> None:
    assert talked(Fault("garbage", after_messages=1))[0] == ["0", GARBAGE, "2", "3"]
    got, took, _ = talked(Fault("stall", after_messages=2, seconds=0.05))
    assert (got, took >= 0.05) == (["0", "1", "2", "3"], True)
    got, took, _ = talked(Fault("late", seconds=0.05))
    assert (len(got), took >= 0.05) == (4, True)
    got, _, code = talked(Fault("close", after_messages=2))
    assert (got, code) == (["0", "1"], 1011)
    got, _, code = talked(Fault("reset", after_messages=2))
    assert (got, code) == (["0", "1"], 1006)


def test_kept_alive_connections_are_told_apart() -> None:
    async def scenario() -> None:
        async with Echo() as server:
            async with aiohttp.ClientSession() as session:
                for _ in range(2):
                    async with session.post(f"{server.url}/stream") as response:
                        await response.read()
            await read(server)
            first, second, third = (exchange.connection for exchange in server.exchanges)
            assert first == second != third

    asyncio.run(scenario())
