"""Models one after the other, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import msgspec
import pytest

from hocket.errors import LlmError
from hocket.resilience.chain import Chain
from hocket.resilience.fallback_llm import FIRST_TOKEN_S, GAP_S, TOOL_GAP_S, FallbackLlm
from hocket.resilience.hedge import HedgedLlm
from hocket.resilience.slots import Slots
from hocket.sim.loop import run
from hocket.sim.wire.replies import tokens
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, TextDelta, ToolCall, ToolSpec, Usage
from hocket.stages.notices import Notice, listen
from hocket.trace.percentiles import Percentiles
from tests.resilience.models import ASKED, BROKEN, TOOL, WORDS, Model, Script, failing, said, stalled, timed
from tests.stages.contract import check_llm

NO_KEY = LlmError("The vendor refused the key (HTTP 401).", retryable=False)
BUSY = LlmError("The vendor takes no more requests (HTTP 429).", retry_after_s=30)
TOOLS = (ToolSpec("hours", "The opening hours.", {"type": "object", "properties": {}}),)
SLOW_MS = 1500.0
WORD = tokens(WORDS)


def rest(after: int, repeats: int = 1) -> str:
    """What a model sends that is asked to go on after so many tokens: the last word once more."""
    begun = len("".join(WORD[:after]).split())
    return " ".join(WORDS.split()[begun - repeats :])


class Talk:
    """A fallback over scripted models, what it said and what it gave notice of."""

    def __init__(self, *models: Model, slots: Slots | None = None) -> None:
        self.slots = slots or Slots()
        self.models = models
        self.chain: Chain[Llm] = Chain(models, self.slots, SLOW_MS)
        self.llm = FallbackLlm(self.chain)
        self.left: list[str] = []
        listen(self._hear)

    async def say(self, request: LlmRequest = ASKED) -> list[tuple[float, LlmDelta]]:
        try:
            return await timed(self.llm, request)
        finally:
            self.nothing_is_left_over()

    def spend_the_budget(self) -> None:
        while self.chain.budget.take():
            pass

    def nothing_is_left_over(self) -> None:
        assert [self.slots.taken(model.name) for model in self.models] == [0] * len(self.models)

    async def close(self) -> None:
        await self.llm.close()
        await self.llm.close()
        assert [model.open for model in self.models] == [0] * len(self.models)

    def _hear(self, notice: Notice) -> None:
        assert (notice.stage, notice.step) == ("llm", "left")
        self.left.append(notice.detail)


def text_of(deltas: list[tuple[float, LlmDelta]]) -> str:
    return said([delta for _, delta in deltas])


BEFORE: dict[str, tuple[tuple[Script | str, ...], tuple[Script | str, ...], float | str, int]] = {
    # The scripts of two models; seconds to the first token, or the error; how often a model was left.
    "all is well": ((WORDS,), (), 0.1, 0),
    "the first fails": ((failing(),), (WORDS,), 0.15, 1),
    "the first refuses": ((failing(NO_KEY),), (WORDS,), 0.15, 1),
    "the first stalls": ((stalled(),), (WORDS,), FIRST_TOKEN_S + 0.1, 1),
    "the first is slow": ((Script(first_s=2.0),), (WORDS,), FIRST_TOKEN_S + 0.1, 1),
    "just in time": ((Script(first_s=1.19),), (WORDS,), 1.19, 0),
    "what comes before is no token": ((msgspec.structs.replace(stalled(), early=(TextDelta(""),)),), (WORDS,), 1.3, 1),
    "both fail once": ((failing(), WORDS), (failing(),), 0.2, 2),
    "both fail for good": ((failing(),), (failing(),), "HTTP 500", 2),
    "both refuse": ((failing(NO_KEY),), (failing(NO_KEY),), "HTTP 401", 1),
    "the first has no key, the second fails once": ((failing(NO_KEY),), (failing(), WORDS), 0.2, 2),
    "the first stalls, the second fails": ((stalled(), WORDS), (failing(),), FIRST_TOKEN_S + 0.05 + 0.1, 2),
    "both stall": ((stalled(), WORDS), (stalled(),), 2 * FIRST_TOKEN_S + 0.1, 2),
    "both are slow for good": ((Script(first_s=3.0),), (Script(first_s=3.0),), 2 * FIRST_TOKEN_S + 3.0, 2),
}


@pytest.mark.parametrize("case", BEFORE)
def test_before_the_first_token_the_next_is_asked(case: str) -> None:
    first, second, outcome, left = BEFORE[case]

    async def scenario() -> None:
        talk = Talk(Model("a/1", *first), Model("b/1", *second))
        assert talk.llm.name == "a/1"
        if isinstance(outcome, str):
            with pytest.raises(LlmError, match=outcome):
                await talk.say()
        else:
            deltas = await talk.say()
            assert next(at for at, delta in deltas if delta != TextDelta("")) == pytest.approx(outcome)
            assert text_of(deltas) == WORDS
        assert len(talk.left) == left
        assert all(request == ASKED for model in talk.models for request in model.asked)
        await talk.close()

    run(scenario())


def test_a_retry_has_to_be_within_the_budget() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", failing(), WORDS), Model("b/1", failing()))
        talk.spend_the_budget()
        with pytest.raises(LlmError, match="HTTP 500"):
            await talk.say()
        assert [len(model.asked) for model in talk.models] == [1, 1]

    run(scenario())


def test_when_everything_is_down_each_reply_asks_all_models_and_hardly_more() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", failing()), Model("b/1", failing()))
        for _ in range(200):
            with pytest.raises(LlmError):
                await talk.say()
        assert sum(len(model.asked) for model in talk.models) <= 2 * 200 + 0.1 * 200 + 3

    run(scenario())


ALONE: dict[str, tuple[tuple[Script | str, ...], float | str]] = {
    "fails once": ((failing(), WORDS), 0.15),
    "fails twice": ((failing(),), "HTTP 500"),
    "refuses": ((failing(NO_KEY), WORDS), "HTTP 401"),
    # Nobody else can be asked, and to ask again from the start would make it later.
    "is slow": ((Script(first_s=4.0), WORDS), 4.0),
}


@pytest.mark.parametrize("case", ALONE)
def test_a_model_alone_is_asked_once_more_when_it_fails_and_waited_for_when_it_is_slow(case: str) -> None:
    scripts, outcome = ALONE[case]

    async def scenario() -> None:
        talk = Talk(Model("a/1", *scripts))
        if isinstance(outcome, str):
            with pytest.raises(LlmError, match=outcome):
                await talk.say()
        else:
            deltas = await talk.say()
            assert deltas[0][0] == pytest.approx(outcome)
            assert text_of(deltas) == WORDS
        await talk.close()

    run(scenario())


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("fault", [failing(), stalled()], ids=["breaks off", "stalls"])
@pytest.mark.parametrize("after", range(1, len(WORD) + 1))
def test_after_the_first_token_the_text_goes_on_with_no_word_lost_or_doubled(
    after: int, fault: Script, alone: bool
) -> None:
    async def scenario() -> None:
        broken = msgspec.structs.replace(fault, breaks_after=after, first_s=0.1)
        going_on = Script(rest(after))
        models = (Model("a/1", broken, going_on),) if alone else (Model("a/1", broken), Model("b/1", going_on))
        talk = Talk(*models)
        deltas = await talk.say()
        assert text_of(deltas) == WORDS
        gaps = [later[0] - earlier[0] for earlier, later in pairwise(deltas)]
        # Until it is noticed, the first token of the next, and up to two more until the seam is clear.
        assert max(gaps) <= (0 if fault.error else GAP_S) + 0.1 + 5 * 0.012 + 1e-6
        assert len(talk.left) == 1
        asked = talk.models[-1].asked[-1]
        assert asked.messages[-1].role == "user"
        assert asked.messages[-2].content == "".join(WORD[:after])
        await talk.close()

    run(scenario())


def test_a_continuation_that_breaks_off_is_continued_too() -> None:
    async def scenario() -> None:
        first = Script(breaks_after=3)
        second = Script(rest(3), breaks_after=4)
        done = "".join(WORD[:3]) + rest(3).removeprefix(rest(3).split()[0])
        heard_of_it = "".join(tokens(rest(3))[:4])
        third = Script(rest(3)[rest(3).index(heard_of_it.split()[-1]) :])
        assert done == WORDS
        talk = Talk(Model("a/1", first), Model("b/1", second), Model("c/1", third))
        assert text_of(await talk.say()) == WORDS
        assert len(talk.left) == 2

    run(scenario())


def test_what_was_held_back_at_a_seam_is_not_taken_for_said() -> None:
    async def scenario() -> None:
        # The second sends the whole text again and breaks off before it comes to anything new.
        talk = Talk(Model("a/1", Script(breaks_after=4)), Model("b/1", Script(breaks_after=2)), Model("c/1", rest(4)))
        assert text_of(await talk.say()) == WORDS
        assert talk.models[2].asked[0].messages[-2].content == "".join(WORD[:4])

    run(scenario())


def test_a_pause_is_waited_for_when_the_budget_is_spent() -> None:
    async def scenario() -> None:
        class Pausing(Model):
            async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
                yield TextDelta("We open")
                await asyncio.sleep(2)
                yield TextDelta(" at nine.")

        talk = Talk(Pausing("a/1"), Model("b/1", WORDS))
        talk.spend_the_budget()
        deltas = await talk.say()
        assert text_of(deltas) == "We open at nine."
        assert talk.models[1].asked == []
        assert talk.left == []

    run(scenario())


@pytest.mark.parametrize(("pause_s", "leaves"), [(GAP_S - 0.01, False), (GAP_S + 0.01, True)])
def test_how_long_a_pause_may_be(pause_s: float, leaves: bool) -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", Script(token_s=pause_s)), Model("b/1", rest(1)))
        assert text_of(await talk.say()) == WORDS
        assert bool(talk.left) == leaves

    run(scenario())


@pytest.mark.parametrize(("text", "patience_s"), [("Let me look.", TOOL_GAP_S), ("Let me", GAP_S)])
def test_where_a_tool_call_may_be_in_the_making_a_pause_may_be_longer(text: str, patience_s: float) -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", Script(text, breaks_after=len(tokens(text)), error=None)), Model("b/1", "look. Yes."))
        deltas = await talk.say(msgspec.structs.replace(ASKED, tools=TOOLS))
        last = 0.1 + (len(tokens(text)) - 1) * 0.012
        assert f"{patience_s:g} s" in talk.left[0]
        resumed = next(at for at, _ in deltas if at > last + 0.02)
        assert last + patience_s + 0.1 <= resumed <= last + patience_s + 0.1 + 0.05

    run(scenario())


@pytest.mark.parametrize("fault", [failing(), stalled()], ids=["breaks off", "stalls"])
def test_once_a_tool_was_asked_for_a_failure_only_ends_the_stream(fault: Script) -> None:
    async def scenario() -> None:
        after = len(tokens("One moment.")) + 1
        script = msgspec.structs.replace(fault, text="One moment.", tools=(TOOL,), breaks_after=after, first_s=0.1)
        talk = Talk(Model("a/1", script), Model("b/1", WORDS))
        deltas = await talk.say()
        assert [type(delta) for _, delta in deltas[-2:]] == [TextDelta, ToolCall]
        over_s = asyncio.get_running_loop().time() - deltas[-1][0]
        assert over_s == pytest.approx(0.012 if fault.error else TOOL_GAP_S)
        assert talk.models[1].asked == []
        await talk.close()

    run(scenario())


def test_a_continuation_may_ask_for_a_tool() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", Script("Let me see", breaks_after=2)), Model("b/1", Script("see", tools=(TOOL,))))
        deltas = [delta for _, delta in await talk.say(msgspec.structs.replace(ASKED, tools=TOOLS))]
        assert said(deltas) == "Let me" + " see" * ("see" in said(deltas))
        assert [type(delta) for delta in deltas[-2:]] == [ToolCall, Usage]

    run(scenario())


def test_a_model_that_is_left_is_not_asked_until_it_has_rested() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", *[stalled()] * 3, WORDS), Model("b/1", WORDS))
        for first_s in (1.3, 1.3, 1.3, 0.1, 0.1, 0.1):
            assert (await talk.say())[0][0] == pytest.approx(first_s)
        assert len(talk.models[0].asked) == 3
        await asyncio.sleep(5)
        for count in (4, 5, 6):
            assert (await talk.say())[0][0] == 0.1
            assert len(talk.models[0].asked) == count, "it is well again"
        await talk.close()

    run(scenario())


def test_a_provider_that_becomes_five_times_slower_costs_hardly_a_turn() -> None:
    """From 30 s after the change on, turns are as fast as before."""

    async def scenario() -> None:
        before, slower = [Script("Yes.", 0.105)] * 40, [Script("Yes.", 0.525)] * 400
        talk = Talk(Model("a/1", *before, *slower), Model("b/1", Script("Yes.", 0.12)))
        for _ in before:
            await talk.say()
            await asyncio.sleep(1)
        firsts = []
        for _ in range(200):
            firsts.append((await talk.say())[0][0])
            await asyncio.sleep(0.9)
        assert firsts[:5] == [0.525] * 5
        after = Percentiles(firsts[30:])
        assert after.p95 is not None
        assert after.p95 <= 1.25 * 0.105
        assert sum(first_s > 0.5 for first_s in firsts) < 15, "with the trials"

    run(scenario())


def test_who_asks_to_be_left_alone_is() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", failing(BUSY), WORDS), Model("b/1", WORDS))
        for _ in range(25):
            await talk.say()
            await asyncio.sleep(0.5)
        assert len(talk.models[0].asked) == 1

    run(scenario())


def test_a_full_account_is_passed_over_and_when_all_are_full_it_is_said_so() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", WORDS), Model("b/1", WORDS), slots=Slots({"a": 1, "b": 1}))
        calls = [asyncio.create_task(timed(talk.llm)) for _ in range(2)]
        await asyncio.sleep(0.2)
        assert [len(model.asked) for model in talk.models] == [1, 1]
        with pytest.raises(LlmError, match=r"a/1.*resilience\.slots"):
            await timed(talk.llm)
        await asyncio.gather(*calls)
        assert text_of(await talk.say()) == WORDS

    run(scenario())


def test_a_slow_model_is_waited_for_when_the_others_are_full() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", Script(first_s=2.0)), Model("b/1", WORDS), slots=Slots({"b": 1}))
        talk.slots.take("b/1")
        assert (await timed(talk.llm))[0][0] == 2.0
        talk.slots.give("b/1")
        talk.nothing_is_left_over()

    run(scenario())


@pytest.mark.parametrize("after_s", [0.0, 0.05, 0.11, 0.3, 1.2, 1.25, 1.35, 2.0])
@pytest.mark.parametrize("make", [stalled, lambda: stalled(3), lambda: Script(breaks_after=5), Script])
def test_closing_it_at_any_moment_gives_everything_back(after_s: float, make: Callable[[], Script]) -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", make()), Model("b/1", stalled(2)), slots=Slots({"a": 1, "b": 1}))
        task = asyncio.create_task(timed(talk.llm))
        await asyncio.sleep(after_s)
        task.cancel()
        await asyncio.wait({task})
        talk.nothing_is_left_over()
        await talk.close()
        assert asyncio.get_running_loop().time() == pytest.approx(after_s, abs=0.01)

    run(scenario())


def test_a_trial_that_is_cancelled_lets_the_next_one_in() -> None:
    async def scenario() -> None:
        talk = Talk(Model("a/1", *[failing()] * 3, Script(first_s=0.3), WORDS), Model("b/1", WORDS))
        for _ in range(3):
            await talk.say()
        await asyncio.sleep(5)
        trial = asyncio.create_task(timed(talk.llm))
        await asyncio.sleep(0.2)
        trial.cancel()
        await asyncio.wait({trial})
        await talk.say()
        assert len(talk.models[0].asked) == 5
        assert not talk.chain.links[0].breaker.open

    run(scenario())


def test_closing_it_between_two_tokens_closes_the_model_at_once() -> None:
    """Also when something else still holds the model's stream, so that nothing collects it."""

    async def scenario() -> None:
        class Kept(Model):
            def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
                streams.append(super().reply(request))
                return streams[-1]

        streams: list[AsyncGenerator[LlmDelta, None]] = []
        talk = Talk(Kept("a/1", WORDS))
        deltas = talk.llm.reply(ASKED)
        await anext(deltas)
        await deltas.aclose()
        talk.nothing_is_left_over()
        await talk.close()
        assert len(streams) == 1

    run(scenario())


