"""A worker's calls: none beyond what there is room for, none lost in a drain, each found by its token."""

from __future__ import annotations

import asyncio
import json
import logging
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hocket.agent.agent import Resilience
from hocket.assembly import assemble
from hocket.clock import unix_time
from hocket.gateway.calls import GOODBYE_S, Calls
from hocket.gateway.tickets import TicketError, Tickets, issue
from hocket.session.session import Session
from hocket.sim.loop import run
from hocket.stages.transport import Receiver
from hocket.trace.news import News, State
from hocket.transports.client_messages import ServerMessage
from tests.assembly.test_assembly import NoStt, agent_of
from tests.gateway.uncollected import run_uncollected
from tests.session.making import FakeLine

SECRET = "a secret of more than thirty-two bytes"


class ReturningLine(FakeLine):
    resume_token = "a token"
    farewell = "The call is over."

    def tell(self, message: ServerMessage) -> None:
        pass


class Pulse:
    lag_p99_ms = 0.0


@asynccontextmanager
async def calls_of(max_calls: int = 3, pulse: Pulse | None = None, **options: Any) -> AsyncIterator[Calls]:
    async with assemble(agent_of(**options)) as assembly:
        yield Calls(assembly, Tickets(SECRET, "w"), max_calls=max_calls, pulse=pulse)


def hold(calls: Calls, number: int = 0, line: FakeLine | None = None, **about: Any) -> asyncio.Task[None]:
    return calls.hold(line or FakeLine(), call_id=f"call-{number}", **about)


async def begun(calls: Calls) -> tuple[asyncio.Task[None], Session]:
    """The only call, a second after its beginning."""
    task = hold(calls)
    await asyncio.sleep(1)
    (call,) = calls._live.values()
    assert call.session is not None
    return task, call.session


def leave(calls: Calls) -> None:
    for call in calls._live.values():
        assert call.session is not None
        call.session.left("The caller hung up.")


def test_what_was_traced_of_a_call_is_not_kept_after_it() -> None:
    async def scenario() -> None:
        async with calls_of() as calls:
            task, session = await begun(calls)
            assert session.trace.entries
            leave(calls)
            await task
            assert not session.trace.entries

    run(scenario())


def test_a_call_that_is_over_is_gone_without_the_collector() -> None:
    """On the worker's own loop: virtual ones keep cancelled timers, and what hangs on them."""

    def hang_up(receiver: Receiver, frame: int) -> None:
        if frame == 5:
            receiver.left("The caller hung up.")

    async def scenario() -> None:
        async with calls_of() as calls:
            line = FakeLine()
            line.plan = hang_up
            task = hold(calls, line=line)
            await asyncio.sleep(0.05)
            (call,) = calls._live.values()
            assert call.session is not None
            over = weakref.ref(call.session)
            del call, line
            await task
            del task
            await asyncio.sleep(0)
            assert over() is None

    run_uncollected(scenario())


def test_a_call_counts_from_the_moment_it_is_taken() -> None:
    async def scenario() -> None:
        async with calls_of(max_calls=2) as calls:
            tasks: list[asyncio.Task[None]] = []
            while (refusal := calls.admit()) is None:
                tasks.append(hold(calls, len(tasks)))
            assert (len(tasks), calls.live, refusal.reason) == (2, 2, "busy")
            await asyncio.sleep(1)
            leave(calls)
            await asyncio.gather(*tasks)
            assert (calls.live, calls.ended, calls.admit()) == (0, 2, None)

    run(scenario())


@pytest.mark.parametrize("steps", [0, 1, 100])
def test_a_call_that_is_cancelled_leaves_its_place(steps: int) -> None:
    async def scenario() -> None:
        async with calls_of(max_calls=1) as calls:
            task = hold(calls, line=ReturningLine())
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})
            assert (calls.live, calls.admit(), calls.resumable("a token")) == (0, None, None)

    run(scenario())


def test_closing_ends_all_calls() -> None:
    async def scenario() -> None:
        async with calls_of() as calls:
            begun = hold(calls)
            await asyncio.sleep(1)
            new = hold(calls, 1)
            await asyncio.gather(calls.close(), calls.close())
            assert (begun.cancelled(), new.cancelled(), calls.live) == (True, True, 0)
            await calls.close()

    run(scenario())


@pytest.mark.parametrize("source", ["", "a"])
def test_a_source_has_only_so_many_calls_and_gets_their_places_back(source: str) -> None:
    async def scenario() -> None:
        async with assemble(agent_of()) as assembly:
            calls = Calls(assembly, Tickets(SECRET, "w"), max_calls=9, max_calls_per_address=2)
            tasks = [hold(calls, number, source=source) for number in range(2)]
            refused = calls.admit(source)
            assert (refused and (refused.reason, refused.status)) == (("too_many_calls", 429) if source else None)
            assert calls.admit("another") is None
            await asyncio.sleep(1)
            leave(calls)
            await asyncio.gather(*tasks)
            assert calls.admit(source) is None
            assert not calls._of_source

    run(scenario())


