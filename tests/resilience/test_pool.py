from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.errors import StageError, TtsError
from hocket.resilience.pool import CHECK_S, LONGEST_WAIT_S, MAX_AGE_S, TEND_S, Pool
from hocket.sim.loop import run
from hocket.stages.notices import Notice, listen, notify
from tests.stages.leftovers import cancel_after

DIAL_S = 0.15


class Connection:
    def __init__(self, number: int) -> None:
        self.number = number
        self.alive = True
        self.closed = False
        self.tended: list[float] = []


class Vendor:
    """Connections that take 150 ms to open, and everything that was opened."""

    def __init__(self, size: int = 3, tended: bool = True) -> None:
        self.opened: list[Connection] = []
        self.dialled_s: list[float] = []
        self.fails: StageError | None = None
        self.unprimed = False
        self.refuses = False
        self.pool: Pool[Connection] = Pool(
            self._dial,
            alive=lambda connection: connection.alive,
            close=self._close,
            tend=self._tend if tended else None,
            size=size,
            name="vendor/model",
        )

    @property
    def living(self) -> list[Connection]:
        return [connection for connection in self.opened if not connection.closed]

    async def _dial(self) -> Connection:
        self.dialled_s.append(asyncio.get_running_loop().time())
        await asyncio.sleep(DIAL_S)
        if self.fails is not None:
            raise self.fails
        self.opened.append(Connection(len(self.opened)))
        self.opened[-1].alive = not self.refuses
        return self.opened[-1]

    async def _tend(self, connection: Connection) -> None:
        await asyncio.sleep(0.001)
        if self.unprimed or not connection.alive:
            raise TtsError("It is gone.")
        connection.tended.append(asyncio.get_running_loop().time())

    async def _close(self, connection: Connection) -> None:
        assert not connection.closed, "closed once"
        await asyncio.sleep(0.01)
        connection.alive, connection.closed = False, True


def heard() -> list[str]:
    """The steps of the notices of this task from now on."""
    steps: list[str] = []

    def hear(notice: Notice) -> None:
        assert (notice.stage, notice.detail) == ("connect", "vendor/model")
        steps.append(notice.step)

    listen(hear)
    return steps


def scenario(body: Callable[[Vendor], Coroutine[Any, Any, None]], size: int = 3, tended: bool = True) -> Vendor:
    vendor = Vendor(size, tended)

    async def within() -> None:
        try:
            await body(vendor)
        finally:
            await vendor.pool.close()
            await vendor.pool.close()

    run(within())
    return vendor


def test_a_start_waits_for_the_first_only_and_a_call_for_none() -> None:
    async def body(vendor: Vendor) -> None:
        loop = asyncio.get_running_loop()
        steps = heard()
        await vendor.pool.fill()
        assert loop.time() == pytest.approx(DIAL_S, abs=0.002)
        await asyncio.sleep(2 * DIAL_S + 0.01)
        assert vendor.pool.ready == 3
        before_s = loop.time()
        taken = [await vendor.pool.take() for _ in range(3)]
        assert loop.time() == before_s
        assert [connection.number for connection in taken] == [2, 1, 0], "the warmest first"
        assert steps == []
        await asyncio.sleep(3 * DIAL_S + 0.01)
        assert vendor.pool.ready == 3, "replenished in the background"

    vendor = scenario(body)
    assert [connection.number for connection in vendor.living] == [0, 1, 2], "what was taken is the taker's"


def test_filling_again_costs_nothing() -> None:
    async def body(vendor: Vendor) -> None:
        await asyncio.gather(vendor.pool.fill(), vendor.pool.fill())
        await asyncio.sleep(1)
        await vendor.pool.fill()
        await asyncio.sleep(1)
        assert len(vendor.opened) == 3

    async def at_once(vendor: Vendor) -> None:
        vendor.pool.keep()
        await vendor.pool.fill()
        await asyncio.sleep(1)
        assert len(vendor.opened) == 1

    scenario(body)
    scenario(at_once, size=1)


def test_what_is_done_in_the_background_is_heard_by_nobody() -> None:
    async def scenario() -> None:
        steps = heard()

        async def dial() -> int:
            await asyncio.sleep(DIAL_S)
            notify("connect", "started", "vendor/model")
            return 1

        async def end(_: int) -> None:
            notify("connect", "ended", "vendor/model")

        pool = Pool(dial, alive=bool, close=end, name="vendor/model", size=3)
        pool.keep()
        await asyncio.sleep(1)
        assert pool.ready == 3
        await pool.close()
        assert steps == []

    run(scenario())


def test_an_empty_pool_dials_and_says_so() -> None:
    async def body(vendor: Vendor) -> None:
        steps = heard()
        dialled = await vendor.pool.take()
        assert dialled.number == 0
        assert not dialled.tended, "it is used at once"
        assert steps == ["started", "ended"]
        vendor.fails = TtsError("No.")
        with pytest.raises(TtsError, match="No"):
            await vendor.pool.take()
        assert steps == ["started", "ended", "started", "failed"]
        vendor.fails = None
        with suppress(TimeoutError):
            async with asyncio.timeout(DIAL_S / 2):
                await vendor.pool.take()
        assert steps[-2:] == ["started", "failed"]
        await asyncio.sleep(60)
        assert len(vendor.opened) == 1, "a pool that was never filled keeps nothing"

    scenario(body)


