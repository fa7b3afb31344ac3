"""A worker's /ws in this process, on a real socket, with small stages behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiohttp

from hocket.agent.agent import Agent
from hocket.assembly import assemble
from hocket.clock import unix_time
from hocket.gateway.calls import Calls
from hocket.gateway.client_socket import ClientSockets
from hocket.gateway.media import MediaServer
from hocket.gateway.settings import Settings
from hocket.gateway.tickets import Kind, Tickets, issue, new_secret
from tests.cli.small_stages import LevelVad, WordsStt
from tests.session.making import FakeLlm, FakeTts

SECRET = new_secret()
WORKER = "w0"
WAIT_S = 20.0
"""For what happens at once on an idle machine."""


def agent(**options: Any) -> Agent:
    stages: dict[str, Any] = {
        "vad": LevelVad(),
        "stt": WordsStt("When do you open?"),
        "llm": FakeLlm(("We open at nine.",)),
        "tts": FakeTts(ms=1000),
    }
    return Agent("You are being tested.", name="tested", **(stages | options))


class Gateway(NamedTuple):
    """What a test may look at."""

    calls: Calls
    sockets: ClientSockets
    media: MediaServer

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.media.port}/ws"

    def ticket(self, kind: Kind = "ws", source: str = "") -> str:
        return issue(SECRET, kind=kind, worker=WORKER, now=unix_time(), source=source)


@asynccontextmanager
async def gateway(of: Agent | None = None, *, max_calls: int = 10, **limits: Any) -> AsyncIterator[Gateway]:
    async with assemble(of or agent()) as assembly:
        calls = Calls(assembly, Tickets(SECRET, WORKER), max_calls=max_calls, **limits)
        sockets = ClientSockets(calls)
        media = MediaServer(0, Settings(agent="", dev=True), max_calls, {"/ws": sockets.listener})
        await media.listen("127.0.0.1", 0)
        try:
            yield Gateway(calls, sockets, media)
        finally:
            media.close()
            await calls.close()
            await sockets.close()


@asynccontextmanager
async def dialled(server: Gateway) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connection, before its hello."""
    async with aiohttp.ClientSession() as http, http.ws_connect(server.url) as socket:
        yield socket


async def hello(server: Gateway, socket: aiohttp.ClientWebSocketResponse, **fields: Any) -> dict[str, Any]:
    """Say it, with a good ticket unless there is something else; returns the answer."""
    if "resume" not in fields:
        fields.setdefault("ticket", server.ticket())
    await socket.send_json({"type": "hello", **fields})
    return await told(socket)


async def told(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any]:
    """The next message in JSON."""
    async with asyncio.timeout(WAIT_S):
        while True:
            message = await socket.receive()
            if message.type is aiohttp.WSMsgType.TEXT:
                found: dict[str, Any] = message.json()
                return found
            assert message.type is aiohttp.WSMsgType.BINARY, message


async def ending(socket: aiohttp.ClientWebSocketResponse) -> tuple[list[dict[str, Any]], int | None]:
    """All messages in JSON until the server closes, and its code."""
    async with asyncio.timeout(WAIT_S):
        messages = [message async for message in socket]
    return [message.json() for message in messages if message.type is aiohttp.WSMsgType.TEXT], socket.close_code


async def until(true: Callable[[], object]) -> None:
    loop = asyncio.get_running_loop()
    end = loop.time() + WAIT_S
    while not true():
        assert loop.time() < end, "it does not come"
        await asyncio.sleep(0.005)