def test_a_slow_loop_and_full_providers_refuse_calls() -> None:
    async def scenario() -> None:
        pulse = Pulse()
        async with calls_of(pulse=pulse, resilience=Resilience(slots={NoStt.name: 2})) as calls:
            slots = calls.assembly.providers.slots
            assert slots.take(NoStt.name)
            task = hold(calls)
            await asyncio.sleep(1)
            full = calls.admit()
            assert full is not None
            assert full.reason == "providers_busy"
            slots.give(NoStt.name)
            assert calls.admit() is None
            pulse.lag_p99_ms = 6
            late = calls.admit()
            assert late is not None
            assert late.reason == "overloaded"
            leave(calls)
            await task

    run(scenario())


def test_a_ticket_is_redeemed_once() -> None:
    async def scenario() -> None:
        async with calls_of() as calls:
            ticket = issue(SECRET, kind="ws", worker="w", now=unix_time(), caller="+44")
            assert calls.redeem(ticket, "ws").caller == "+44"
            with pytest.raises(TicketError, match="used before"):
                calls.redeem(ticket, "ws")

    run(scenario())


def test_a_returning_client_finds_its_line_as_long_as_the_call_lives() -> None:
    async def scenario() -> None:
        async with calls_of() as calls:
            line = ReturningLine()
            task = hold(calls, line=line)
            assert calls.resumable("a token") is line
            assert calls.resumable("another") is None
            await asyncio.sleep(1)
            leave(calls)
            await task
            assert calls.resumable("a token") is None

    run(scenario())


def test_what_happens_is_told() -> None:
    async def scenario() -> None:
        told: list[News] = []
        async with calls_of() as calls:
            task = hold(calls, tell=told.append)
            await asyncio.sleep(2)
            leave(calls)
            await task
        assert State("speaking") in told

    run(scenario())


def test_the_log_has_a_line_for_a_call_and_nothing_personal_in_it(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with calls_of() as calls:
            task = hold(calls, caller="+441234", parameters={"name": "Ada"})
            await asyncio.sleep(1)
            leave(calls)
            await task

    with caplog.at_level(logging.INFO):
        run(scenario())
    (line,) = [record.getMessage() for record in caplog.records if "call_ended" in record.getMessage()]
    assert json.loads(line)["call"] == "call-0"
    assert "+441234" not in caplog.text
    assert "Ada" not in caplog.text


# -- drain


def test_a_drain_waits_for_live_calls_and_takes_no_new_ones() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with calls_of() as calls:
            task = hold(calls)
            loop.call_later(20, leave, calls)
            draining = asyncio.ensure_future(calls.drained(60, "the server stops"))
            await asyncio.sleep(1)
            refusal = calls.admit()
            assert refusal is not None
            assert refusal.reason == "draining"
            assert not task.done()
            assert await draining == 0
            assert 20 <= loop.time() < 25
            await task

    run(scenario())


def test_calls_that_go_on_too_long_are_ended_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        async with calls_of() as calls:
            lines = [FakeLine(), FakeLine()]
            tasks = [hold(calls, number, line) for number, line in enumerate(lines)]
            assert await calls.drained(5, "the server stops") == 2
            assert 5 <= loop.time() < 5 + GOODBYE_S
            assert calls.live == 0
            await asyncio.gather(*tasks)

    with caplog.at_level(logging.INFO):
        run(scenario())
    assert caplog.text.count("the server stops") == 2


def test_a_drain_can_be_hurried() -> None:
    async def scenario() -> None:
        loop, hurry = asyncio.get_running_loop(), asyncio.Event()
        async with calls_of() as calls:
            task = hold(calls)
            loop.call_later(3, hurry.set)
            assert await calls.drained(600, "the server stops", hurry) == 1
            assert loop.time() < 3 + GOODBYE_S
            await task

    run(scenario())


def test_a_call_that_does_not_say_goodbye_is_cancelled() -> None:
    async def scenario() -> None:
        async with calls_of() as calls:
            task, session = await begun(calls)
            session.end = lambda *_: None  # type: ignore[method-assign]
            began = asyncio.get_running_loop().time()
            assert await calls.drained(5, "the server stops") == 1
            assert asyncio.get_running_loop().time() - began < 5 + GOODBYE_S + 1
            await asyncio.wait({task})
            assert calls.live == 0

    run(scenario())
