"""The ports of a worker: WebSockets and WebRTC, each told when there is no room."""

from __future__ import annotations

import asyncio
import builtins
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from hocket.assembly import assemble
from hocket.gateway.calls import Calls
from hocket.gateway.lines import COMPLEXITY, LEAST_COMPLEXITY, Lines, udp_addresses, udp_reachable
from hocket.gateway.settings import Settings
from hocket.gateway.tickets import Tickets
from tests.assembly.test_assembly import agent_of


@asynccontextmanager
async def opened(**settings: Any) -> AsyncIterator[tuple[Lines, Calls, int]]:
    async with assemble(agent_of()) as assembly:
        calls = Calls(assembly, Tickets("a secret of more than thirty-two bytes", "w"), max_calls=2)
        lines = Lines(calls, Settings(agent="", dev=True, **settings), 0)
        port = await lines.open(0, None)
        try:
            yield lines, calls, port
        finally:
            await lines.close()


def test_every_way_in_is_open() -> None:
    async def scenario() -> None:
        async with opened() as (lines, calls, port), aiohttp.ClientSession() as client:
            calls.draining = True
            async with client.ws_connect(f"http://127.0.0.1:{port}/ws") as socket:
                await socket.send_json({"type": "hello", "ticket": "any"})
                assert (await socket.receive_json())["type"] == "refused"
            for path in ("/twilio", "/telnyx"):
                with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                    await client.ws_connect(f"http://127.0.0.1:{port}{path}")
                assert refused.value.status == 503
            assert lines.offer is not None
            answer = await lines.offer(b"{}")
            assert (answer.status, json.loads(answer.body)["reason"]) == (400, "offer")

    asyncio.run(scenario())


def test_callers_addresses_are_not_logged_by_what_finds_the_way_to_them() -> None:
    logging.getLogger("aioice").setLevel(logging.NOTSET)

    async def scenario() -> None:
        async with opened():
            assert not logging.getLogger("aioice.ice").isEnabledFor(logging.INFO)

    asyncio.run(scenario())


def test_opus_is_cheap_when_nothing_else_is_left_to_shed() -> None:
    async def scenario() -> None:
        async with opened() as (lines, calls, _):
            assert lines._webrtc is not None
            effort = lines._webrtc._shared.effort
            for level, complexity in ((3, COMPLEXITY), (4, LEAST_COMPLEXITY), (0, COMPLEXITY)):
                calls.assembly.load.set(level)
                assert effort.complexity == complexity

    asyncio.run(scenario())


def test_without_webrtc_the_other_ways_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name == "hocket.gateway.offers":
            raise ModuleNotFoundError("No module named 'aiortc'", name="aiortc")
        return whole(name, *rest)

    monkeypatch.setattr(builtins, "__import__", missing)

    async def scenario() -> None:
        async with opened() as (lines, _, port):
            assert lines.offer is None
            assert port

    asyncio.run(scenario())


def test_a_public_address_is_told_to_callers() -> None:
    async def scenario() -> None:
        async with opened(public_ip="203.0.113.7") as (lines, _, _):
            assert lines.offer is not None

    asyncio.run(scenario())


def test_webrtc_listens_where_the_other_ports_do() -> None:
    assert udp_addresses("localhost") == udp_addresses("127.0.0.1") == ("127.0.0.1",)
    assert udp_addresses("192.0.2.1") == ("192.0.2.1",)
    assert udp_addresses("0.0.0.0") == udp_addresses("::") == ()


@pytest.mark.parametrize(
    ("settings", "reachable"),
    [
        ({}, True),
        ({"public_url": "https://voice.example"}, False),
        ({"public_url": "https://voice.example", "host": "localhost"}, False),
        ({"public_url": "https://voice.example", "host": "0.0.0.0"}, True),
        ({"public_url": "https://voice.example", "host": "10.0.0.5"}, True),
        ({"public_url": "https://voice.example", "public_ip": "203.0.113.7"}, True),
        ({"public_url": "http://localhost:8000"}, True),
        ({"public_url": "http://[::1]:8000"}, True),
    ],
)
def test_webrtc_is_offered_where_its_udp_arrives(settings: dict[str, str], reachable: bool) -> None:
    assert udp_reachable(Settings(agent="", **settings)) is reachable  # type: ignore[arg-type]


def test_behind_a_proxy_of_this_machine_there_is_no_webrtc_without_a_public_address() -> None:
    async def scenario() -> None:
        async with opened(public_url="https://voice.example") as (lines, _, port), aiohttp.ClientSession() as client:
            assert lines.offer is None
            async with client.ws_connect(f"http://127.0.0.1:{port}/w/0/ws"):
                pass

    asyncio.run(scenario())
