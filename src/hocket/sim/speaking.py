"""A model and a voice for simulated calls: seeded words at a provider's pace, and a tone in place of speech."""

from __future__ import annotations

import asyncio
import functools
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from random import Random
from typing import Final, Literal

import numpy as np

from hocket.audio.frame import Samples
from hocket.clock import SECOND
from hocket.errors import LlmError, TtsError
from hocket.sim.delays import TOKEN_NS, Delays
from hocket.stages.bell import Bell
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta, Usage
from hocket.stages.tts import SpeechChunk

OPENERS: Final = (
    "Of course I will have a look,",
    "Thank you for calling us today,",
    "Yes I can help you with that,",
    "Let me check that for you.",
    "That is no problem at all,",
    "I am sorry to hear that.",
    "That is a good question.",
    "I have it right here,",
    "That is all noted here.",
    "I understand what you mean,",
    "I have found your booking.",
    "We can certainly arrange that,",
)
"""First clauses of 3 to 8 words."""

CLAUSES: Final = (
    "we have a free place on Thursday at three,",
    "and you do not need to bring anything with you.",
    "the office on the ground floor opens at nine in the morning.",
    "it usually takes about two working days,",
    "and somebody will call you back before noon.",
    "there is a small charge of twelve euros for that.",
    "I have sent the confirmation to your address.",
    "please keep the number until then.",
    "the second train leaves from platform four,",
    "and the walk to the entrance takes five minutes.",
    "would you like me to book it now?",
    "is there anything else that I can do for you?",
)

WORDS: Final = (15, 40)
CHARACTER_MS: Final = 60
"""Of speech; about 200 words a minute."""

CHUNK_MS: Final = 200
SYNTHESIS_SPEED: Final = 10
"""Milliseconds of speech that a voice makes in one millisecond."""

LEVEL: Final = 6000
PIECES_BOUND: Final = 2_000
"""Pieces of text that wait to be spoken; a voice that is further behind gives up."""


def reply_text(rng: Random) -> str:
    """A reply of 15 to 40 words that opens with a clause of 3 to 8 words."""
    fewest, most = WORDS
    parts = [rng.choice(OPENERS)]
    length = len(parts[0].split())
    target = rng.randint(fewest, most - 12)
    while length < target:
        clause = rng.choice(CLAUSES)
        if clause not in parts:
            parts.append(clause)
            length += len(clause.split())
    return " ".join(parts).rstrip(",.?") + "."


class SimLlm:
    """A model that answers the same words alike, after the delays of a provider."""

    name = "simulated"

    def __init__(self, delays: Delays, seed: int = 0, *, fails: bool = False) -> None:
        self._delays = delays
        self._seed = seed
        self._fails = fails

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        await asyncio.sleep(self._delays.llm_first_token() / SECOND)
        if self._fails:
            raise LlmError("The simulated model failed, as its script says; try again or use another model.")
        asked = request.messages[-1].content if request.messages else ""
        words = reply_text(Random(f"{self._seed} {asked}")).split()[: request.max_tokens]
        for index, word in enumerate(words):
            if index:
                await asyncio.sleep(TOKEN_NS / SECOND)
            yield TextDelta(f" {word}" if index else word)
        yield Usage(len(request.instructions) // 4 + len(asked) // 4, 0, len(words))


class SimTts:
    """A voice that is audible from its first sample to its last, and says a character in 60 ms."""

    def __init__(self, delays: Delays, takes: Literal["tokens", "segments"] = "tokens", *, fails: bool = False) -> None:
        self.name = f"simulated/{takes}"
        self.takes: Literal["tokens", "segments"] = takes
        self._delays = delays
        self._fails = fails

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        feed = _Feed(text)
        tone = _tone(rate)
        try:
            if not await feed.starts():
                return
            ready_at = feed.began_at + self._delays.tts_first_byte() / SECOND
            await asyncio.sleep(max(0.0, ready_at - asyncio.get_running_loop().time()))
            if self._fails:
                raise TtsError("The simulated voice failed, as its script says; try again or use another voice.")
            while (piece := await feed.next()) is not None:
                left = len(piece) * CHARACTER_MS * rate // 1000
                while True:
                    size = min(left, len(tone))
                    yield SpeechChunk(tone[:size], piece)
                    left -= size
                    if not left:
                        break
                    piece = ""
                    await asyncio.sleep(size / rate / SYNTHESIS_SPEED)
        finally:
            await feed.close()


class _Feed:
    """Reads text as fast as it is written, so that a busy voice never holds up the model."""

    __slots__ = ("_begun", "_buffered", "_done", "_news", "_reader", "began_at")

    def __init__(self, text: AsyncIterator[str]) -> None:
        self.began_at = 0.0
        """Loop time of the first text."""
        self._buffered: deque[str] = deque()
        self._begun = False
        self._done = False
        self._news = Bell()
        self._reader = asyncio.create_task(self._read(text), name="simulated voice")

    async def starts(self) -> bool:
        """Wait until there is text to begin with; False when it ends without any."""
        while not self._begun and not self._done:
            await self._wait()
        if self._done:
            self._reader.result()
        return bool(self._buffered)

    async def next(self) -> str | None:
        """The next piece; None at the end of the text."""
        while not self._buffered:
            if self._done:
                self._reader.result()
                return None
            await self._wait()
        return self._buffered.popleft()

    async def close(self) -> None:
        self._reader.cancel()
        await asyncio.wait((self._reader,))

    async def _read(self, text: AsyncIterator[str]) -> None:
        try:
            async for piece in text:
                if not piece:
                    continue
                if not self._begun:
                    self._begun = True
                    self.began_at = asyncio.get_running_loop().time()
                if len(self._buffered) >= PIECES_BOUND:
                    raise TtsError("The simulated voice is too far behind its text; give it less text at once.")
                self._buffered.append(piece)
                self._news.ring()
        finally:
            self._done = True
            self._news.ring()

    async def _wait(self) -> None:
        await self._news.rung()


@functools.cache
def _tone(rate: int) -> Samples:
    """A square wave of 500 Hz, read-only: every sample is as loud."""
    wave = np.tile(np.repeat(np.array([LEVEL, -LEVEL], np.int16), rate // 1000), CHUNK_MS // 2)
    wave.setflags(write=False)
    return wave
