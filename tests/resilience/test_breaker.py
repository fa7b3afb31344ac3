"""When a provider is left, and when it is tried again."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from hocket.clock import SECOND
from hocket.errors import LlmError
from hocket.resilience.breaker import LEAST_CALLS, Breaker
from hocket.sim.delays import LLM_FIRST_TOKEN
from hocket.sim.loop import run

DOWN = LlmError("The vendor failed (HTTP 500).")
NO_KEY = LlmError("The vendor refused the key (HTTP 401).", retryable=False)
SLOW_MS = 1500.0


def usual(ms: float = 100.0, calls: int = 20) -> Breaker:
    """The breaker of a provider whose first results take so long."""
    breaker = Breaker(SLOW_MS)
    for _ in range(calls):
        breaker.succeeded(ms)
    return breaker


def opened(error: LlmError = DOWN) -> Breaker:
    breaker = Breaker(SLOW_MS)
    for _ in range(3):
        breaker.failed(error)
    assert breaker.open
    return breaker


@pytest.mark.parametrize("every_s", [0.1, 0.5, 1.0, 2.0, 5.0, 10.0])
def test_a_provider_that_becomes_five_times_slower_is_left_within_30_s(every_s: float) -> None:
    async def scenario() -> None:
        rng = Random(1)
        breaker = Breaker(SLOW_MS)
        for _ in range(200):
            assert breaker.allows()
            breaker.succeeded(LLM_FIRST_TOKEN.at(rng.random()))
            await asyncio.sleep(every_s)
        began = asyncio.get_running_loop().time()
        for _ in range(1000):
            breaker.succeeded(5 * LLM_FIRST_TOKEN.at(rng.random()))
            if breaker.open:
                break
            await asyncio.sleep(every_s)
        assert asyncio.get_running_loop().time() - began <= 30
        assert "ms" in breaker.why

    run(scenario())


def test_between_rare_calls_two_bad_results_of_three_are_enough_however_old() -> None:
    async def scenario() -> None:
        breaker = usual()
        for _ in range(2):
            await asyncio.sleep(600)
            assert breaker.allows()
            breaker.succeeded(900)
        assert breaker.open

    run(scenario())


def test_one_call_in_twenty_that_stalls_is_no_reason() -> None:
    async def scenario() -> None:
        rng = Random(7)
        breaker = usual()
        for _ in range(5000):
            breaker.succeeded(3000 if rng.random() < 0.05 else LLM_FIRST_TOKEN.at(rng.random()))
            await asyncio.sleep(0.5)
            assert not breaker.open

    run(scenario())


def test_what_is_fast_for_anybody_is_not_slow_whatever_is_usual() -> None:
    async def scenario() -> None:
        trifling, slow = usual(20), usual(20)
        for _ in range(10):
            trifling.succeeded(370)
            slow.succeeded(380)
        assert not trifling.open
        assert slow.open

    run(scenario())


def test_a_provider_that_was_never_fast_is_slow_above_the_limit() -> None:
    async def scenario() -> None:
        breaker = Breaker(SLOW_MS)
        for _ in range(20):
            breaker.succeeded(1400)
        assert not breaker.open
        for _ in range(20):
            breaker.succeeded(1600)
        assert breaker.open

    run(scenario())


def test_a_provider_that_is_down_is_left_after_a_few_failures() -> None:
    async def scenario() -> None:
        breaker = Breaker(SLOW_MS)
        for count in range(3):
            assert breaker.allows(), count
            breaker.failed(DOWN)
        assert not breaker.allows()
        assert breaker.why == str(DOWN)
        healthy = usual(calls=100)
        for _ in range(8):
            assert healthy.allows()
            healthy.failed(DOWN)
        assert not healthy.allows()

    run(scenario())


def test_one_failure_in_ten_is_no_reason_however_many_calls_there_are() -> None:
    async def scenario() -> None:
        breaker = usual()
        for index in range(1000):
            if index % 10:
                breaker.succeeded(100)
            else:
                breaker.failed(DOWN)
            await asyncio.sleep(0.01)
            assert not breaker.open

    run(scenario())


def test_a_provider_that_begins_and_then_breaks_off_each_time_is_left() -> None:
    async def scenario() -> None:
        breaker = usual()
        for _ in range(8):
            breaker.succeeded(100)
            breaker.failed(DOWN)
        assert breaker.open

    run(scenario())


def test_after_its_rest_one_call_is_the_trial_and_closes_it() -> None:
    async def scenario() -> None:
        breaker = opened()
        await asyncio.sleep(4.99)
        assert not breaker.allows()
        await asyncio.sleep(0.02)
        assert breaker.allows()
        assert not breaker.allows(), "a trial is one call"
        breaker.succeeded(100)
        assert not breaker.open
        assert breaker.why == ""
        assert breaker.allows()
        assert breaker.allows()

    run(scenario())


def test_each_trial_that_fails_doubles_the_rest_up_to_a_minute() -> None:
    async def scenario() -> None:
        breaker = opened()
        loop = asyncio.get_running_loop()
        rests = []
        for _ in range(6):
            rests.append(breaker.open_until / SECOND - loop.time())
            await asyncio.sleep(rests[-1])
            assert breaker.allows()
            breaker.failed(DOWN)
        assert rests == [5, 10, 20, 40, 60, 60]
        await asyncio.sleep(60)
        assert breaker.allows()
        breaker.succeeded(100)
        for _ in range(3):
            breaker.failed(DOWN)
        await asyncio.sleep(5)
        assert breaker.allows(), "who has recovered begins with the short rest again"

    run(scenario())


@pytest.mark.parametrize("ms", [1600.0, 10_000.0])
def test_a_trial_that_is_slow_has_failed(ms: float) -> None:
    async def scenario() -> None:
        for report in (Breaker.succeeded, Breaker.waited):
            breaker = opened()
            await asyncio.sleep(5)
            assert breaker.allows()
            report(breaker, ms)
            assert breaker.open
            await asyncio.sleep(9.9)
            assert not breaker.allows()
            await asyncio.sleep(0.1)
            assert breaker.allows()

    run(scenario())


def test_a_trial_that_is_given_up_lets_the_next_one_in() -> None:
    async def scenario() -> None:
        breaker = opened()
        await asyncio.sleep(5)
        assert breaker.allows()
        breaker.abandoned()
        assert breaker.allows()
        breaker.waited(50)
        assert breaker.open
        assert breaker.allows(), "to have waited for a moment proves nothing either"
        breaker.succeeded(100)
        assert not breaker.open

    run(scenario())


def test_many_calls_that_fail_at_once_are_one_failure() -> None:
    """Calls that were under way when the provider went down say no more than those before them."""

    async def scenario() -> None:
        breaker = usual()
        for _ in range(100):
            breaker.failed(DOWN)
        await asyncio.sleep(5)
        assert breaker.allows()

    run(scenario())


def test_who_asks_to_be_left_alone_is() -> None:
    async def scenario() -> None:
        breaker = usual()
        breaker.failed(LlmError("Too many requests (HTTP 429).", retry_after_s=20))
        assert breaker.open
        await asyncio.sleep(1)
        breaker.failed(LlmError("Too many requests (HTTP 429).", retry_after_s=7))  # was under way
        assert breaker.open_until == 20 * SECOND
        await asyncio.sleep(18.9)
        assert not breaker.allows()
        await asyncio.sleep(0.2)
        assert breaker.allows()

    run(scenario())


def test_one_refusal_may_be_about_that_call_and_leaves_the_provider_to_the_others() -> None:
    async def scenario() -> None:
        breaker = usual()
        breaker.failed(NO_KEY)
        assert breaker.allows()

    run(scenario())


def test_a_refused_key_is_tried_again_after_a_minute() -> None:
    async def scenario() -> None:
        breaker = Breaker(SLOW_MS)
        for _ in range(LEAST_CALLS):
            breaker.failed(NO_KEY)
        await asyncio.sleep(59)
        assert not breaker.allows()
        await asyncio.sleep(1)
        assert breaker.allows()
        breaker.failed(NO_KEY)
        await asyncio.sleep(60)
        assert breaker.allows()

    run(scenario())


def test_what_was_waited_for_in_vain_counts_as_slow() -> None:
    async def scenario() -> None:
        breaker = usual(calls=10)
        for _ in range(20):
            breaker.waited(100)
        assert breaker.allows()
        for _ in range(10):
            breaker.waited(500)
        assert breaker.open

    run(scenario())
