"""Whom a chain asks."""

from __future__ import annotations

import asyncio

from hocket.errors import LlmError
from hocket.resilience.breaker import Breaker
from hocket.resilience.chain import Chain
from hocket.resilience.slots import Slots
from hocket.sim.loop import run
from tests.resilience.models import Model

DOWN = LlmError("The vendor failed (HTTP 500).")
NO_KEY = LlmError("The vendor refused the key (HTTP 401).", retryable=False)


def chain_of(*names: str, **limits: int) -> Chain[Model]:
    return Chain([Model(name) for name in names], Slots(limits), 1500)


def leave(breaker: Breaker, error: LlmError = DOWN) -> None:
    for _ in range(3):
        breaker.failed(error)


def picked(chain: Chain[Model], *tried: int) -> str | None:
    link = chain.pick([chain.links[index] for index in tried])
    return None if link is None else link.stage.name


def test_the_first_is_asked_and_then_the_next() -> None:
    async def scenario() -> None:
        chain = chain_of("a/1", "b/1", "c/1")
        assert chain.first.name == "a/1"
        assert picked(chain) == "a/1"
        assert picked(chain, 0) == "b/1"
        assert picked(chain, 0, 1) == "c/1"
        assert picked(chain, 0, 1, 2) is None
        assert [chain.slots.taken(name) for name in "abc"] == [1, 1, 1]

    run(scenario())


def test_who_has_been_left_is_passed_over_and_tried_again_later_by_one() -> None:
    async def scenario() -> None:
        chain = chain_of("a/1", "b/1")
        leave(chain.links[0].breaker)
        assert picked(chain) == "b/1"
        await asyncio.sleep(5)
        assert picked(chain) == "a/1"
        assert picked(chain) == "b/1"
        chain.links[0].breaker.succeeded(100)
        assert picked(chain) == picked(chain) == "a/1"

    run(scenario())


def test_a_full_account_is_passed_over_and_its_trial_stays_open() -> None:
    async def scenario() -> None:
        chain = chain_of("a/1", "b/1", a=1)
        assert picked(chain) == "a/1"
        assert picked(chain) == "b/1"
        leave(chain.links[0].breaker)
        await asyncio.sleep(5)
        assert picked(chain) == "b/1"
        chain.slots.give("a/1")
        assert picked(chain) == "a/1"
        assert chain.slots.taken("a") == 1

    run(scenario())


def test_when_all_have_been_left_the_one_that_comes_back_soonest_is_asked() -> None:
    async def scenario() -> None:
        chain = chain_of("a/1", "b/1", "c/1", b=1)
        leave(chain.links[0].breaker, NO_KEY)
        leave(chain.links[1].breaker)
        await asyncio.sleep(1)
        leave(chain.links[2].breaker)
        assert picked(chain) == "b/1"
        assert picked(chain) == "c/1", "the next has no room"
        assert picked(chain, 2) == "a/1"

    run(scenario())


def test_nobody_is_asked_when_nobody_has_room() -> None:
    async def scenario() -> None:
        chain = chain_of("a/1", "b/1", a=1, b=1)
        assert (picked(chain), picked(chain), picked(chain)) == ("a/1", "b/1", None)

    run(scenario())
