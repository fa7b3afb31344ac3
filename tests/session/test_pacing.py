from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from hocket.clock import MS
from hocket.session.pacing import Wheel
from hocket.sim.loop import VirtualLoop, run
from tests.session.making import now


def test_each_callback_is_called_once_a_frame_without_drift() -> None:
    async def scenario() -> None:
        wheel = Wheel()
        called: dict[int, list[int]] = {owner: [] for owner in range(7)}
        for owner in called:
            wheel.start(owner, lambda owner=owner: called[owner].append(now()))  # type: ignore[misc]
            await asyncio.sleep(0.0033)
        await asyncio.sleep(60)
        for owner in called:
            wheel.stop(owner)
        for owner, times in called.items():
            started = owner * 3.3 * MS
            assert 15 * MS <= times[0] - started <= 20 * MS
            assert {later - earlier for earlier, later in pairwise(times)} == {20 * MS}
            assert len(times) == pytest.approx(3000, abs=2)

    run(scenario())


def test_started_twice_is_called_once() -> None:
    """A speaker starts it with every chunk it is fed."""

    async def scenario() -> None:
        wheel = Wheel()
        called: list[int] = []
        for _ in range(10):
            wheel.start("one", lambda: called.append(now()))
            await asyncio.sleep(0.003)
        await asyncio.sleep(1)
        wheel.stop("one")
        assert len(called) == 51

    run(scenario())


def test_nothing_ticks_while_nobody_runs() -> None:
    async def scenario() -> None:
        wheel = Wheel()
        wheel.stop("never started")
        wheel.start("one", lambda: None)
        await asyncio.sleep(0.1)
        wheel.stop("one")
        assert not [handle for _, _, handle in asyncio.get_running_loop()._timers if not handle._cancelled]  # type: ignore[attr-defined]

    run(scenario())


def test_a_loop_that_stood_still_calls_once_and_keeps_the_phase() -> None:
    async def scenario() -> None:
        wheel = Wheel()
        called: list[int] = []
        other: list[int] = []
        wheel.start("one", lambda: called.append(now()))
        await asyncio.sleep(0.007)
        wheel.start("other", lambda: other.append(now()))
        await asyncio.sleep(0.1)
        before = len(called)
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        loop._now += 333 * MS  # what a garbage collection does to a real loop
        await asyncio.sleep(0.2)
        wheel.stop("one")
        wheel.stop("other")
        times = called[before:]
        assert len(times) <= 11
        assert (times[-1] - called[0]) % (20 * MS) == 0
        assert (other[-1] - other[0]) % (20 * MS) == 0

    run(scenario())


def test_stopping_and_starting_within_a_callback_leaves_one_callback_a_frame() -> None:
    async def scenario() -> None:
        wheel = Wheel()
        called: list[int] = []

        def again() -> None:
            called.append(now())
            wheel.stop("one")
            wheel.start("one", again)

        wheel.start("one", again)
        await asyncio.sleep(1)
        wheel.stop("one")
        assert len(called) == 50
        assert not [handle for _, _, handle in asyncio.get_running_loop()._timers if not handle._cancelled]  # type: ignore[attr-defined]

    run(scenario())


def test_a_callback_that_raises_holds_up_no_other() -> None:
    async def scenario() -> None:
        wheel = Wheel()
        raised: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: raised.append(context["exception"]))
        called: list[int] = []

        def broken() -> None:
            raise ValueError("broken")

        wheel.start("broken", broken)
        wheel.start("sound", lambda: called.append(now()))
        await asyncio.sleep(1)
        wheel.stop("broken")
        wheel.stop("sound")
        assert len(called) == 50
        assert len(raised) == 50

    run(scenario())


def test_how_late_frames_were_sent_is_counted_for_everybody_in_the_slot() -> None:
    async def scenario() -> list[int]:
        wheel = Wheel()
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def takes_long() -> None:
            loop._now += 12 * MS

        for owner in range(3):
            wheel.start(owner, lambda: None)
        await asyncio.sleep(0.1)
        on_time = wheel.lateness.counts[0]
        wheel.start("slow", takes_long)  # in the same slot
        await asyncio.sleep(0.025)
        wheel.stop("slow")
        for owner in range(3):
            wheel.stop(owner)
        return [on_time, wheel.lateness.count, *wheel.lateness.counts[-9:]]

    on_time, count, *late = run(scenario())
    assert on_time == 3 * 5
    assert count == on_time + 4
    assert sum(late) == 4
    assert late[0] == 4, "12 ms are between 10 and 15"