def test_the_dead_are_not_handed_out_and_are_replaced_before_anybody_asks() -> None:
    async def body(vendor: Vendor) -> None:
        steps = heard()
        await vendor.pool.fill()
        await asyncio.sleep(1)
        for connection in vendor.opened[1:]:
            connection.alive = False
        assert (await vendor.pool.take()).number == 0
        await asyncio.sleep(1)
        for connection in vendor.opened:
            connection.alive = False
        await asyncio.sleep(CHECK_S + 3 * DIAL_S + 0.01)
        assert vendor.pool.ready == 3
        assert (await vendor.pool.take()).alive
        assert steps == []

    scenario(body)


def test_what_waits_is_tended_and_the_one_tended_last_is_the_warmest() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        await asyncio.sleep(TEND_S + 2)
        assert [len(connection.tended) for connection in vendor.opened] == [2, 2, 2], "at first, and since"
        await asyncio.sleep(TEND_S / 2)
        assert (await vendor.pool.take()).number == 2
        await asyncio.sleep(TEND_S / 2)
        assert [len(connection.tended) for connection in vendor.opened] == [3, 3, 2, 1]
        assert (await vendor.pool.take()).number == 1, "3 is newer, and has waited for longer"

    scenario(body)


def test_a_connection_that_fails_to_be_tended_is_closed() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        await asyncio.sleep(TEND_S - 0.5)
        real, vendor.pool._alive = vendor.pool._alive, lambda _: True  # half-open: nobody knows yet
        vendor.opened[0].alive = False
        await asyncio.sleep(2)
        vendor.pool._alive = real
        assert vendor.opened[0].closed
        assert vendor.pool.ready == 3

    scenario(body)


def test_the_old_are_replaced_before_they_are_closed() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        await asyncio.sleep(1)
        while len(vendor.opened) == 3:
            assert vendor.pool.ready == 3
            await asyncio.sleep(0.05)
        assert asyncio.get_running_loop().time() == pytest.approx(MAX_AGE_S + 1, abs=1.5)
        await asyncio.sleep(3)
        assert [connection.number for connection in vendor.living] == [3, 4, 5]
        assert vendor.pool.ready == 3

    scenario(body)


def test_the_old_stay_while_no_successor_can_be_opened() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        await asyncio.sleep(1)
        vendor.fails = TtsError("No.")
        await asyncio.sleep(MAX_AGE_S + 60)
        assert vendor.pool.ready == 3

    scenario(body)


def test_what_cannot_be_opened_is_tried_again_after_waits_that_grow() -> None:
    async def body(vendor: Vendor) -> None:
        vendor.fails = TtsError("Down.")
        with pytest.raises(TtsError, match="Down"):
            await vendor.pool.fill()
        await asyncio.sleep(110)
        waits = [round(b - a - DIAL_S) for a, b in zip(vendor.dialled_s, vendor.dialled_s[1:], strict=False)]
        assert waits == [1, 2, 4, 8, 16, LONGEST_WAIT_S, LONGEST_WAIT_S]
        vendor.fails = None
        await asyncio.sleep(LONGEST_WAIT_S + 1)
        assert vendor.pool.ready == 3
        vendor.fails = TtsError("Down again.")
        before = len(vendor.dialled_s)
        await vendor.pool.take()
        await asyncio.sleep(2)
        assert len(vendor.dialled_s) == before + 2, "the waits are short again"
        vendor.fails = None
        await asyncio.sleep(10)
        vendor.fails = TtsError("Wait.", retry_after_s=20)
        before = len(vendor.dialled_s)
        await vendor.pool.take()
        await asyncio.sleep(19)
        assert len(vendor.dialled_s) == before + 1, "the provider that asks for rest has it"

    scenario(body)


def test_a_vendor_that_refuses_over_open_connections_is_not_asked_all_the_time() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        await asyncio.sleep(30)
        vendor.refuses = True
        for connection in vendor.opened:
            connection.alive = False
        await asyncio.sleep(120)
        assert len(vendor.opened) < 3 + 3 * 8
        vendor.refuses = False
        await asyncio.sleep(LONGEST_WAIT_S + 2)
        assert vendor.pool.ready == 3

    scenario(body, tended=False)


def test_what_will_never_open_is_not_tried_again() -> None:
    async def body(vendor: Vendor) -> None:
        vendor.fails = TtsError("Wrong key.", retryable=False)
        with pytest.raises(TtsError, match="Wrong key"):
            await vendor.pool.fill()
        await asyncio.sleep(100)
        assert len(vendor.dialled_s) == 1

    scenario(body)


