from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hocket.errors import SttError
from hocket.resilience.chain import Chain
from hocket.resilience.recognisers import CLOSE_S, OPEN_S, Recognisers
from hocket.resilience.slots import Slots
from hocket.sim.loop import run
from hocket.stages.notices import Notice, listen
from hocket.stages.stt import Stt
from tests.resilience.ears import RATE, EarStt, chain_of

GONE = SttError("It is gone.")
INVALID = SttError("The key is not valid.", retryable=False)


def with_chain(*stts: EarStt, then: Callable[[Recognisers, Chain[Stt], list[Notice]], Awaitable[None]]) -> None:
    async def body() -> None:
        chain = chain_of(*stts, slots=Slots({stt.name: 1 for stt in stts}))
        notices: list[Notice] = []
        listen(notices.append)
        await then(Recognisers(chain, RATE, "en", set()), chain, notices)

    run(body())


def test_the_first_that_opens_is_taken_and_holds_its_slot() -> None:
    first, second = EarStt(name="a", openings=(GONE,)), EarStt(name="b")

    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        connection = await recognisers.open()
        assert connection.link.stage is second
        assert (chain.slots.taken("a"), chain.slots.taken("b")) == (0, 1)
        assert [(notice.stage, notice.step, notice.detail) for notice in notices] == [("stt", "left", "It is gone.")]
        recognisers.release(connection.link)
        assert chain.slots.taken("b") == 0

    with_chain(first, second, then=then)


def test_none_is_asked_twice_and_the_last_reason_is_given() -> None:
    stts = EarStt(name="a", openings=(GONE,)), EarStt(name="b", openings=(ValueError("a bug of somebody's"),))

    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        with pytest.raises(SttError, match="b failed with ValueError"):
            await recognisers.open()
        assert [len(stt.opened_at) for stt in stts] == [1, 1]
        assert (chain.slots.taken("a"), chain.slots.taken("b")) == (0, 0)
        assert not recognisers.exhausted

    with_chain(*stts, then=then)


def test_where_trying_again_cannot_help_nobody_tries() -> None:
    stts = EarStt(name="a", openings=(INVALID,)), EarStt(name="b")

    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        for _ in range(2):
            connection = await recognisers.open()
            recognisers.release(connection.link)
        assert [len(stt.opened_at) for stt in stts] == [1, 2]
        recognisers.failed(connection.link, INVALID)
        assert recognisers.exhausted

    with_chain(*stts, then=then)


@pytest.mark.parametrize(("count", "each_s"), [(1, OPEN_S), (3, 3.0)])
def test_those_of_a_chain_share_the_time_that_a_call_waits(count: int, each_s: float) -> None:
    stts = [EarStt(name=f"stt{index}", openings=(100.0,)) for index in range(count)]

    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        with pytest.raises(SttError, match=f"could not be opened within {each_s:g} s"):
            await recognisers.open()
        assert asyncio.get_running_loop().time() == pytest.approx(count * each_s)

    with_chain(*stts, then=then)


def test_opening_can_be_given_up_at_any_moment() -> None:
    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        opening = asyncio.create_task(recognisers.open())
        await asyncio.sleep(0.5)
        opening.cancel()
        await asyncio.wait({opening})
        assert opening.cancelled()
        assert chain.slots.taken("a") == 0
        assert chain.links[0].breaker.allows()

    with_chain(EarStt(name="a", openings=(1.0,)), then=then)


def test_connecting_again_is_told() -> None:
    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        connection = await recognisers.open()
        assert notices == []
        recognisers.release(connection.link)
        with pytest.raises(SttError):
            await recognisers.open(connection)
        assert notices == [Notice("connect", "started", "a"), Notice("connect", "failed", "It is gone.")]

    with_chain(EarStt(name="a", openings=(0.0, GONE)), then=then)


def test_a_connection_closes_within_its_deadline_and_only_its_first_loss_counts() -> None:
    async def then(recognisers: Recognisers, chain: Chain[Stt], notices: list[Notice]) -> None:
        connection = await recognisers.open()
        connection.broken(ValueError("a bug of somebody's"))
        connection.lose(GONE)
        assert str(connection.lost.result()) == "a failed with ValueError."
        connection.stream.close_takes_s = 100.0  # type: ignore[attr-defined]
        began = asyncio.get_running_loop().time()
        await connection.close()
        assert asyncio.get_running_loop().time() - began == pytest.approx(CLOSE_S)

    with_chain(EarStt(name="a"), then=then)
