from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from picows import WSMsgType, WSTransport

from hocket.gateway import connection, media
from hocket.gateway.connection import Connection
from hocket.gateway.media import MediaServer
from hocket.gateway.settings import Settings
from tests.gateway.clients import until
from tests.gateway.raw import deaf


class Said(Connection):
    """Closes when it has sent so much."""

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._transport = transport

    async def say(self, size: int) -> None:
        assert self._transport is not None
        self._transport.send(WSMsgType.BINARY, bytes(size))
        self._disconnect(self._transport)
        await self._disconnected()


@asynccontextmanager
async def connected() -> AsyncIterator[tuple[Said, socket.socket]]:
    """With a far end that reads nothing but the answer to its handshake."""
    listeners: list[Said] = []

    def take(_: object) -> Said:
        listeners.append(Said())
        return listeners[-1]

    server = MediaServer(0, Settings(agent="", dev=True), 10, {"/ws": take})
    await server.listen("127.0.0.1", 0)
    try:
        async with deaf(server.port, "/ws") as client:
            yield listeners[0], client
    finally:
        server.close()


def test_the_end_does_not_wait_for_who_does_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "CLOSE_S", 0.1)
    monkeypatch.setattr(media, "IDLE_S", 3600.0)  # or the server would end it too

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with connected() as (one, _):
            began = loop.time()
            async with asyncio.timeout(20):
                await one.say(10_000_000)
            assert loop.time() - began >= 0.1
            await one._disconnected()

    asyncio.run(scenario())


def test_the_end_waits_until_all_is_read() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with connected() as (one, client):
            saying = asyncio.create_task(one.say(100_000))
            read = 0
            while data := await loop.sock_recv(client, 65_536):
                read += len(data)
            await saying
            assert read > 100_000

    asyncio.run(scenario())


def test_only_the_last_deadline_counts() -> None:
    async def scenario() -> None:
        seen: list[int] = []
        async with connected() as (one, _):
            one._deadline(0.0, seen.append, 1)
            one._deadline(0.02, seen.append, 2)
            await until(lambda: seen)
            one._deadline(0.0, seen.append, 3)
            one._no_deadline()
            await asyncio.sleep(0.02)
            assert seen == [2]

    asyncio.run(scenario())
