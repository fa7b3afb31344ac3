"""Fixed sentences of an agent, synthesised ahead: a greeting and a filler must not wait for a voice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing

from hocket.stages.tts import SpeechChunk, Tts


class Sayings:
    """Audio of fixed sentences in one voice at one rate; shared by all calls of an agent."""

    def __init__(self, tts: Tts, rate: int) -> None:
        self.tts = tts
        self.rate = rate
        self._spoken: dict[str, tuple[SpeechChunk, ...]] = {}

    async def prepare(self, texts: Iterable[str]) -> None:
        """Synthesise what is not there yet. Raises `TtsError`."""
        for text in texts:
            if text and text not in self._spoken:
                async with aclosing(self.tts.speak(_once(text), self.rate)) as speech:
                    self._spoken[text] = tuple([chunk async for chunk in speech])

    def get(self, text: str) -> tuple[SpeechChunk, ...]:
        """The audio of a sentence; empty when it was not prepared."""
        return self._spoken.get(text, ())


async def _once(text: str) -> AsyncIterator[str]:
    yield text
