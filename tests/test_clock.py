from __future__ import annotations

import asyncio
import re

from hocket import clock
from hocket.sim.loop import run


def test_now_is_the_loops_own_time_in_nanoseconds() -> None:
    async def scenario() -> tuple[int, int]:
        now = clock.LoopClock()
        before = now.now()
        await asyncio.sleep(1.25)
        return before, now.now()

    before, after = run(scenario())
    assert after - before == 1250 * clock.MS


def test_the_wall_clock_is_for_people() -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", clock.wall_clock())


def test_stopwatches_only_go_forward() -> None:
    for read in (clock.stopwatch, clock.cpu_time, clock.thread_cpu_time):
        first = read()
        sum(range(20_000))
        assert read() >= first
