from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest

from hocket.assembly import assemble
from hocket.clock import unix_time
from hocket.gateway import offers
from hocket.gateway.calls import Calls
from hocket.gateway.offers import MAX_RETURNS, Offers
from hocket.gateway.tickets import Kind, Tickets, issue
from hocket.transports.webrtc import peer
from hocket.transports.webrtc.line import WebRtc
from tests.gateway.clients import SECRET, WORKER, agent, until
from tests.transports.webrtc.caller import Caller


class Gateway(NamedTuple):
    calls: Calls
    offers: Offers

    async def post(self, **body: Any) -> tuple[int, dict[str, Any]]:
        answer = await self.offers.take(msgspec.json.encode(body))
        return answer.status, msgspec.json.decode(answer.body)

    def ticket(self, kind: Kind = "webrtc", source: str = "") -> str:
        return issue(SECRET, kind=kind, worker=WORKER, now=unix_time(), source=source)


@asynccontextmanager
async def gateway(max_calls: int = 10, **limits: Any) -> AsyncIterator[Gateway]:
    async with assemble(agent()) as assembly:
        calls = Calls(assembly, Tickets(SECRET, WORKER), max_calls=max_calls, **limits)
        shared = WebRtc()
        await shared.open(("127.0.0.1",))
        offers = Offers(calls, shared)
        try:
            yield Gateway(calls, offers)
        finally:
            await calls.close()
            shared.close()


@asynccontextmanager
async def calling() -> AsyncIterator[Caller]:
    caller = Caller()
    try:
        yield caller
    finally:
        await caller.close()


def test_a_call_from_offer_to_hanging_up() -> None:
    async def scenario() -> None:
        async with gateway() as server, calling() as caller:
            status, answer = await server.post(sdp=await caller.offer(), type="offer", ticket=server.ticket())
            assert status == 200
            assert answer["call"].startswith("webrtc-")
            assert (answer["type"], answer["resume_s"], len(answer["resume"]) >= 43) == ("answer", 30.0, True)
            assert server.calls.live == 1
            await caller.accept(answer["sdp"])
            await until(lambda: caller.messages)
            welcome = caller.messages[0]
            assert (welcome["type"], welcome["call"], welcome["resume"]) == (
                "welcome",
                answer["call"],
                answer["resume"],
            )
            assert welcome["agent"] == "tested"
            caller.say(type="hang_up")
            await until(lambda: not server.calls.live)
            assert caller.messages[-1] == {"type": "bye", "reason": "The caller hung up."}
            assert server.calls.ended == 1

    asyncio.run(scenario())


def test_who_comes_back_belongs_to_the_same_call() -> None:
    async def scenario() -> None:
        async with gateway() as server, calling() as caller, calling() as again, calling() as late:
            _, answer = await server.post(sdp=await caller.offer(), ticket=server.ticket())
            await caller.accept(answer["sdp"])
            await until(lambda: caller.messages)
            await caller.peer.close()
            status, second = await server.post(sdp=await again.offer(), resume=answer["resume"], played=0)
            assert (status, second["call"], second["resume"]) == (200, answer["call"], answer["resume"])
            await again.accept(second["sdp"])
            await until(lambda: again.messages)
            assert again.messages[0]["call"] == answer["call"]
            assert (server.calls.live, server.calls.ended) == (1, 0)
            again.say(type="hang_up")
            await until(lambda: not server.calls.live)
            status, refused = await server.post(sdp=await late.offer(), resume=answer["resume"])
            assert (status, refused["reason"]) == (404, "resume")

    asyncio.run(scenario())


def test_what_is_no_offer_is_refused_and_uses_up_no_ticket() -> None:
    async def scenario() -> None:
        async with gateway() as server, calling() as caller:
            ticket, sdp = server.ticket(), await caller.offer()
            for body in (b"", b"{}", b"[" * 50_000, b'{"sdp":5}', b"\xff\xfe", b'{"ticket":"x"}'):
                answer = await server.offers.take(body)
                assert answer.status == 400
                assert msgspec.json.decode(answer.body)["reason"] == "offer"
            for bad in ("", "v=0", sdp.replace("opus", "vorbis"), sdp * 20):
                status, refused = await server.post(sdp=bad, ticket=ticket)
                assert (status, refused["reason"]) == (400, "offer")
                assert refused["message"].startswith("The WebRTC offer ")
            assert server.calls.live == 0
            assert (await server.post(sdp=sdp, ticket=ticket))[0] == 200

    asyncio.run(scenario())


