"""The audio of one line of a caller, read ahead of its time and off the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from itertools import islice
from pathlib import Path
from typing import Final, TypeVar

import msgspec
import numpy as np

from hocket.audio.frame import FRAME_MS, Frame, Samples, silence
from hocket.audio.levels import rms_dbfs
from hocket.audio.resample import resample
from hocket.errors import AudioError
from hocket.transports.wav import open_audio

QUIETEST_TONE_DBFS: Final = -70.0
LOUDEST_TONE_DBFS: Final = -45.0

DISK_TIMEOUT_S: Final = 5
"""A disk that does not answer for so long is given up."""

_BLOCK_FRAMES = 50
_LOOK_AT_FRAMES = 500
_TONE_FRAMES = 5

T = TypeVar("T")


class LineAudio:
    """A file, or samples, as a stream at `rate` Hertz. All work on the disk is done by `worker`, one job at a time."""

    def __init__(self, audio: Path | Frame, rate: int, worker: Executor, seed: int) -> None:
        self._audio = audio
        self._rate = rate
        self._worker = worker
        self._seed = seed
        self._frames = _frames(audio, rate)
        self._coming: asyncio.Future[_Block] | None = None
        self._ready = silence(0)
        self._over = False

    async def room_tone(self) -> Samples:
        """A second of noise as loud as the quietest moment of the line's first ten seconds. Raises `AudioError`.

        Where a clip ends in digital silence, and between lines, a real line is never that quiet.
        """
        level = (await _answer(self._on_disk(_quietest, self._audio, self._rate))).dbfs
        sigma = 32768 * 10 ** (min(max(level, QUIETEST_TONE_DBFS), LOUDEST_TONE_DBFS) / 20)
        return np.rint(np.random.default_rng(self._seed).normal(0, sigma, self._rate)).astype(np.int16)

    def prefetch(self) -> None:
        """Begin to read the next second."""
        if self._coming is None and not self._over:
            self._coming = self._on_disk(_next_block, self._frames)

    async def read(self, count: int) -> Samples:
        """The next `count` samples; fewer, then none, at the end. Raises `AudioError`."""
        while len(self._ready) < count and not self._over:
            self.prefetch()
            assert self._coming is not None
            block = await _answer(self._coming)
            self._coming = None
            self._ready = np.concatenate((self._ready, block.samples))
            self._over = block.last
            self.prefetch()
        part, self._ready = self._ready[:count], self._ready[count:]
        return part

    async def close(self) -> None:
        """Close the file, if it is open."""
        self._over = True
        if self._coming is not None and not self._coming.cancelled():
            await asyncio.wait({self._coming})
            self._coming.exception()  # nobody is left to be told
        await self._on_disk(_close, self._frames)

    def _on_disk(self, job: Callable[..., T], *arguments: object) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._worker, job, *arguments)


async def _answer(job: asyncio.Future[T]) -> T:
    done, _ = await asyncio.wait({job}, timeout=DISK_TIMEOUT_S)
    if not done:
        raise AudioError(f"The disk with the caller's audio has not answered for {DISK_TIMEOUT_S} s; try another disk.")
    return job.result()


class _Block(msgspec.Struct, frozen=True):
    """A second of audio. Reading is no part of the call, so it takes no time in a simulation."""

    samples: Samples
    last: bool
    cpu_ns: int = 0


class _Level(msgspec.Struct, frozen=True):
    dbfs: float
    cpu_ns: int = 0


def _frames(audio: Path | Frame, rate: int) -> Generator[Samples, None, None]:
    if isinstance(audio, Path):
        yield from open_audio(audio).frames(rate)
    else:
        samples = resample(audio.samples, audio.rate, rate)
        count = rate * FRAME_MS // 1000
        yield from (samples[at : at + count] for at in range(0, len(samples), count))


def _next_block(frames: Generator[Samples, None, None]) -> _Block:
    block = list(islice(frames, _BLOCK_FRAMES))
    return _Block(np.concatenate((silence(0), *block)), len(block) < _BLOCK_FRAMES)


def _quietest(audio: Path | Frame, rate: int) -> _Level:
    frames = _frames(audio, rate)
    beginning = list(islice(frames, _LOOK_AT_FRAMES))
    frames.close()
    windows = [beginning[at : at + _TONE_FRAMES] for at in range(0, len(beginning), _TONE_FRAMES)]
    return _Level(min((rms_dbfs(np.concatenate(window)) for window in windows), default=QUIETEST_TONE_DBFS))


def _close(frames: Generator[Samples, None, None]) -> _Level:
    frames.close()
    return _Level(0)
