"""A second call beside the first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from random import Random
from typing import Literal

import pytest

from hocket.errors import LlmError
from hocket.resilience.hedge import EXTRA_SHARE, UNKNOWN_MS, HedgedLlm, Pace
from hocket.sim.delays import LLM_FIRST_TOKEN
from hocket.sim.loop import run
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, TextDelta, ToolCall, Usage
from hocket.stages.notices import Notice, listen
from hocket.trace.percentiles import Percentiles
from tests.resilience.models import ASKED, TOOL, WORDS, Model, Script, failing, said, stalled, timed
from tests.stages.contract import check_llm
from tests.stages.leftovers import collect

OTHER = LlmError("Another failure.", retryable=False)
HEDGED = Notice("llm", "hedged", "a/1")
FIRST_WON = Notice("llm", "won", "a/1", 1)
SECOND_WON = Notice("llm", "won", "a/1", 2)

CASES: dict[str, tuple[tuple[Script | str, ...], float | str, list[Notice]]] = {
    # The scripts of the calls; seconds to the first token, or the error; the notices.
    "in time": ((WORDS,), 0.1, []),
    "just in time": ((Script(first_s=0.49),), 0.49, []),
    "late": ((Script(first_s=2.0), WORDS), 0.6, [HEDGED, SECOND_WON]),
    "stalled": ((stalled(), WORDS), 0.6, [HEDGED, SECOND_WON]),
    "late, and the second is later": ((Script(first_s=0.7), Script(first_s=0.9)), 0.7, [HEDGED, FIRST_WON]),
    "fails at once": ((failing(), WORDS), "HTTP 500", []),
    "fails when the second runs": ((failing(after_s=0.55), WORDS), 0.6, [HEDGED, SECOND_WON]),
    "the second fails": ((Script(first_s=0.8), failing()), 0.8, [HEDGED, FIRST_WON]),
    "both fail": ((failing(after_s=0.6), failing(OTHER)), "HTTP 500", [HEDGED]),
    "stalled, and the second fails": ((Script(first_s=30.0), failing()), 30.0, [HEDGED, FIRST_WON]),
    "a tool is usable": ((Script("", tools=(TOOL,)),), 0.1, []),
    "what comes before is no token": (
        (Script(first_s=2.0, early=(TextDelta(""), Usage(1, 0, 0))), Script(early=(TextDelta(""),))),
        0.6,
        [HEDGED, SECOND_WON],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_first_usable_token_wins(case: str) -> None:
    scripts, outcome, expected = CASES[case]

    async def scenario() -> None:
        notices: list[Notice] = []
        listen(notices.append)
        model = Model("a/1", *scripts)
        hedged = HedgedLlm(model)
        assert hedged.name == "a/1"
        if isinstance(outcome, str):
            with pytest.raises(LlmError, match=outcome):
                await timed(hedged)
        else:
            deltas = await timed(hedged)
            assert deltas[0][0] == outcome
            text = said([delta for _, delta in deltas])
            assert text == WORDS or any(isinstance(delta, ToolCall) for _, delta in deltas)
            assert sum(isinstance(delta, Usage) for _, delta in deltas) == 1
        await hedged.close()
        assert notices == expected
        assert model.open == 0
        assert len(model.asked) == (2 if HEDGED in expected else 1)
        assert set(model.asked) == {ASKED}

    run(scenario())


def test_both_at_once_always() -> None:
    async def scenario() -> None:
        notices: list[Notice] = []
        listen(notices.append)
        model = Model("a/1", Script(first_s=0.3), Script(first_s=0.1), Script(first_s=0.2), Script(first_s=5))
        hedged = HedgedLlm(model, when="both")
        assert (await timed(hedged))[0][0] == 0.1
        assert (await timed(hedged))[0][0] == 0.2
        assert notices == [HEDGED, SECOND_WON, HEDGED, FIRST_WON]
        for _ in range(20):
            await timed(hedged)
        assert len(model.asked) == 44, "no budget forbids them"
        await hedged.close()
        assert model.open == 0

    run(scenario())


@pytest.mark.parametrize("when", ["late", "both"])
def test_the_contract_holds(when: Literal["late", "both"]) -> None:
    @asynccontextmanager
    async def opened(script: Script) -> AsyncGenerator[Llm, None]:
        hedged = HedgedLlm(Model("a/1", script), when=when)
        yield hedged
        await hedged.close()

    deltas = check_llm(lambda: opened(Script(first_s=0.6)), ASKED, run, lambda: opened(failing()))
    assert said(deltas) == WORDS


class Slow:
    """A model whose calls take long to close."""

    name = "a/1"

    def __init__(self) -> None:
        self.calls = 0
        self.closed_at: list[float] = []

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.calls += 1
        first_s = 9.0 if self.calls == 1 else 0.1
        try:
            await asyncio.sleep(first_s)
            for word in WORDS.split(" "):
                yield TextDelta(f"{word} ")
                await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(2)
            self.closed_at.append(asyncio.get_running_loop().time())


def test_the_loser_is_closed_at_once_and_holds_nobody_up() -> None:
    async def scenario() -> None:
        model = Slow()
        hedged = HedgedLlm(model)
        async with aclosing(hedged.reply(ASKED)) as deltas:
            times = []
            async for _ in deltas:
                times.append(round(asyncio.get_running_loop().time(), 3))
                if len(times) == 10:
                    break
        assert times == [round(0.6 + 0.01 * index, 3) for index in range(10)]
        await hedged.close()
        assert model.closed_at == [pytest.approx(2.6), pytest.approx(2.69)]

    run(scenario())


@pytest.mark.parametrize("after_s", [0.05, 0.55, 0.65])
def test_closing_the_reply_ends_both_calls_without_waiting(after_s: float) -> None:
    async def scenario() -> None:
        model = Model("a/1", Script(first_s=0.9), Script(first_s=0.14), Script(first_s=0.14))
        hedged = HedgedLlm(model)
        task = asyncio.create_task(timed(hedged))
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.wait({task})
        assert asyncio.get_running_loop().time() == pytest.approx(after_s)
        await hedged.close()
        await hedged.close()
        assert asyncio.get_running_loop().time() == pytest.approx(after_s)
        assert model.open == 0

    run(scenario())


@pytest.mark.parametrize(
    ("seconds", "at_ms"),
    [
        ([0.1] * 19, UNKNOWN_MS),
        ([0.1] * 20, 200),
        ([0.3] * 20, 300),
        ([0.1, 0.2, 0.3, 0.4] * 10, 400),
        ([0.9] * 60, 800),
        # One in ten stalls, which is more than there may be second calls: three medians, not their 3 s.
        (([0.1] * 9 + [3.0]) * 20, 300),
        # Whatever was usual, what has become usual counts.
        ([0.1] * 400 + [0.6] * 420, 600),
        ([0.6] * 400 + [0.1] * 410, 200),
    ],
    ids=lambda value: f"{len(value)} calls" if isinstance(value, list) else f"{value:g} ms",
)
def test_when_a_second_call_is_made(seconds: list[float], at_ms: float) -> None:
    pace = Pace()
    for first_s in seconds:
        pace.add(first_s * 1000)
    assert pace.patience_ms == pytest.approx(at_ms, rel=0.01)


def test_what_is_learned_decides_about_the_next_call() -> None:
    async def scenario() -> None:
        model = Model("a/1", *[Script(first_s=0.3)] * 20, stalled(), WORDS)
        hedged = HedgedLlm(model)
        for _ in range(20):
            await timed(hedged)
        assert (await timed(hedged))[0][0] == pytest.approx(0.4, abs=0.004)
        await hedged.close()

    run(scenario())


def test_calls_that_were_overtaken_are_not_learned() -> None:
    async def scenario() -> None:
        model = Model("a/1", *[WORDS] * 30, stalled(), WORDS, stalled(), WORDS, stalled(), WORDS)
        hedged = HedgedLlm(model)
        for _ in range(30):
            await timed(hedged)
        assert [(await timed(hedged))[0][0] for _ in range(3)] == [0.3] * 3
        await hedged.close()

    run(scenario())


def test_a_model_that_becomes_slower_throughout_is_soon_waited_for_longer() -> None:
    """How slow a call was that a second overtook is not known; the budget sees to it that enough is."""

    async def scenario() -> None:
        rng = Random(3)
        fast = [Script("Yes.", 0.1 + 0.02 * rng.random()) for _ in range(100)]
        slow = [Script("Yes.", 0.4 + 0.2 * rng.random()) for _ in range(2000)]
        model = Model("a/1", *fast, *slow)
        hedged = HedgedLlm(model)
        for _ in range(800):
            await collect(hedged.reply(ASKED))
        before = len(model.asked)
        for _ in range(200):
            await collect(hedged.reply(ASKED))
        assert len(model.asked) - before - 200 <= 0.07 * 200, "about 5 % are later than the 95th percentile"
        notices: list[Notice] = []
        listen(notices.append)
        model.reply = Model("a/1", stalled()).reply  # type: ignore[method-assign]
        stuck = asyncio.create_task(timed(hedged))
        await asyncio.sleep(0.55)
        assert notices == []
        await asyncio.sleep(0.07)
        assert notices == [HEDGED]
        stuck.cancel()
        await asyncio.wait({stuck})
        await hedged.close()

    run(scenario())


def test_second_calls_have_a_budget() -> None:
    async def scenario() -> None:
        model = Model("a/1", Script("Yes.", 2.0))
        hedged = HedgedLlm(model)
        for _ in range(500):
            await collect(hedged.reply(ASKED))
        assert 500 < len(model.asked) <= 500 * (1 + EXTRA_SHARE) + 3

    run(scenario())


class Stalling:
    """The reference delays of a model, but one call in twenty stalls for 3 s."""

    name = "a/1"

    def __init__(self, seed: int, stall_share: float = 0.05) -> None:
        self.calls = 0
        self._pace = Random(seed)
        self._chance = Random(seed + 1)
        self._stall_share = stall_share

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.calls += 1
        stall_s = 3.0 if self._chance.random() < self._stall_share else 0.0
        await asyncio.sleep(LLM_FIRST_TOKEN.at(self._pace.random()) / 1000 + stall_s)
        yield TextDelta("Yes.")


TURNS = 2000


async def _first_tokens(llm: Llm) -> Percentiles:
    taken = Percentiles()
    for _ in range(TURNS):
        taken.add((await timed(llm))[0][0] * 1000)
    return taken


def test_with_one_call_in_twenty_stalled_the_tail_falls_and_the_median_does_not_rise() -> None:
    async def scenario() -> None:
        plain, model = Stalling(5), Stalling(5)
        hedged = HedgedLlm(model)
        without, with_ = await _first_tokens(plain), await _first_tokens(hedged)
        await hedged.close()
        extra = model.calls - TURNS
        for name, taken in (("without", without), ("with", with_)):
            print(f"{name} second calls: first token p50 {taken.p50:.0f} p95 {taken.p95:.0f} p99 {taken.p99:.0f} ms")
        print(f"extra calls: {extra / TURNS:.1%}")
        assert with_.p50 is not None
        assert with_.p99 is not None
        assert without.p50 is not None
        assert without.p99 is not None
        assert without.p99 > 3000
        assert with_.p99 <= 0.4 * without.p99
        assert with_.p50 <= without.p50
        assert 0.03 * TURNS < extra <= EXTRA_SHARE * TURNS + 3

    run(scenario(), limit_s=20_000)
