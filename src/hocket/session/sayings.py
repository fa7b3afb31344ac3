"""Fixed sentences of an agent, synthesised ahead: a greeting and a filler must not wait for a voice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing
from typing import Final

from hocket.errors import TtsError
from hocket.stages.tts import SpeechChunk, Tts

SYNTHESIS_S: Final = 20.0
"""A voice that has not made a sentence by then is lost."""


class Sayings:
    """Audio of fixed sentences in one voice at one rate; shared by all calls of an agent, and as many as it has."""

    def __init__(self, tts: Tts, rate: int) -> None:
        self.tts = tts
        self.rate = rate
        self._spoken: dict[str, tuple[SpeechChunk, ...]] = {}

    async def prepare(self, texts: Iterable[str]) -> None:
        """Synthesise what is not there yet. Raises `TtsError`."""
        for text in texts:
            if text and text not in self._spoken:
                self._spoken[text] = await self._synthesise(text)

    def get(self, text: str) -> tuple[SpeechChunk, ...]:
        """The audio of a sentence; empty when it was not prepared."""
        return self._spoken.get(text, ())

    async def _synthesise(self, text: str) -> tuple[SpeechChunk, ...]:
        try:
            async with asyncio.timeout(SYNTHESIS_S), aclosing(self.tts.speak(_once(text), self.rate)) as speech:
                return tuple([chunk async for chunk in speech])
        except TimeoutError:
            raise TtsError(f'{self.tts.name} has not spoken "{text}" within {SYNTHESIS_S:g} s; try again.') from None


async def _once(text: str) -> AsyncIterator[str]:
    yield text
