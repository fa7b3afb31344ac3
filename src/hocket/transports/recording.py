"""A stereo recording of a call, streamed to disk: the caller left, the agent right."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

import msgspec
import numpy as np
import soundfile

from hocket.audio.frame import Samples
from hocket.errors import AudioError

BLOCK_FRAMES = 50
"""Frames that are written at once. One block may be on its way to the disk while the next is gathered."""

PATIENCE_S = 1
"""A disk that has not answered so long after its answer was needed has lost the recording."""

_SYSTEM_ERROR = 2
"""libsndfile's code for any failure of the operating system."""


class Recording:
    """A 16-bit WAV in which sample index / rate is the time since the call's first frame.

    All work on the disk is done by `worker`. When the disk fails the call goes on, and `failure` says why the
    recording ends early.
    """

    def __init__(self, path: Path, rate: int, worker: Executor) -> None:
        self.failure = ""
        self._path = path
        self._rate = rate
        self._worker = worker
        self._file: soundfile.SoundFile | None = None
        self._frames: list[tuple[Samples, Samples]] = []
        self._writing: asyncio.Future[_Written] | None = None

    async def open(self) -> None:
        """Create the file, and its folder. Raises `AudioError`."""
        opened = await _outcome(self._on_disk(self._create))
        if opened.failure:
            raise AudioError(f"{self._path} cannot be written ({opened.failure}); choose another file to record to.")

    async def add(self, caller: Samples, agent: Samples) -> None:
        """Append a frame of both, shape (n,) each; waits only if the block before last is still being written."""
        self._frames.append((caller, agent))
        if len(self._frames) == BLOCK_FRAMES:
            await self._write()

    async def close(self) -> None:
        """Write what is left; afterwards the file is whole."""
        await self._write()
        await self._written()
        closed = await _outcome(self._on_disk(self._finish))
        self.failure = self.failure or closed.failure

    async def _write(self) -> None:
        await self._written()
        frames, self._frames = self._frames, []
        if frames and not self.failure:
            self._writing = self._on_disk(self._append, frames)

    async def _written(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            self.failure = (await _outcome(writing)).failure

    def _on_disk(self, job: Callable[..., None], *arguments: object) -> asyncio.Future[_Written]:
        return asyncio.get_running_loop().run_in_executor(self._worker, _attempt, job, *arguments)

    def _create(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = soundfile.SoundFile(self._path, "w", self._rate, 2, "PCM_16", format="WAV")

    def _append(self, frames: list[tuple[Samples, Samples]]) -> None:
        assert self._file is not None, "recording before it was opened"
        self._file.write(np.concatenate([np.stack(pair, axis=1) for pair in frames]))
        self._file.flush()

    def _finish(self) -> None:
        if self._file is not None:
            self._file.close()


class _Written(msgspec.Struct, frozen=True):
    """What a job on the disk came to. It is no part of the call, so it takes no time in a simulation."""

    failure: str = ""
    cpu_ns: int = 0


async def _outcome(job: asyncio.Future[_Written]) -> _Written:
    done, _ = await asyncio.wait({job}, timeout=PATIENCE_S)
    return job.result() if done else _Written("the disk does not answer")


def _attempt(job: Callable[..., None], *arguments: object) -> _Written:
    try:
        job(*arguments)
    except soundfile.LibsndfileError as error:
        refused = error.code == _SYSTEM_ERROR
        return _Written("the disk is full or refuses to be written" if refused else str(error.error_string).strip(". "))
    except OSError as error:
        return _Written(error.strerror or str(error))
    return _Written()
