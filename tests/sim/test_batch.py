from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Literal

import pytest

from hocket.audio.frame import silence
from hocket.sim.batch import BatchLlm, BatchTts
from hocket.sim.loop import run
from hocket.stages.llm import LlmDelta, LlmRequest, Message, TextDelta, ToolCall
from hocket.stages.tts import SpeechChunk

ASKED = LlmRequest("Be brief.", (Message("user", "When do you open?"),))
CALL = ToolCall("1", "hours", "{}")


class Model:
    """A token every 10 ms, with a tool in between."""

    name = "model"

    def __init__(self) -> None:
        self.running = False
        self.closed = 0

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        self.running = True
        try:
            for delta in (TextDelta("At "), CALL, TextDelta("nine.")):
                await asyncio.sleep(0.01)
                yield delta
        finally:
            self.running = False

    async def close(self) -> None:
        self.closed += 1


class Voice:
    """A chunk of 100 ms every 20 ms for each piece of text."""

    name = "voice"
    takes: Literal["tokens", "segments"] = "tokens"

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        async for piece in text:
            await asyncio.sleep(0.02)
            yield SpeechChunk(silence(rate // 10), piece)


def test_a_reply_comes_whole() -> None:
    async def reply() -> tuple[list[LlmDelta], float]:
        deltas = [delta async for delta in BatchLlm(Model()).reply(ASKED)]
        return deltas, asyncio.get_running_loop().time()

    deltas, _ = run(reply())
    assert deltas == [TextDelta("At nine."), CALL]


def test_nothing_is_said_before_all_is_made() -> None:
    async def first() -> tuple[float, list[str]]:
        async def text() -> AsyncIterator[str]:
            for piece in ("At ", "nine."):
                await asyncio.sleep(0.05)
                yield piece

        loop = asyncio.get_running_loop()
        began, heard, first = loop.time(), [], 0.0
        async for chunk in BatchTts(Voice()).speak(text(), 8000):
            first = first or loop.time() - began
            heard.append(chunk.text)
        return first, heard

    first_s, heard = run(first())
    assert first_s == pytest.approx(0.14), "two pieces of text, then two of sound"
    assert heard == ["At ", "nine."]


def test_a_reply_that_is_cancelled_cancels_the_model() -> None:
    model = Model()

    async def cancelled() -> None:
        async def begin() -> None:
            async with aclosing(BatchLlm(model).reply(ASKED)) as deltas:
                await anext(deltas)

        task = asyncio.ensure_future(begin())
        await asyncio.sleep(0.015)
        assert model.running
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(cancelled())
    assert not model.running


def test_the_stages_inside_are_closed_where_they_can_be() -> None:
    model = Model()
    run(BatchLlm(model).close())
    run(BatchTts(Voice()).close())
    assert model.closed == 1
