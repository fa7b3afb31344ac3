"""The front's HTTP port: too many connections, and slow ones, are closed; the others are answered."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from hocket.errors import MissingError
from hocket.gateway import listening
from hocket.gateway.addresses import Proxies
from hocket.gateway.listening import HttpPort
from hocket.gateway.worker import more_files
from tests.gateway.waiting import until


@asynccontextmanager
async def listening_on(*, proxies: tuple[str, ...] = (), behind_proxy: bool = False) -> AsyncIterator[HttpPort]:
    async def hello(_: web.Request) -> web.Response:
        return web.Response(text="hello")

    app = web.Application()
    app.router.add_get("/", hello)
    port = HttpPort(app, Proxies(proxies), behind_proxy=behind_proxy)
    await port.listen("127.0.0.1", 0, None)
    try:
        yield port
    finally:
        await port.close()


async def hello(port: HttpPort) -> str:
    async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port.port}/") as response:
        return await response.text()


async def closed(reader: asyncio.StreamReader) -> bytes:
    with contextlib.suppress(ConnectionError):
        return await reader.read()
    return b""


def test_an_address_with_too_many_connections_gets_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PER_ADDRESS", 3)

    async def scenario() -> None:
        async with listening_on() as port:
            held = [await asyncio.open_connection("127.0.0.1", port.port) for _ in range(3)]
            await until(lambda: port._connections._total == 3)
            reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
            assert await closed(reader) == b""
            writer.close()
            held.pop()[1].close()
            await until(lambda: port._connections._total == 2)
            assert await hello(port) == "hello"
            for _, one in held:
                one.close()
            await until(lambda: port._connections._total == 0)

    asyncio.run(scenario())


def test_a_proxy_may_have_as_many_as_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "PER_ADDRESS", 1)

    async def scenario() -> None:
        async with listening_on(proxies=("127.0.0.0/8",), behind_proxy=True) as port:
            held = [await asyncio.open_connection("127.0.0.1", port.port) for _ in range(5)]
            assert await hello(port) == "hello"
            for _, one in held:
                one.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: a\r\n", b"G"])
def test_who_does_not_finish_a_request_is_closed(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "IDLE_S", 0.3)

    async def scenario() -> None:
        async with listening_on() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
            writer.write(sent)
            await closed(reader)
            writer.close()

    asyncio.run(scenario())


def test_two_thousand_slow_connections_harm_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of one address, which may have them here: they are held open, half a request each, while others ask."""
    more_files()
    monkeypatch.setattr(listening, "PER_ADDRESS", 3_000)

    async def scenario() -> None:
        async with listening_on() as port:
            slow = [await asyncio.open_connection("127.0.0.1", port.port) for _ in range(2_000)]
            for _, writer in slow:
                writer.write(b"GET / HTTP/1.1\r\nX-Slow: ")
            await until(lambda: port._connections._total == 2_000)
            for _ in range(5):
                assert await hello(port) == "hello"
            for _, writer in slow:
                writer.close()
            await until(lambda: port._connections._total == 0)

    asyncio.run(scenario())


def test_a_port_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with listening_on() as port:
            with pytest.raises(MissingError, match=f"Port {port.port} of 127.0.0.1 cannot be used"):
                await HttpPort(web.Application(), Proxies(()), behind_proxy=False).listen("127.0.0.1", port.port, None)

    asyncio.run(scenario())


def test_who_begins_no_tls_is_closed_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "HANDSHAKE_S", 0.2)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)

    async def scenario() -> None:
        port = HttpPort(web.Application(), Proxies(()), behind_proxy=False)
        await port.listen("127.0.0.1", 0, tls)
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
            async with asyncio.timeout(30):  # without a limit of its own it would be 60
                assert await closed(reader) == b""
            writer.close()
        finally:
            await port.close()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "sent", [b"GET / HTTP/1.1\r\nAuthorization: " + b"secret" * 4_000, b"GET / HTTP/9.x\r\n", b"\x16\x03"]
)
def test_what_is_no_request_is_not_logged(sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Each would be a traceback, with the address and what may be a key."""

    async def scenario() -> None:
        async with listening_on() as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port.port)
            writer.write(sent + b"\r\n\r\n")
            await closed(reader)
            writer.close()

    asyncio.run(scenario())
    assert not caplog.records
