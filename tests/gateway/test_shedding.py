from __future__ import annotations

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hocket.gateway.shedding import BACK, CALM_S, EVERY_S, STEPS_MS, Hysteresis, Shedding
from hocket.session.load import LoadLevel
from hocket.sim.loop import run

LAGS = st.lists(st.one_of(st.sampled_from((0.0, 1.4, 2.9, 3.1, 5.0, 7.0, 13.0, 30.0)), st.floats(0, 60)), max_size=300)


@pytest.mark.parametrize(
    ("lag_ms", "level"), [(0, 0), (3, 0), (3.1, 1), (6, 1), (6.1, 2), (12.1, 3), (24, 3), (24.1, 4), (900, 4)]
)
def test_the_level_is_reached_at_once(lag_ms: float, level: int) -> None:
    assert Hysteresis().update(0, lag_ms) == level


def test_it_is_left_one_by_one_and_slowly() -> None:
    hysteresis = Hysteresis()
    hysteresis.update(0, 30)
    levels = [hysteresis.update(n * EVERY_S, 0) for n in range(1, round(5 * CALM_S / EVERY_S))]
    assert sorted(set(levels), reverse=True) == [4, 3, 2, 1, 0]
    for level in (3, 2, 1):
        assert levels.count(level) * EVERY_S == pytest.approx(CALM_S, abs=EVERY_S)


@given(LAGS)
def test_no_lag_makes_it_restless(lags: list[float]) -> None:
    """Up only for a lag above the level's step; down by one, after calm, and not below what the lag asks for."""
    hysteresis = Hysteresis()
    before, changed_at = 0, -CALM_S
    for number, lag in enumerate(lags):
        now = number * EVERY_S
        level = hysteresis.update(now, lag)
        if level > before:
            assert lag > STEPS_MS[level - 1]
        elif level < before:
            assert level == before - 1
            assert lag < STEPS_MS[before - 1] * BACK
            assert now - changed_at >= CALM_S
        assert level >= sum(lag > step for step in STEPS_MS)
        if level != before:
            before, changed_at = level, now


@given(st.floats(0, 60))
def test_a_steady_lag_gives_a_level_that_never_rises_again(lag: float) -> None:
    hysteresis = Hysteresis()
    levels = [hysteresis.update(n * EVERY_S, lag) for n in range(400)]
    assert levels == sorted(levels, reverse=True)


def test_the_calls_of_the_process_are_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    load = LoadLevel()
    told: list[int] = []
    load.follow("a call", told.append)

    async def scenario() -> None:
        lag = 0.0
        shedding = Shedding(lambda: lag, load)
        shedding.start()
        await asyncio.sleep(2)
        lag = 7.0
        await asyncio.sleep(2 * EVERY_S)
        assert load.level == 2
        lag = 1.0
        await asyncio.sleep(3 * CALM_S)
        shedding.stop()
        lag = 100.0
        await asyncio.sleep(5)

    run(scenario())
    assert told == [2, 1, 0]
    assert "early llm (level 2 of 4)" in caplog.text
