"""Adapters of the speech services and the wire servers they are tested against."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Protocol, TypeVar

from hocket.sim.wire.server import WireServer
from hocket.stages.stt import SttStream, Transcript
from hocket.stages.tts import SpeechChunk, Tts
from tests.sim.wire.scripted import RATE, SPEECH
from tests.stages.contract import frames_of


class Closable(Protocol):
    async def close(self) -> None: ...


C = TypeVar("C", bound=Closable)
S = TypeVar("S", bound=WireServer)


@asynccontextmanager
async def against(server: S, make: Callable[[str], C]) -> AsyncIterator[tuple[S, C]]:
    """The server started, and the adapter made for its address; both are closed."""
    async with server:
        adapter = make(server.url)
        try:
            yield server, adapter
        finally:
            await adapter.close()


def maker(server: Callable[[], WireServer], make: Callable[[str], C]) -> Callable[[], AbstractAsyncContextManager[C]]:
    """For the contract checks."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[C]:
        async with against(server(), make) as (_, adapter):
            yield adapter

    return opened


async def words(pieces: Iterable[str], pause_s: float = 0.0) -> AsyncGenerator[str, None]:
    for piece in pieces:
        await asyncio.sleep(pause_s)
        yield piece


async def said(tts: Tts, text: str, rate: int = 16_000) -> list[SpeechChunk]:
    async with aclosing(tts.speak(words([text]), rate)) as chunks:
        return [chunk async for chunk in chunks]


def text_of(chunks: Iterable[SpeechChunk]) -> str:
    return "".join(chunk.text for chunk in chunks)


async def push_speech(stream: SttStream, until_ms: int = 1000, pace_s: float = 0.0) -> None:
    """Push the scripted second up to some point, as fast as the pace says."""
    for frame in frames_of(SPEECH[: until_ms * RATE // 1000], RATE):
        stream.push(frame)
        await asyncio.sleep(pace_s)


class Reader:
    """Reads a stream all the time, as a session does."""

    def __init__(self, stream: SttStream) -> None:
        self.found: list[Transcript] = []
        self._stream = stream
        self._task = asyncio.create_task(self._read())

    async def finalized(self) -> list[Transcript]:
        """Take what has been found up to the first that answers finalize."""
        async with asyncio.timeout(5):
            while not any(transcript.finalized for transcript in self.found):
                self.check()
                await asyncio.sleep(0.002)
        end = next(index for index, transcript in enumerate(self.found) if transcript.finalized) + 1
        taken, self.found = self.found[:end], self.found[end:]
        return taken

    def check(self) -> None:
        """Raises what ended the transcripts, if anything has."""
        if self._task.done():
            self._task.result()

    async def close(self) -> None:
        await self._stream.close()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _read(self) -> None:
        async for transcript in self._stream:
            self.found.append(transcript)


async def until_final(stream: SttStream) -> list[Transcript]:
    """Transcripts up to the first that answers finalize."""
    found: list[Transcript] = []
    async with asyncio.timeout(5):
        async for transcript in stream:
            found.append(transcript)
            if transcript.finalized:
                break
    return found
