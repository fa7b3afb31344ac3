from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from hocket.client.dialling import dial, read, way_of
from hocket.client.errors import CallRefused
from hocket.errors import TransportError
from hocket.transports.client_messages import Bye, Hello
from tests.gateway.clients import gateway
from tests.serving import served


@asynccontextmanager
async def front(status: int, body: str | bytes, headers: dict[str, str] | None = None) -> AsyncIterator[str]:
    """A gateway's address, where every request is answered the same, if the key is right."""

    async def answer(request: web.Request) -> web.Response:
        assert request.headers.get("Authorization") == "Bearer key"
        assert await request.json() == {"kind": "ws"}
        return web.Response(status=status, body=body, headers=headers)

    async with served(web.post("/v1/voice/session", answer)) as port:
        yield f"http://127.0.0.1:{port}/"


def test_a_gateway_gives_a_ticket_and_an_address() -> None:
    async def scenario() -> None:
        body = json.dumps({"ticket": "t", "urls": {"ws": "ws://x/ws", "webrtc": "http://x"}, "worker": 0})
        async with front(200, body) as url, aiohttp.ClientSession() as http:
            assert await way_of(http, url, "", "key") == ("ws://x/ws", "t")
            assert await way_of(http, "wss://y/ws", "mine", "") == ("wss://y/ws", "mine")

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("status", "body", "reason", "retry_after_s"),
    [
        (503, '{"reason": "busy", "message": "All lines are taken.", "retry_after_s": 10}', "All lines are taken.", 10),
        (401, '{"reason": "key", "message": "That API key is not valid."}', "That API key is not valid.", 0),
        (404, "nothing here", "The gateway answered with status 404.", 0),
    ],
)
def test_a_gateway_that_gives_none_says_why(status: int, body: str, reason: str, retry_after_s: float) -> None:
    async def scenario() -> None:
        async with front(status, body) as url, aiohttp.ClientSession() as http:
            with pytest.raises(CallRefused) as caught:
                await way_of(http, url, "", "key")
            assert str(caught.value) == reason
            assert (caught.value.retryable, caught.value.retry_after_s) == (status == 503, retry_after_s)

    asyncio.run(scenario())


def test_what_is_no_gateway_is_said_to_be_none() -> None:
    async def scenario() -> None:
        async with aiohttp.ClientSession() as http:
            async with front(200, "<html>") as url:
                with pytest.raises(TransportError, match="is no hocket gateway"):
                    await way_of(http, url, "", "key")
            with pytest.raises(TransportError, match="No gateway can be reached at http://"):
                await way_of(http, url, "", "key")
            with pytest.raises(TransportError, match="ws:// or wss://, not http://x"):
                await way_of(http, "http://x", "ticket", "")
            with pytest.raises(TransportError, match="http:// or https://, not ws://x"):
                await way_of(http, "ws://x", "", "key")

    asyncio.run(scenario())


def test_who_has_no_leave_is_refused() -> None:
    async def scenario() -> None:
        async with gateway() as server, aiohttp.ClientSession() as http:
            with pytest.raises(CallRefused, match="The ticket is not valid") as caught:
                await dial(http, server.url, Hello(ticket="x"))
            assert not caught.value.retryable
            with pytest.raises(CallRefused, match="status 404"):
                await dial(http, server.url + "/other", Hello(ticket="x"))
            socket, welcome = await dial(http, server.url, Hello(ticket=server.ticket()))
            assert welcome.agent == "tested"
            await socket.close()
        async with aiohttp.ClientSession() as http:
            with pytest.raises(TransportError, match="No gateway can be reached"):
                await dial(http, server.url, Hello(ticket="x"))

    asyncio.run(scenario())


def test_messages_that_this_client_does_not_know_are_nothing() -> None:
    assert read('{"type": "bye", "reason": "x"}') == Bye("x")
    assert read('{"type": "news of tomorrow"}') is None
    assert read("[" * 5_000) is None