@pytest.mark.parametrize("ticket", ["", "nonsense", "used", "ws"])
def test_without_a_good_ticket_there_is_no_call(ticket: str) -> None:
    async def scenario() -> None:
        async with gateway() as server, calling() as caller:
            shown = server.ticket("ws" if ticket == "ws" else "webrtc") if ticket in ("used", "ws") else ticket
            if ticket == "used":
                server.calls.redeem(shown, "webrtc")
            status, refused = await server.post(sdp=await caller.offer(), ticket=shown)
            assert (status, refused["reason"]) == (403, "ticket")
            assert server.calls.live == 0

    asyncio.run(scenario())


def test_over_capacity_the_answer_says_when_to_try_again() -> None:
    async def scenario() -> None:
        async with gateway(max_calls=1) as server, calling() as caller:
            sdp, spare = await caller.offer(), server.ticket()
            assert (await server.post(sdp=sdp, ticket=server.ticket()))[0] == 200
            answer = await server.offers.take(msgspec.json.encode({"sdp": sdp, "ticket": spare}))
            assert (answer.status, answer.retry_after_s) == (503, 10)
            assert msgspec.json.decode(answer.body)["reason"] == "busy"
            await server.calls.close()
            await until(lambda: not server.calls.live)
            assert (await server.post(sdp=sdp, ticket=spare))[0] == 200

    asyncio.run(scenario())


def test_offers_that_are_not_connected_count_as_calls_of_their_address() -> None:
    async def scenario() -> None:
        async with gateway(max_calls_per_address=2) as server, calling() as caller:
            sdp = await caller.offer()
            for _ in range(2):
                assert (await server.post(sdp=sdp, ticket=server.ticket(source="a")))[0] == 200
            status, refused = await server.post(sdp=sdp, ticket=server.ticket(source="a"))
            assert (status, refused["reason"]) == (429, "too_many_calls")
            assert (await server.post(sdp=sdp, ticket=server.ticket(source="b")))[0] == 200

    asyncio.run(scenario())


def test_a_call_that_is_ended_tells_its_caller_why() -> None:
    async def scenario() -> None:
        async with gateway() as server, calling() as caller:
            _, answer = await server.post(sdp=await caller.offer(), ticket=server.ticket())
            await caller.accept(answer["sdp"])
            await until(lambda: caller.messages)
            assert await server.calls.drained(0, "the server is shutting down") == 1
            await until(lambda: caller.messages[-1] == {"type": "bye", "reason": "The server is shutting down."})

    asyncio.run(scenario())


def test_no_offer_is_read_before_its_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_: str) -> Any:
        raise AssertionError("it was read")

    monkeypatch.setattr(offers, "read_offer", read)

    async def scenario() -> None:
        async with gateway() as server:
            for ticket in ("", "nonsense", server.ticket("ws")):
                assert (await server.post(sdp="v=0", ticket=ticket))[0] == 403
            with pytest.raises(AssertionError, match="it was read"):
                await server.post(sdp="v=0", ticket=server.ticket())

    asyncio.run(scenario())


def test_who_never_connects_loses_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "CONNECT_S", 0.2)

    async def scenario() -> None:
        async with gateway() as server, calling() as caller:
            assert (await server.post(sdp=await caller.offer(), ticket=server.ticket()))[0] == 200
            assert server.calls.live == 1
            await until(lambda: not server.calls.live)

    asyncio.run(scenario())


def test_returns_that_never_connect_are_bounded() -> None:
    async def scenario() -> None:
        async with gateway() as server, calling() as caller, calling() as again:
            _, answer = await server.post(sdp=await caller.offer(), ticket=server.ticket())
            await caller.accept(answer["sdp"])
            await until(lambda: caller.messages)
            sdp = await again.offer()
            statuses = [(await server.post(sdp=sdp, resume=answer["resume"]))[0] for _ in range(MAX_RETURNS + 1)]
            assert statuses == [200] * MAX_RETURNS + [429]
            assert server.calls.live == 1
            await server.calls.close()
            await until(lambda: not server.calls.live)

    asyncio.run(scenario())
