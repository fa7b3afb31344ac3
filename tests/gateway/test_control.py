"""What a worker answers its front."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec

from hocket.assembly import assemble
from hocket.gateway.calls import Calls
from hocket.gateway.control import Answer, Control, Drain, OfferTaker, Report
from hocket.gateway.tickets import Tickets
from tests.assembly.test_assembly import agent_of


@asynccontextmanager
async def controlled(
    folder: Path, orders: list[Drain], offer: OfferTaker | None = None
) -> AsyncIterator[tuple[Calls, aiohttp.ClientSession]]:
    async with assemble(agent_of()) as assembly:
        calls = Calls(assembly, Tickets("a secret of more than thirty-two bytes", "w"), max_calls=2)
        control = Control(calls, 8081, drain=orders.append, offer=offer, metrics=lambda: b'{"calls": 1}')
        path = str(folder / "w.sock")
        await control.listen(path)
        async with aiohttp.ClientSession("http://worker", connector=aiohttp.UnixConnector(path)) as client:
            try:
                yield calls, client
            finally:
                await control.close()


def test_a_worker_tells_how_it_is_and_takes_orders(tmp_path: Path) -> None:
    async def scenario() -> None:
        orders: list[Drain] = []
        async with controlled(tmp_path, orders) as (calls, client):
            async with client.get("/load") as response:
                report = msgspec.json.decode(await response.read(), type=Report)
            assert report == Report(8081, 0, 2, 0.0, None)
            calls.draining = True
            async with client.get("/load") as response:
                report = msgspec.json.decode(await response.read(), type=Report)
            assert report.refusal is not None
            assert report.refusal.reason == "draining"
            async with client.get("/metrics") as response:
                assert await response.json() == {"calls": 1}
            async with client.post("/drain", data=msgspec.json.encode(Drain(5, "a reason"))) as response:
                assert response.status == 202
            assert orders == [Drain(5, "a reason")]

    asyncio.run(scenario())


def test_an_offer_is_answered_by_who_takes_offers(tmp_path: Path) -> None:
    async def taker(body: bytes) -> Answer:
        return Answer(503, b'{"reason": "busy"}', 9) if body == b"one too many" else Answer(200, body)

    async def scenario() -> None:
        async with controlled(tmp_path, [], taker) as (_, client):
            async with client.get("/load") as response:
                assert msgspec.json.decode(await response.read(), type=Report).webrtc
            async with client.post("/offer", data=b'{"sdp": ""}') as response:
                assert (response.status, await response.read()) == (200, b'{"sdp": ""}')
            async with client.post("/offer", data=b"one too many") as response:
                assert (response.status, response.headers["Retry-After"]) == (503, "9")
            async with client.post("/offer", data=b"a" * 100_000) as response:
                assert response.status == 413

    asyncio.run(scenario())


def test_without_webrtc_an_offer_is_told_so(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with controlled(tmp_path, []) as (_, client), client.post("/offer", data=b"{}") as response:
            assert response.status == 501
            assert "hocket[webrtc]" in (await response.json())["message"]

    asyncio.run(scenario())
