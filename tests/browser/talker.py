"""An agent for calls from a browser: small stages, and a voice that is a tone of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Literal

import numpy as np

from hocket.agent.agent import Agent
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta
from hocket.stages.tts import SpeechChunk
from tests.cli.small_stages import LevelVad, WordsStt

TONE_HZ = 440
WORD_MS = 300
QUESTION = "When do you open?"
GREETING = "Hello there."
ANSWER = "We open at nine " + "and close at five " * 8


class Reciter:
    """Gives the same long answer to everything."""

    name = "reciter"

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        for word in ANSWER.split():
            await asyncio.sleep(0.01)
            yield TextDelta(f"{word} ")


class Tone:
    """Speaks every piece of text as 440 Hz, `WORD_MS` a word."""

    name = "tone"
    takes: Literal["tokens", "segments"] = "tokens"

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        at = 0
        async for piece in text:
            count = rate * WORD_MS * max(1, len(piece.split())) // 1000
            wave = np.sin(2 * np.pi * TONE_HZ * (at + np.arange(count)) / rate)
            yield SpeechChunk((8_000 * wave).astype(np.int16), piece)
            at += count


agent = Agent(
    "You are being tested.",
    name="Opening Hours",
    greeting=GREETING,
    vad=LevelVad(),
    stt=WordsStt(QUESTION),
    llm=Reciter(),
    tts=Tone(),
)
