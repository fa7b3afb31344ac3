"""A detector and a recogniser that are small, quick and right about loud noise, for whole calls in tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np

from hocket.audio.frame import Frame
from hocket.audio.levels import rms_dbfs
from hocket.stages.stt import Transcript
from hocket.stages.vad import OnWindow, VadWindow

RATE = 16_000
LOUD_DBFS = -30.0


class LevelVad:
    """Hears speech in every frame that is loud."""

    name = "level"

    def __init__(self) -> None:
        self.closed = 0

    def open(self, rate: int, on_window: OnWindow) -> LevelVadStream:
        return LevelVadStream(on_window)

    def close(self) -> None:
        self.closed += 1


class LevelVadStream:
    def __init__(self, on_window: OnWindow) -> None:
        self._on_window = on_window

    def push(self, frame: Frame) -> None:
        self._on_window(VadWindow(frame.at, frame.end, 0.95 if rms_dbfs(frame.samples) > LOUD_DBFS else 0.05))

    def close(self) -> None:
        pass


class WordsStt:
    """Recognises the same words whenever something loud was said before a final is asked for."""

    name = "words"

    def __init__(self, words: str) -> None:
        self.words = words

    async def open(self, rate: int, language: str = "en") -> WordsStream:
        return WordsStream(self.words)


class WordsStream:
    dropped = 0

    def __init__(self, words: str) -> None:
        self._words = words
        self._heard = False
        self._finals: asyncio.Queue[Transcript | None] = asyncio.Queue()

    def push(self, frame: Frame) -> None:
        self._heard = self._heard or rms_dbfs(frame.samples) > LOUD_DBFS

    def finalize(self) -> None:
        self._finals.put_nowait(Transcript(self._words if self._heard else "", True, True))
        self._heard = False

    async def __aiter__(self) -> AsyncIterator[Transcript]:
        while (transcript := await self._finals.get()) is not None:
            yield transcript

    async def close(self) -> None:
        self._finals.put_nowait(None)


def noise(milliseconds: int) -> Frame:
    """Something loud."""
    samples = np.random.default_rng(1).normal(0, 6_000, RATE * milliseconds // 1000)
    return Frame(np.clip(samples, -32768, 32767).astype(np.int16), RATE, 0)
