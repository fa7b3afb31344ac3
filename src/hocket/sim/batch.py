"""A model and a voice that hand over only what is whole: one thing after the other, to be compared with.

Nobody should take calls like this. With speculation switched off they make the order in which simple pipelines work:
silence, transcript, reply, speech, sound.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Literal

from hocket.stages.llm import Llm, LlmDelta, LlmRequest, TextDelta
from hocket.stages.tts import SpeechChunk, Tts


class BatchLlm:
    """A model whose text comes when it is complete, in one piece; what else it sent follows."""

    def __init__(self, llm: Llm) -> None:
        self.name = llm.name
        self._llm = llm

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """The whole reply. Closing it cancels the request. Raises `LlmError`."""
        async with aclosing(self._llm.reply(request)) as deltas:
            whole = [delta async for delta in deltas]
        if text := "".join(delta.text for delta in whole if isinstance(delta, TextDelta)):
            yield TextDelta(text)
        for delta in whole:
            if not isinstance(delta, TextDelta):
                yield delta

    async def close(self) -> None:
        """Close what the model holds."""
        await _close(self._llm)


class BatchTts:
    """A voice that waits for the whole text and speaks when the whole sound is made."""

    def __init__(self, tts: Tts) -> None:
        self.name = tts.name
        self.takes: Literal["tokens", "segments"] = tts.takes
        self._tts = tts

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        """The whole text's speech. Closing it cancels. Raises `TtsError`."""
        pieces = [piece async for piece in text]
        async with aclosing(self._tts.speak(_each(pieces), rate)) as chunks:
            whole = [chunk async for chunk in chunks]
        for chunk in whole:
            yield chunk

    async def close(self) -> None:
        """Close what the voice holds."""
        await _close(self._tts)


async def _each(pieces: list[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


async def _close(stage: object) -> None:
    if close := getattr(stage, "close", None):
        await close()