def test_a_model_that_answers_at_the_very_last_moment_leaves_the_next_free() -> None:
    async def scenario() -> None:
        class Punctual(Model):
            async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
                yield TextDelta("")
                yield await token

        talk = Talk(Punctual("a/1"), Model("b/1", WORDS))
        resting = talk.chain.links[1].breaker
        for _ in range(3):
            resting.failed(BROKEN)
        await asyncio.sleep(5)
        loop = asyncio.get_running_loop()
        token: asyncio.Future[TextDelta] = loop.create_future()
        loop.call_later(FIRST_TOKEN_S, token.set_result, TextDelta("Yes."))
        assert text_of(await talk.say()) == "Yes."
        assert talk.models[1].asked == []
        assert resting.allows(), "nobody has used its trial up"

    run(scenario())


@pytest.mark.parametrize("first", [Script(), failing(), Script(breaks_after=5)], ids=["well", "fails", "breaks off"])
def test_the_contract_holds(first: Script) -> None:
    @asynccontextmanager
    async def opened(*scripts: Script) -> AsyncGenerator[Llm, None]:
        models = [HedgedLlm(Model(f"{name}/1", script)) for name, script in zip("ab", scripts, strict=True)]
        llm = FallbackLlm(Chain(models, Slots(), SLOW_MS))
        yield llm
        await llm.close()
        for model in models:
            await model.close()

    deltas = check_llm(lambda: opened(first, Script()), ASKED, run, lambda: opened(failing(), failing()))
    assert said(deltas).startswith("".join(WORD[:5]))
