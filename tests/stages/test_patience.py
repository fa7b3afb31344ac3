from __future__ import annotations

import asyncio

import pytest

from hocket.sim.loop import run
from hocket.stages.patience import Patience
from tests.session.making import timers_left


def test_a_wait_that_lasts_too_long_is_broken_off_and_short_ones_are_not() -> None:
    async def scenario() -> None:
        loop, patience = asyncio.get_running_loop(), Patience(1.0)
        for _ in range(50):
            with patience:
                await asyncio.sleep(0.9)
            patience.count()
            await asyncio.sleep(1.3)  # nobody waits
        began = loop.time()
        with pytest.raises(TimeoutError), patience:
            await asyncio.sleep(2)
        assert loop.time() - began == pytest.approx(1.0)
        with patience:
            await asyncio.sleep(0.9)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        patience.close()
        assert not timers_left()

    run(scenario())


def test_a_wait_may_rest_and_its_seconds_begin_anew() -> None:
    async def scenario() -> None:
        loop, patience = asyncio.get_running_loop(), Patience(1.0)
        loop.call_later(0.5, patience.until, None)
        loop.call_later(7.0, patience.count)
        with pytest.raises(TimeoutError), patience:
            await asyncio.sleep(20)
        assert loop.time() == pytest.approx(8.0)
        patience.close()
        patience.close()

    run(scenario())


def test_a_wait_may_end_at_another_time_and_only_when_it_is_said_to() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        asked: list[float] = []

        def ends() -> bool:
            asked.append(loop.time() - began)
            return len(asked) > 1

        patience, began = Patience(5.0, ends), loop.time()
        with patience:
            patience.until(began + 1)
            await asyncio.sleep(3)
        loop.call_later(0.1, patience.until, began + 4)
        with pytest.raises(TimeoutError), patience:
            await asyncio.sleep(3)
        assert asked == [pytest.approx(1), pytest.approx(4)]
        patience.close()

    run(scenario())


def test_what_else_is_raised_is_raised() -> None:
    async def scenario() -> None:
        patience = Patience(1.0)
        with pytest.raises(KeyError), patience:
            raise KeyError("x")
        await asyncio.sleep(2)
        patience.close()

    run(scenario())


@pytest.mark.parametrize("at_s", [0.5, 1.0])
def test_who_cancels_the_task_has_their_way_even_as_the_seconds_end(at_s: float) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def waits() -> None:
            patience = Patience(1.0)
            try:
                with patience:
                    await asyncio.sleep(5)
            finally:
                patience.close()

        began = loop.time()
        task = asyncio.create_task(waits())
        await asyncio.sleep(0)
        loop.call_at(began + at_s, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert loop.time() - began == pytest.approx(at_s)

    run(scenario())
