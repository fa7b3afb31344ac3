from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Literal

import numpy as np
import pytest

from hocket.agent.agent import Agent, Manners
from hocket.agent.call import Call
from hocket.assembly.trials import (
    ANSWER_S,
    LONGEST_SPEECH_S,
    RATE,
    SAID,
    finalize_times,
    first_byte,
    first_token,
    request_of,
)
from hocket.audio.frame import Frame, Samples, silence
from hocket.errors import LlmError, SttError, TtsError
from hocket.sim.loop import run
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta, ToolCall, Usage
from hocket.stages.stt import Transcript
from hocket.stages.tts import SpeechChunk

AGENT = Agent("You are the harbour clinic.", manners=Manners(max_tokens=77))


class TimedLlm:
    """Gives each delta after its seconds."""

    name = "timed/llm"

    def __init__(self, *deltas: tuple[float, LlmDelta]) -> None:
        self.deltas = deltas
        self.requests: list[LlmRequest] = []
        self.finished = 0

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.requests.append(request)
        for seconds, delta in self.deltas:
            await asyncio.sleep(seconds)
            yield delta
        self.finished += 1


class TimedTts:
    """Gives each piece of sound after its seconds."""

    name = "timed/tts"
    takes: Literal["tokens", "segments"] = "tokens"

    def __init__(self, *pieces: tuple[float, Samples]) -> None:
        self.pieces = pieces
        self.said: list[str] = []

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        self.said.append("".join([piece async for piece in text]))
        for seconds, samples in self.pieces:
            await asyncio.sleep(seconds)
            yield SpeechChunk(samples)


class TimedStt:
    """Gives a final so many seconds after it is asked for one; None is never, and a negative number the end."""

    name = "timed/stt"
    dropped = 0

    def __init__(self, *finals: float | None, opens_s: float = 0.0) -> None:
        self.finals = list(finals)
        self.opens_s = opens_s
        self.pushed: list[tuple[float, Frame]] = []
        self.closed = 0
        self._answers: asyncio.Queue[float | None]

    async def open(self, rate: int, language: str = "en") -> TimedStt:
        await asyncio.sleep(self.opens_s)
        self._answers = asyncio.Queue()
        return self

    def push(self, frame: Frame) -> None:
        self.pushed.append((asyncio.get_running_loop().time(), frame))

    def finalize(self) -> None:
        self._answers.put_nowait(self.finals.pop(0))

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while True:
            wait_s = await self._answers.get()
            if wait_s is not None and wait_s < 0:
                return
            yield Transcript("yes", False)
            yield Transcript("yes", True)
            await asyncio.sleep(3600 if wait_s is None else wait_s)
            yield Transcript("please", True, True)

    async def close(self) -> None:
        self.closed += 1


def test_the_request_is_as_long_as_the_agents_own() -> None:
    request = request_of(AGENT)
    assert request.instructions.startswith("You are the harbour clinic.\n\n")
    assert len(request.instructions) > 300
    assert [tool.name for tool in request.tools] == ["end_call"]
    assert request.max_tokens == 77

    def instructions(call: Call) -> str:
        raise AssertionError("there is no call")

    assert request_of(Agent(instructions)).instructions


def test_the_first_word_counts_and_the_rest_is_read() -> None:
    async def scenario() -> None:
        llm = TimedLlm((0.1, TextDelta("")), (0.1, TextDelta(" ")), (0.15, TextDelta("Yes")), (1.0, Usage(1, 0, 1)))
        assert await first_token(llm, request_of(AGENT)) == pytest.approx(350)
        assert llm.finished == 1
        assert asyncio.get_running_loop().time() == pytest.approx(1.35)
        assert await first_token(TimedLlm((0.2, ToolCall("1", "end_call", "{}"))), request_of(AGENT)) == pytest.approx(
            200
        )

    run(scenario())


def test_a_model_without_a_word_is_an_error() -> None:
    async def scenario() -> None:
        with pytest.raises(LlmError, match="answers without a word: if it thinks first, switch its reasoning off"):
            await first_token(TimedLlm((0.1, Usage(10, 0, 200))), request_of(AGENT))
        began = asyncio.get_running_loop().time()
        with pytest.raises(LlmError, match="gave no word within 5 s"):
            await first_token(TimedLlm((60, TextDelta("Yes"))), request_of(AGENT))
        assert asyncio.get_running_loop().time() - began == pytest.approx(ANSWER_S)

    run(scenario())


def test_the_rest_of_a_reply_is_not_waited_for_for_ever() -> None:
    async def scenario() -> None:
        assert await first_token(TimedLlm((4.0, TextDelta("Yes")), (60, TextDelta("."))), request_of(AGENT)) == 4_000
        assert asyncio.get_running_loop().time() == pytest.approx(4.0 + ANSWER_S)

    run(scenario())


def test_the_first_sound_counts_and_all_of_it_is_returned() -> None:
    async def scenario() -> None:
        tts = TimedTts((0.05, silence(0)), (0.07, silence(100)), (0.5, silence(60)))
        took_ms, sound = await first_byte(tts)
        assert took_ms == pytest.approx(120)
        assert len(sound) == 160
        assert tts.said == [SAID]
        for mute in (TimedTts(), TimedTts((60.0, silence(10)))):
            with pytest.raises(TtsError, match="timed/tts gave no sound"):
                await first_byte(mute)

    run(scenario())


def finals(stt: TimedStt, speech: Samples, count: int) -> list[float]:
    async def scenario() -> list[float]:
        found: list[float] = []
        async with aclosing(finalize_times(stt, speech, "en")) as times:
            async for took_ms in times:
                found.append(took_ms)
                if len(found) == count:
                    break
        return found

    return run(scenario())


def test_finals_are_timed_from_the_end_of_what_is_said_at_the_pace_of_speech() -> None:
    stt = TimedStt(0.04, 0.2, 0.07)
    speech = np.full(RATE // 2 + 50, 500, np.int16)
    assert finals(stt, speech, 3) == pytest.approx([40, 200, 70])
    assert [frame.at for _, frame in stt.pushed] == [320 * index for index in range(3 * 25)]
    times = [at for at, _ in stt.pushed]
    assert times[:25] == pytest.approx([0.02 * (index + 1) for index in range(25)])
    assert stt.closed == 1


def test_what_is_said_is_not_long() -> None:
    stt = TimedStt(0.0)
    finals(stt, silence(60 * RATE), 1)
    assert len(stt.pushed) == round(LONGEST_SPEECH_S * 50)


@pytest.mark.parametrize(
    ("stt", "sentence"),
    [
        (TimedStt(0.1, None), "timed/stt gave no final within 5 s"),
        (TimedStt(opens_s=60), "timed/stt could not be opened within 5 s"),
        (TimedStt(-1.0), "ended before it gave a final"),
    ],
)
def test_a_recogniser_that_does_not_answer_is_an_error(stt: TimedStt, sentence: str) -> None:
    with pytest.raises(SttError, match=sentence):
        finals(stt, silence(RATE // 10), 2)
    assert stt.closed == (stt.opens_s == 0)