def test_one_is_shared_by_all_until_it_is_lost() -> None:
    async def body(vendor: Vendor) -> None:
        steps = heard()
        first, second = await asyncio.gather(vendor.pool.share(), vendor.pool.share())
        assert first is second is vendor.opened[0]
        assert steps == ["started", "started", "ended", "ended"], "both have waited"
        await vendor.pool.fill()
        assert await vendor.pool.share() is first
        first.alive = False
        await asyncio.sleep(CHECK_S + DIAL_S + 0.01)
        assert (await vendor.pool.share()).number == 1
        assert len(steps) == 4
        await asyncio.sleep(MAX_AGE_S + 2)
        assert (await vendor.pool.share()).number == 2
        assert len(steps) == 4
        assert [connection.number for connection in vendor.living] == [2]

    scenario(body, size=1)


@pytest.mark.parametrize("seconds", [30, 31])
def test_what_is_taken_at_the_moment_it_would_be_tended_is_left_alone(seconds: int) -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        await asyncio.sleep(0)
        for _ in range(seconds):  # in step with the pool, and after it
            await asyncio.sleep(CHECK_S)
        taken = await vendor.pool.take()
        before = list(taken.tended)
        await asyncio.sleep(10)
        assert taken.tended == before

    scenario(body, size=1)


@pytest.mark.parametrize("asks", ["fill", "share"])
def test_what_is_opened_for_a_pool_that_has_been_closed_is_closed(asks: str) -> None:
    async def body(vendor: Vendor) -> None:
        asking = asyncio.create_task(getattr(vendor.pool, asks)())
        await asyncio.sleep(DIAL_S / 2)
        await vendor.pool.close()
        await asking
        await asyncio.sleep(1)
        assert len(vendor.opened) == 1
        assert not vendor.living

    scenario(body)


def test_what_cannot_be_primed_is_closed() -> None:
    async def body(vendor: Vendor) -> None:
        vendor.unprimed = True
        with pytest.raises(TtsError, match="gone"):
            await vendor.pool.fill()
        await asyncio.sleep(5)
        assert len(vendor.opened) == 3
        assert not vendor.living
        vendor.unprimed = False
        await asyncio.sleep(10)
        assert vendor.pool.ready == 3

    scenario(body)


def test_closing_while_one_is_being_primed_closes_it() -> None:
    async def body(vendor: Vendor) -> None:
        await vendor.pool.fill()
        taken = await vendor.pool.take()
        await asyncio.sleep(DIAL_S + 0.0005)
        assert len(vendor.opened) == 2
        assert not vendor.opened[1].tended
        await vendor.pool.close()
        assert vendor.living == [taken]

    scenario(body)


def test_what_fails_to_open_for_a_pool_that_has_been_closed_is_not_tried_again() -> None:
    async def body(vendor: Vendor) -> None:
        vendor.fails = TtsError("Down.")
        asking = asyncio.create_task(vendor.pool.fill())
        await asyncio.sleep(DIAL_S / 2)
        await vendor.pool.close()
        with pytest.raises(TtsError):
            await asking
        await asyncio.sleep(100)
        assert len(vendor.dialled_s) == 1

    scenario(body)


def test_it_may_be_cancelled_and_filled_again_at_any_moment() -> None:
    async def body(vendor: Vendor) -> None:
        for steps in (0, 1, 2, 3, 5, 8):
            for wait_s in (0.0, DIAL_S / 2, DIAL_S * 2):
                await cancel_after(vendor.pool.fill, steps, wait_s)
                await cancel_after(vendor.pool.share, steps, wait_s)
                await cancel_after(vendor.pool.close, steps, 0.0)
                await vendor.pool.close()
                assert not vendor.living
        await vendor.pool.fill()
        assert vendor.pool.ready == 1

    assert not scenario(body).living


STEPS = st.one_of(
    st.tuples(st.sampled_from(["fill", "take", "share", "close", "fail", "recover"]), st.just(0)),
    st.tuples(st.just("die"), st.integers(0, 9)),
    st.tuples(st.just("wait"), st.sampled_from([0.05, 0.2, 1.0, 7.0, 31.0, 400.0])),
)


@given(st.integers(1, 3), st.lists(STEPS, max_size=25))
def test_whatever_happens_nothing_dead_is_handed_out_and_nothing_is_left(
    size: int, steps: list[tuple[str, float]]
) -> None:
    vendor = Vendor(size)
    taken: list[Connection] = []

    async def do(step: str, how: float) -> None:
        match step:
            case "fill":
                await vendor.pool.fill()
            case "take":
                taken.append(await vendor.pool.take())
                assert taken[-1].alive
            case "share":
                assert (await vendor.pool.share()).alive
            case "close":
                await vendor.pool.close()
            case "fail" | "recover":
                vendor.fails = TtsError("No.") if step == "fail" else None
            case "die" if vendor.opened:
                vendor.opened[int(how) % len(vendor.opened)].alive = False
            case "wait":
                await asyncio.sleep(how)

    async def all_steps() -> None:
        for step, how in steps:
            with suppress(TtsError):
                await do(step, how)
            assert len(vendor.pool._waiting) <= size
            assert len(set(map(id, taken))) == len(taken), "one taker each"
        await vendor.pool.close()
        assert set(vendor.living) <= set(taken)

    run(all_steps(), limit_s=100_000)
