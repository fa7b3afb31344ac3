from __future__ import annotations

import asyncio

from hocket.sim.loop import run
from hocket.stages.bell import Bell


def test_a_ring_wakes_all_who_wait_and_nobody_who_comes_later() -> None:
    async def scenario() -> None:
        bell, woken = Bell(), list[str]()

        async def wait(name: str) -> None:
            await bell.rung()
            woken.append(name)

        bell.ring()  # nobody hears it
        first, second = asyncio.create_task(wait("first")), asyncio.create_task(wait("second"))
        await asyncio.sleep(1)
        assert woken == []
        bell.ring()
        bell.ring()
        later = asyncio.create_task(wait("later"))
        await asyncio.sleep(1)
        assert woken == ["first", "second"]
        bell.ring()
        await asyncio.gather(first, second, later)
        assert woken == ["first", "second", "later"]

    run(scenario())


def test_who_is_cancelled_is_forgotten_and_the_others_are_woken() -> None:
    async def scenario() -> None:
        bell = Bell()
        leaves, stays = asyncio.create_task(bell.rung()), asyncio.create_task(bell.rung())
        await asyncio.sleep(1)
        leaves.cancel()
        await asyncio.sleep(1)
        bell.ring()
        await stays
        assert leaves.cancelled()

    run(scenario())


def test_a_wait_that_is_cancelled_in_the_pass_of_the_ring_is_cancelled() -> None:
    async def scenario() -> None:
        bell = Bell()
        task = asyncio.create_task(bell.rung())
        await asyncio.sleep(1)
        bell.ring()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(scenario())
