"""Who may open a WebSocket at a worker: wrong origins, paths and too many are answered before the upgrade."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from picows import WSFrame, WSListener, WSTransport

from hocket.errors import MissingError
from hocket.gateway import media
from hocket.gateway.admission import Refusal
from hocket.gateway.media import MediaServer, Upgrade
from hocket.gateway.settings import Settings
from tests.gateway.waiting import until

ORIGIN = "https://talk.example"


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        transport.send(frame.msg_type, frame.get_payload_as_bytes())


class Served:
    def __init__(self, server: MediaServer, upgrades: list[Upgrade], client: aiohttp.ClientSession) -> None:
        self.server, self.upgrades, self.client = server, upgrades, client

    async def connect(self, path: str, **headers: str) -> aiohttp.ClientWebSocketResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.ws_connect(f"http://127.0.0.1:{self.server.port}{path}", headers=named)

    async def refused(self, path: str, **headers: str) -> aiohttp.WSServerHandshakeError:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await self.connect(path, **headers)
        return refused.value


@asynccontextmanager
async def served(max_calls: int = 5, **settings: Any) -> AsyncIterator[Served]:
    upgrades: list[Upgrade] = []

    def taken(upgrade: Upgrade) -> WSListener:
        upgrades.append(upgrade)
        return Echo()

    given = Settings(agent="", origins=(ORIGIN,), **settings)
    server = MediaServer(3, given, max_calls, {"/ws": taken, "/busy": lambda _: Refusal("busy", 7)})
    await server.listen("127.0.0.1", 0)
    async with aiohttp.ClientSession() as client:
        try:
            yield Served(server, upgrades, client)
        finally:
            server.close()


def test_each_path_has_its_own_listener() -> None:
    async def scenario() -> None:
        async with served() as at:
            for path in ("/ws", "/w/3/ws", "/ws?ticket=1"):
                socket = await at.connect(path)
                await socket.send_str("hello")
                assert await socket.receive_str() == "hello"
                await socket.close()
            assert [upgrade.path for upgrade in at.upgrades] == ["/ws"] * 3
            assert at.upgrades[1].url_path == "/w/3/ws"
            assert at.upgrades[2].query == "ticket=1"
            for path in ("/", "/w/2/ws", "/w/3/w/3/ws", "/w/3", "/nothing", "/ws/"):
                assert (await at.refused(path)).status == 404

    asyncio.run(scenario())


def test_a_refusal_is_an_answer_to_the_upgrade() -> None:
    async def scenario() -> None:
        async with served() as at:
            refused = await at.refused("/busy")
            assert (refused.status, refused.headers and refused.headers["Retry-After"]) == (503, "7")
            async with at.client.get(f"http://127.0.0.1:{at.server.port}/busy") as response:
                assert json.loads(await response.text())["reason"] == "busy"

    asyncio.run(scenario())


def test_pages_of_other_origins_are_refused() -> None:
    async def scenario() -> None:
        async with served() as at:
            assert (await at.refused("/ws", Origin="https://evil.example")).status == 403
            assert (await at.refused("/ws", Origin="")).status == 403
            assert not at.upgrades
            await at.connect("/ws", Origin=ORIGIN)
            await at.connect("/ws")  # a program shows its ticket later

    asyncio.run(scenario())


@pytest.mark.parametrize("connection", ["Upgrade", "keep-alive, Upgrade", "upgrade,keep-alive"])
def test_browsers_ask_for_an_upgrade_in_their_own_ways(connection: str) -> None:
    async def scenario() -> None:
        async with served() as at:
            reader, writer = await asyncio.open_connection("127.0.0.1", at.server.port)
            writer.write(
                f"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: {connection}\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
            )
            assert (await reader.readline()).split()[1] == b"101"
            writer.close()

    asyncio.run(scenario())


def test_compression_is_never_agreed_to() -> None:
    async def scenario() -> None:
        async with served() as at:
            socket = await at.client.ws_connect(f"http://127.0.0.1:{at.server.port}/ws", compress=15)
            assert not socket.compress

    asyncio.run(scenario())


def test_an_address_has_only_so_many_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "STRANGERS", 2)

    async def scenario() -> None:
        async with served(max_calls=1) as at:
            held = [await asyncio.open_connection("127.0.0.1", at.server.port) for _ in range(3)]
            reader, writer = await asyncio.open_connection("127.0.0.1", at.server.port)
            assert await _closed(reader)
            writer.close()
            held.pop()[1].close()
            await until(lambda: at.server.connections._total == 2)
            socket = await at.connect("/ws")
            await socket.send_str("hello")
            assert await socket.receive_str() == "hello"
            await socket.close()
            for _, one in held:
                one.close()
            await until(lambda: at.server.connections._total == 0)

    asyncio.run(scenario())


def test_behind_a_proxy_the_addresses_it_speaks_for_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "STRANGERS", 1)

    async def scenario() -> None:
        async with served(max_calls=1, trusted_proxies=("127.0.0.1",)) as at:
            held = [await at.connect("/ws", X_Forwarded_For="203.0.113.1") for _ in range(2)]
            refused = await at.refused("/ws", X_Forwarded_For="203.0.113.1")
            assert refused.status == 429
            held.append(await at.connect("/ws", X_Forwarded_For="203.0.113.2"))
            assert [upgrade.address for upgrade in at.upgrades] == ["203.0.113.1", "203.0.113.1", "203.0.113.2"]

    asyncio.run(scenario())


@pytest.mark.parametrize("sent", [b"", b"GET /ws HTTP/1.1\r\nHost: a\r\n", b"GET /ws HT", b"\x16\x03\x01\x02"])
def test_who_does_not_finish_asking_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "HANDSHAKE_S", 0.2)
    asyncio.run(_send_and_be_closed(sent))


def test_an_address_may_not_connect_over_and_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media, "NEW_AT_ONCE", 3)
    monkeypatch.setattr(media, "NEW_PER_S", 0.001)

    async def scenario() -> None:
        async with served(max_calls=1) as at:
            for _ in range(4):
                await (await at.connect("/ws")).close()
            with pytest.raises(aiohttp.ClientError):
                await at.connect("/ws")
            await until(lambda: at.server.connections._total == 0)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "sent",
    [
        b"POST /ws HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /ws HTTP/1.1\r\nX: " + b"a" * 40_000,
        b"\x00" * 40_000,
        b"GET  /ws\r\n\r\n",
    ],
)
def test_what_is_no_request_for_a_websocket_ends_the_connection(sent: bytes) -> None:
    asyncio.run(_send_and_be_closed(sent))


async def _send_and_be_closed(sent: bytes) -> None:
    async with served() as at:
        reader, writer = await asyncio.open_connection("127.0.0.1", at.server.port)
        writer.write(sent)
        assert await _closed(reader)
        writer.close()
        await until(lambda: at.server.connections._total == 0)


def test_a_port_that_is_taken_is_said_in_a_sentence() -> None:
    async def scenario() -> None:
        async with served() as at:
            other = MediaServer(0, Settings(agent=""), 1, {})
            with pytest.raises(MissingError, match=f"Port {at.server.port} of 127.0.0.1 cannot be used"):
                await other.listen("127.0.0.1", at.server.port)

    asyncio.run(scenario())


async def _closed(reader: asyncio.StreamReader) -> bool:
    with contextlib.suppress(ConnectionError):
        await reader.read()
    return reader.at_eof() or reader.exception() is not None
