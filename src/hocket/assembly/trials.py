"""Single trials of a provider: how long until it gives the first thing that a reply waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Final, TypeVar

import numpy as np

from hocket.agent.agent import Agent
from hocket.agent.prompt import HOUSE_RULES
from hocket.audio.frame import FRAME_MS, Frame, Samples, silence
from hocket.clock import MS, LoopClock
from hocket.errors import LlmError, SttError, TtsError
from hocket.stages.llm import Llm, LlmRequest, Message, TextDelta, ToolCall
from hocket.stages.stt import Stt, Transcript
from hocket.stages.tts import Tts

T = TypeVar("T")

RATE: Final = 16_000
"""Hertz of the audio that is said and heard."""

ANSWER_S: Final = 5.0
"""What has not answered by then is not waited for: a caller would long have hung up."""

SAID: Final = "Yes, please."
LONGEST_SPEECH_S: Final = 1.5
"""Of what is said to a recogniser, at the pace of speech."""


def request_of(agent: Agent) -> LlmRequest:
    """A first question with the agent's own instructions and tools, for their length is part of the wait. Instructions
    that are a function of the call are left out: there is no call."""
    own = agent.instructions if isinstance(agent.instructions, str) else ""
    return LlmRequest(
        f"{own.strip()}\n\n{HOUSE_RULES}",
        (Message("user", "Hello, can you hear me?"),),
        agent.tool_specs,
        max_tokens=agent.manners.max_tokens,
        language=agent.language,
    )


async def first_token(llm: Llm, request: LlmRequest) -> float:
    """Milliseconds until the first word or tool call of a reply, which is read to its end, so that its connection
    stays. Raises `LlmError`."""
    clock, first_ms = LoopClock(), None
    began = clock.now()
    try:
        async with asyncio.timeout(ANSWER_S) as patience, aclosing(llm.reply(request)) as deltas:
            async for delta in deltas:
                said = isinstance(delta, ToolCall) or (isinstance(delta, TextDelta) and delta.text.strip())
                if said and first_ms is None:
                    first_ms = (clock.now() - began) / MS
                    patience.reschedule(asyncio.get_running_loop().time() + ANSWER_S)
    except TimeoutError:
        if first_ms is None:
            raise LlmError(f"{llm.name} gave no word within {ANSWER_S:g} s.") from None
    if first_ms is None:
        raise LlmError(f"{llm.name} answers without a word: if it thinks first, switch its reasoning off.")
    return first_ms


async def first_byte(tts: Tts) -> tuple[float, Samples]:
    """Milliseconds until the first sound of a short sentence, and all of its sound. Raises `TtsError`."""
    clock, first_ms = LoopClock(), None
    began = clock.now()
    sound = [silence(0)]
    try:
        async with asyncio.timeout(ANSWER_S) as patience, aclosing(tts.speak(_text(), RATE)) as chunks:
            async for chunk in chunks:
                sound.append(chunk.samples)
                if len(chunk.samples) and first_ms is None:
                    first_ms = (clock.now() - began) / MS
                    patience.reschedule(asyncio.get_running_loop().time() + ANSWER_S)
    except TimeoutError:
        pass
    if first_ms is None:
        raise TtsError(f"{tts.name} gave no sound within {ANSWER_S:g} s.")
    return first_ms, np.concatenate(sound)


async def finalize_times(stt: Stt, speech: Samples, language: str) -> AsyncGenerator[float, None]:
    """Say something at the pace of speech, ask for the final and yield how many milliseconds it took; again and again
    on one stream. Raises `SttError`."""
    clock = LoopClock()
    frames = _frames(speech)
    stream = await _soon(stt.open(RATE, language), f"{stt.name} could not be opened")
    try:
        transcripts = aiter(stream)
        at = 0
        while True:
            due = clock.now()
            for samples in frames:
                due += FRAME_MS * MS
                await asyncio.sleep(max(0, due - clock.now()) / (1000 * MS))
                stream.push(Frame(samples, RATE, at))
                at += len(samples)
            stream.finalize()
            began = clock.now()
            await _soon(_finalized(transcripts), f"{stt.name} gave no final")
            yield (clock.now() - began) / MS
    finally:
        await stream.close()


async def _finalized(transcripts: AsyncIterator[Transcript]) -> None:
    async for transcript in transcripts:
        if transcript.finalized:
            return
    raise SttError("The recogniser ended before it gave a final.")


async def _soon(answer: Awaitable[T], otherwise: str) -> T:
    try:
        async with asyncio.timeout(ANSWER_S):
            return await answer
    except TimeoutError:
        raise SttError(f"{otherwise} within {ANSWER_S:g} s.") from None


def _frames(speech: Samples) -> list[Samples]:
    size = RATE * FRAME_MS // 1000
    # A voice fades out for longer than people wait, and silence is nothing to recognise.
    heard = speech[: round(LONGEST_SPEECH_S * RATE)]
    return [heard[start : start + size] for start in range(0, len(heard) - size + 1, size)]


async def _text() -> AsyncGenerator[str, None]:
    yield SAID
