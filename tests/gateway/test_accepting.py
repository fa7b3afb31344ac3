"""Connections count from the moment they are accepted, TLS or not, at the front and at a worker."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import pytest
from aiohttp import web
from picows import WSFrame, WSListener, WSTransport

from hocket.errors import MissingError
from hocket.gateway import listening, media
from hocket.gateway.accepting import AT_ONCE, Acceptor
from hocket.gateway.addresses import Connections, Proxies
from hocket.gateway.listening import HttpPort
from hocket.gateway.media import MediaServer
from hocket.gateway.settings import Settings
from hocket.gateway.worker import new_loop
from tests.gateway.certificate import client_context, server_context
from tests.gateway.waiting import until

LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, new_loop]


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


class Port(NamedTuple):
    number: int
    counts: Connections
    ask: Callable[[], Any]
    listen_again: Callable[[], Any]


@asynccontextmanager
async def worker_port(folder: Path) -> AsyncIterator[Port]:
    server = MediaServer(0, Settings(agent="", origins=("https://a.example",)), 1, {"/ws": lambda _: Echo()})
    tls = server_context(folder)
    await server.listen("127.0.0.1", 0, tls)

    async def ask() -> None:
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"wss://127.0.0.1:{server.port}/ws", ssl=client_context()) as talk,
        ):
            await talk.send_str("x" * 60_000)
            assert await talk.receive_str() == "x" * 60_000

    other = MediaServer(1, Settings(agent=""), 1, {})
    try:
        yield Port(server.port, server.connections, ask, lambda: other.listen("127.0.0.1", server.port, tls))
    finally:
        server.close()


@asynccontextmanager
async def front_port(folder: Path) -> AsyncIterator[Port]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    port = HttpPort(app, Proxies(()), behind_proxy=False)
    tls = server_context(folder)
    await port.listen("127.0.0.1", 0, tls)

    async def ask() -> None:
        url = f"https://127.0.0.1:{port.port}/"
        async with aiohttp.ClientSession() as client, client.get(url, ssl=client_context()) as response:
            assert await response.text() == "hello"

    other = HttpPort(web.Application(), Proxies(()), behind_proxy=False)
    try:
        yield Port(port.port, port._connections, ask, lambda: other.listen("127.0.0.1", port.port, tls))
    finally:
        await port.close()


@pytest.fixture(params=[worker_port, front_port])
def port_of(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(media, "STRANGERS", 2)  # and a call
    monkeypatch.setattr(listening, "PER_ADDRESS", 3)
    return request.param


def run(scenario: Any, loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario)


async def closed(reader: asyncio.StreamReader) -> bool:
    with suppress(ConnectionError):
        async with asyncio.timeout(30):
            return await reader.read() == b""
    return True


@pytest.mark.parametrize("loop", LOOPS)
def test_idle_connections_count_before_their_tls_is_done(port_of: Any, loop: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with port_of(tmp_path) as port:
            held = [await asyncio.open_connection("127.0.0.1", port.number) for _ in range(3)]
            await until(lambda: port.counts._total == 3)
            reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
            assert await closed(reader)
            writer.close()
            held.pop()[1].close()
            await until(lambda: port.counts._total == 2)
            await port.ask()
            for _, one in held:
                one.close()
            await until(lambda: port.counts._total == 0)

    run(scenario(), loop)


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01", b"GET / HTTP/1.1\r\n\r\n"])
def test_who_does_not_shake_hands_is_closed_and_gives_back_its_place(
    port_of: Any, loop: Any, sent: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "HANDSHAKE_S", 0.2)
    monkeypatch.setattr(listening, "HANDSHAKE_S", 0.2)

    async def scenario() -> None:
        async with port_of(tmp_path) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port.number)
            writer.write(sent)
            assert await closed(reader) or sent
            await until(lambda: port.counts._total == 0)
            writer.close()

    run(scenario(), loop)


def test_closing_leaves_no_handshake_behind(port_of: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with port_of(tmp_path) as port:
            _, writer = await asyncio.open_connection("127.0.0.1", port.number)
            await until(lambda: port.counts._total == 1)
        await until(lambda: port.counts._total == 0)
        writer.close()

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_said_in_a_sentence(port_of: Any, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with port_of(tmp_path) as port:
            with pytest.raises(MissingError, match=f"Port {port.number} of 127.0.0.1 cannot be used"):
                await port.listen_again()

    asyncio.run(scenario())


class Refused(asyncio.Protocol):
    """Counts, and lets nobody in."""

    entered = 0

    def enter(self, address: str) -> bool:
        Refused.entered += 1
        return False

    def leave(self) -> None:
        pass


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("secure", [False, True])
def test_a_flood_leaves_the_loop_to_its_calls_between_a_few_and_a_few(loop: Any, secure: bool, tmp_path: Path) -> None:
    async def scenario() -> None:
        Refused.entered = 0
        acceptor = Acceptor(Refused, server_context(tmp_path) if secure else None, 5.0)
        number = await acceptor.open("127.0.0.1", 0)
        flood = [socket.create_connection(("127.0.0.1", number)) for _ in range(3 * AT_ONCE + 5)]
        at_a_time = set()
        while Refused.entered < len(flood):
            before = Refused.entered
            await asyncio.sleep(0)
            at_a_time.add(Refused.entered - before)
        acceptor.close()
        for one in flood:
            one.close()
        assert max(at_a_time) == AT_ONCE

    run(scenario(), loop)
