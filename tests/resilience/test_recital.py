from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator

import numpy as np
import pytest

from hocket.errors import TtsError
from hocket.resilience.manuscript import Manuscript
from hocket.resilience.recital import AHEAD, CLOSE_S, Recital, close
from hocket.sim.loop import run
from hocket.stages.bell import Bell
from hocket.stages.tts import SpeechChunk
from tests.resilience.voices import tokens_of


class Voice:
    """Ten chunks, and what became of it."""

    def __init__(self, error: BaseException | None = None, close_s: float = 0.0) -> None:
        self.error = error
        self.close_s = close_s
        self.made = 0
        self.closed = False

    async def speak(self) -> AsyncGenerator[SpeechChunk, None]:
        try:
            for _ in range(10):
                await asyncio.sleep(0.1)
                self.made += 1
                yield SpeechChunk(np.zeros(1, np.int16), str(self.made))
            if self.error:
                raise self.error
        finally:
            await asyncio.sleep(self.close_s)
            self.closed = True


async def take_all(recital: Recital, news: Bell) -> list[str]:
    texts: list[str] = []
    while True:
        while not recital.ready:
            await news.rung()
        if (chunk := recital.take()) is None:
            return texts
        texts.append(chunk.text)


def test_all_is_read_in_order_and_not_far_ahead() -> None:
    async def scenario() -> None:
        news, voice = Bell(), Voice()
        recital = Recital(voice.speak(), news)
        assert not recital.ready
        await asyncio.sleep(5)
        assert voice.made == AHEAD
        assert recital.first_at == pytest.approx(0.1)
        assert await take_all(recital, news) == [str(number) for number in range(1, 11)]
        assert recital.over
        assert voice.closed

    run(scenario())


@pytest.mark.parametrize("error", [TtsError("gone"), asyncio.CancelledError()])
def test_an_error_comes_behind_the_last_chunk(error: BaseException) -> None:
    async def scenario() -> None:
        news = Bell()
        recital = Recital(Voice(error).speak(), news)
        for _ in range(10):
            while not recital.ready:
                await news.rung()
            assert recital.take()
        await asyncio.sleep(1)
        for _ in range(2):
            with pytest.raises(TtsError):
                recital.take()

    run(scenario())


def test_what_is_left_closes_in_peace() -> None:
    async def scenario() -> None:
        voice = Voice(close_s=1.0)
        manuscript = Manuscript(tokens_of(["a"], 99))
        recital = Recital(voice.speak(), Bell())
        await asyncio.sleep(0.5)
        recital.leave()
        recital.leave()
        await asyncio.sleep(0.5)
        closed = [voice.closed]
        await close(manuscript, [recital])
        assert [*closed, voice.closed] == [False, True]
        assert manuscript.task.cancelled()

    run(scenario())


def test_what_does_not_close_is_left_behind_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        recital = Recital(Voice(close_s=9).speak(), Bell())
        await asyncio.sleep(0.5)
        began = loop.time()
        await close(Manuscript(tokens_of(["a"], 99)), [recital])
        assert loop.time() - began == pytest.approx(CLOSE_S)
        await asyncio.sleep(9)

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "reply: voice goes on" in caplog.text
