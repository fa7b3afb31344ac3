from __future__ import annotations

import asyncio
import gc

import pytest

from hocket.gateway.pulse import WINDOW_S, Pulse
from hocket.sim.loop import VirtualLoop, run


def stand_still(seconds: float) -> None:
    """Block the virtual loop: its time goes on, and it does not come round."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop._now += round(seconds * 1e9)


async def started() -> Pulse:
    pulse = Pulse(asyncio.get_running_loop())
    pulse.start()
    return pulse


def test_a_loop_that_comes_round_has_no_lag() -> None:
    async def scenario() -> Pulse:
        pulse = await started()
        await asyncio.sleep(10)
        pulse.stop()
        return pulse

    pulse = run(scenario())
    assert pulse.lag_p99_ms == pytest.approx(0, abs=1e-6)
    assert pulse.lag.count == pytest.approx(1000, abs=2)
    assert pulse.stalls == 0


def test_a_loop_that_stood_still_owes_the_ticks_it_missed_each_with_its_own_lag() -> None:
    async def scenario() -> Pulse:
        pulse = await started()
        await asyncio.sleep(6)
        stand_still(0.4)
        await asyncio.sleep(0.1)
        pulse.stop()
        return pulse

    pulse = run(scenario())
    assert pulse.stalls == 1
    assert 330 <= pulse.lag_p99_ms <= 390  # the five worst of 500 are 340..390
    assert sum(pulse.lag.counts[-5:]) == pytest.approx(35, abs=1)  # those that were over 50 ms late, 10 ms apart


def test_one_short_stop_is_no_load_but_shows_in_the_worst_hundredth() -> None:
    async def scenario() -> tuple[float, float, float]:
        pulse = await started()
        await asyncio.sleep(6)
        stand_still(0.2)
        await asyncio.sleep(0.1)
        told = pulse.lag_p99_ms, pulse.lag_p95_ms
        await asyncio.sleep(WINDOW_S)
        pulse.stop()
        return *told, pulse.lag_p99_ms

    worst, load, later = run(scenario())
    assert worst > 100
    assert load < 1
    assert later < 1, "it is forgotten after the window"


def test_a_loop_that_is_late_all_the_time_is_loaded() -> None:
    async def scenario() -> tuple[float, float]:
        pulse = await started()
        for _ in range(400):
            await asyncio.sleep(0.004)
            stand_still(0.012)
        pulse.stop()
        return pulse.lag_p95_ms, pulse.lag_p99_ms

    p95, p99 = run(scenario())
    assert 5 < p95 <= p99 < 13


def test_a_machine_that_was_asleep_is_not_made_up_for() -> None:
    async def scenario() -> Pulse:
        pulse = await started()
        stand_still(3000)
        await asyncio.sleep(1)
        pulse.stop()
        return pulse

    pulse = run(scenario())
    assert pulse.lag.count < 6000


def test_collections_of_garbage_are_counted_while_it_runs_and_not_after() -> None:
    async def scenario() -> list[int]:
        pulse = await started()
        counts = []
        gc.collect()
        counts.append(pulse.gc.pauses.count)
        pulse.stop()
        gc.collect()
        return [*counts, pulse.gc.pauses.count]

    before = len(gc.callbacks)
    counts = run(scenario())
    assert counts[0] >= 1
    assert counts[0] == counts[1]
    assert len(gc.callbacks) == before
