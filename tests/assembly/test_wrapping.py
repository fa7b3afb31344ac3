from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest

from hocket.agent.agent import Resilience
from hocket.assembly.wrapping import WARM_S, Providers
from hocket.errors import LlmError, StageError, SttError
from hocket.sim.loop import run
from hocket.stages.llm import LlmRequest, Message, TextDelta
from hocket.stages.notices import Notice, listen
from hocket.stages.stt import SttStream
from tests.assembly.test_assembly import NoStt
from tests.session.making import FakeLlm, FakeTts

ASKED = LlmRequest("You are being tested.", (Message("user", "hello"),))
COMPLEX = LlmRequest(
    "You are being tested.",
    (Message("user", "can you compare the two tariffs and explain why the second is cheaper for a family of four"),),
)


def providers(
    *llms: FakeLlm,
    complex_llm: FakeLlm | None = None,
    tts: FakeTts | None = None,
    resilience: Resilience = Resilience(),  # noqa: B008 (immutable)
) -> Providers:
    return Providers([NoStt()], llms, [tts or FakeTts()], complex_llm, resilience)  # type: ignore[list-item]


async def said(made: Providers, request: LlmRequest = ASKED) -> str:
    return "".join([delta.text async for delta in made.llm.reply(request) if isinstance(delta, TextDelta)])


def test_a_model_that_fails_is_stood_in_for_by_the_next() -> None:
    async def scenario() -> None:
        broken, sound = FakeLlm((LlmError("It is down."),)), FakeLlm(("Yes.",))
        made = providers(broken, sound)
        notices: list[Notice] = []
        listen(notices.append)
        assert await said(made) == "Yes."
        assert [(notice.stage, notice.step) for notice in notices] == [("llm", "left")]
        await made.close()

    run(scenario())


@pytest.mark.parametrize(("hedge", "calls"), [("late", 2), ("both", 2), ("off", 1)])
def test_a_late_model_is_asked_twice_unless_that_is_off(hedge: str, calls: int) -> None:
    async def scenario() -> None:
        slow = FakeLlm((1.0, "Yes."), (0.1, "Yes."))
        made = providers(slow, resilience=Resilience(hedge=hedge))  # type: ignore[arg-type]
        assert await said(made) == "Yes."
        assert len(slow.requests) == calls
        await made.close()

    run(scenario())


def test_complex_turns_go_to_the_model_for_them_and_to_the_usual_one_when_it_is_down() -> None:
    async def scenario() -> None:
        made = providers(FakeLlm(("Quick.",)), complex_llm=FakeLlm(("Thorough.",), (LlmError("It is down."),)))
        assert await said(made) == "Quick."
        assert await said(made, COMPLEX) == "Thorough."
        assert await said(made, COMPLEX) == "Quick."
        await made.close()

    run(scenario())


@pytest.mark.parametrize(("megabytes", "steps"), [(1.0, ["missed", "hit"]), (0.0, [])])
def test_an_opener_that_was_spoken_before_comes_from_the_cache_unless_none_are_kept(
    megabytes: float, steps: list[str]
) -> None:
    async def scenario() -> None:
        made = providers(FakeLlm(("Yes.",)), tts=FakeTts(before=0.1), resilience=Resilience(openers_mb=megabytes))
        notices: list[Notice] = []
        listen(notices.append)
        for _ in range(2):
            assert [chunk async for chunk in made.tts.speak(_tokens("Of ", "course. ", "We open at nine."), 16_000)]
        assert [notice.step for notice in notices if notice.stage == "tts"] == steps

    run(scenario())


def test_an_account_without_room_is_passed_over() -> None:
    async def scenario() -> None:
        full, free = FakeLlm((0.5, "Full.")), FakeLlm(("Free.",))
        full.name, free.name = "one/model", "two/model"
        made = providers(full, free, resilience=Resilience(slots={"one": 1}, hedge="off"))
        first = asyncio.ensure_future(said(made))
        await asyncio.sleep(0.1)
        assert made.slots.free("one/model") == 0
        assert await said(made) == "Free."
        assert await first == "Full."
        assert made.slots.free("one/model") == 1

    run(scenario())


class Cold(FakeLlm):
    """A model whose connections are opened ahead."""

    def __init__(self, how: float | StageError) -> None:
        super().__init__(("Yes.",))
        self.how = how
        self.rates: list[int] = []

    async def warm(self, rate: int) -> None:
        self.rates.append(rate)
        if isinstance(self.how, StageError):
            raise self.how
        await asyncio.sleep(self.how)


class ColdTts(FakeTts):
    rates: tuple[int, ...] = ()

    async def warm(self, rate: int) -> None:
        self.rates += (rate,)


def test_everything_is_warmed_at_the_rate_it_will_be_used_at() -> None:
    async def scenario() -> None:
        model, spare, voice = Cold(0.0), Cold(0.0), ColdTts()
        await providers(model, spare, tts=voice).warm(8_000, 24_000)
        assert (model.rates, spare.rates, voice.rates) == ([8_000], [8_000], (24_000,))

    run(scenario())


@pytest.mark.parametrize("how", [LlmError("It is down."), WARM_S + 1])
def test_a_provider_that_cannot_be_warmed_keeps_no_call_from_being_taken(
    how: float | StageError, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> float:
        await providers(Cold(how)).warm(8_000, 8_000)
        return asyncio.get_running_loop().time()

    with caplog.at_level(logging.WARNING):
        assert run(scenario()) <= WARM_S
    assert "could not be warmed" in caplog.text


async def _tokens(*tokens: str) -> AsyncGenerator[str, None]:
    for token in tokens:
        await asyncio.sleep(0.012)
        yield token


class LostAtOnce:
    """A recogniser whose only stream breaks off."""

    name = "lost"

    def __init__(self) -> None:
        self.opened = 0

    async def open(self, rate: int, language: str = "en") -> SttStream:
        self.opened += 1
        raise SttError("It is down.")


def test_a_recogniser_that_cannot_be_opened_is_stood_in_for_by_the_next() -> None:
    async def scenario() -> None:
        lost = LostAtOnce()
        made = Providers([lost, NoStt()], [FakeLlm(("Yes.",))], [FakeTts()], None, Resilience())  # type: ignore[list-item]
        stream = await made.stt.open(8_000)
        assert lost.opened == 1
        await stream.close()

    run(scenario())
