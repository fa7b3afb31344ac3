"""Speech-to-text without a key or a network: pocketsphinx, in worker processes, beside a grammar of the agent's words.

English only, and only good at what is made of words that the agent itself uses: of open speech, read clearly, nearly
half the words come out wrong (`benchmarks/recognition.py`). Use a hosted recogniser for callers who may say anything.

A call takes 0.4 of a core while somebody speaks and 80 MB beside the models. Each call beyond the most there ever were
at once makes its worker load a dictionary first, which holds up the other calls of that worker for about 0.4 s.
"""

from __future__ import annotations

import asyncio
import importlib.util
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial

from hocket.audio.frame import FRAME_MS, Frame
from hocket.errors import MissingError, SttError
from hocket.providers.sphinx_audio import Batch, PendingAudio
from hocket.providers.sphinx_decoding import RATE
from hocket.providers.sphinx_processes import Call, Slot
from hocket.providers.stability import StabilityFilter
from hocket.stages.bell import Bell
from hocket.stages.stt import SttStream, Transcript
from hocket.stages.transcripts import Transcripts

log = logging.getLogger(__name__)

AGREEING = 3
"""Partials, one every 40 ms of audio, that must agree on a word before it is shown: words come out 140 ms after they
end, and of 3.4 words that the search takes back for every final one 0.8 are seen. With 2 it is 100 ms and 1.6 words,
with 4 190 ms and 0.4 (medians of `benchmarks/recognition.py`)."""

_PACKAGE = "pocketsphinx"


class Pocketsphinx:
    """Recognisers for all calls of a process. `close` ends its worker processes; so does the end of hocket's own."""

    name = "pocketsphinx"

    def __init__(self, phrases: Sequence[str] = (), *, workers: int = 1) -> None:
        """Start the workers, without waiting for them. `phrases`: sentences in the words that callers may use, such as
        the agent's knowledge. Raises `MissingError` without the package."""
        if importlib.util.find_spec(_PACKAGE) is None:
            raise MissingError(
                "The offline recogniser pocketsphinx is not installed. Run `pip install hocket[embedded]`."
            )
        self._slots = [Slot(phrases) for _ in range(workers)]

    async def open(self, rate: int, language: str = "en") -> SttStream:
        """A stream for audio of `rate` Hertz. Raises `SttError`, also for a language other than English."""
        if language.split("-")[0].lower() != "en":
            raise SttError(f'pocketsphinx recognises English, not "{language}". Use another stt.', retryable=False)
        slot = min(self._slots, key=lambda slot: slot.calls)
        loop = asyncio.get_running_loop()
        slot.calls += 1
        try:
            opening = loop.run_in_executor(slot.thread, slot.open)
        except RuntimeError as error:  # its thread has ended
            slot.calls -= 1
            raise _closed() from error
        try:
            call = await asyncio.shield(opening)
        except BaseException:
            slot.calls -= 1
            opening.add_done_callback(partial(_end_unused, slot))
            raise
        return _Stream(slot, call, rate)

    async def close(self) -> None:
        """End the workers. Streams that are open raise `SttError`."""
        for slot in self._slots:
            slot.close()


def _closed() -> SttError:
    return SttError("This recogniser has been closed. Make a new one.", retryable=False)


def _end_unused(slot: Slot, opening: asyncio.Future[Call]) -> None:
    """Nobody waits for the call any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.get_loop().run_in_executor(slot.thread, slot.end, opening.result())


class _Stream:
    """One call: a task takes what is pending to the worker, and what that recognises waits in `_transcripts`."""

    def __init__(self, slot: Slot, call: Call, rate: int) -> None:
        self._slot = slot
        self._call = call
        self._pending = PendingAudio(rate)
        self._pushed = Bell()
        self._transcripts = Transcripts()
        self._filter = StabilityFilter(AGREEING)
        self._closed = False
        self._task = asyncio.create_task(self._work(), name="pocketsphinx")

    @property
    def dropped(self) -> int:
        """Frames of 20 ms, because the worker was too slow."""
        return self._pending.dropped * 1000 // (RATE * FRAME_MS)

    def push(self, frame: Frame) -> None:
        if not self._closed:
            self._pending.push(frame.samples)
            self._pushed.ring()

    def finalize(self) -> None:
        if not self._closed:
            self._pending.finish()
            self._pushed.ring()

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        if (transcript := await self._transcripts.next()) is None:
            raise StopAsyncIteration
        return transcript

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._transcripts.end(None)
        self._task.cancel()
        self._slot.calls -= 1
        with suppress(RuntimeError):  # the recogniser was closed before
            ending = asyncio.get_running_loop().run_in_executor(self._slot.thread, self._slot.end, self._call)
            await asyncio.shield(ending)

    async def _work(self) -> None:
        try:
            while True:
                if batch := self._pending.next():
                    await self._hear(batch)
                else:
                    await self._pushed.rung()
        except SttError as error:
            self._transcripts.end(error)
        except Exception as error:  # whatever it is, the reader has to know
            log.error("pocketsphinx failed", exc_info=error)
            self._transcripts.end(SttError(f"pocketsphinx failed ({type(error).__name__}); the call's log says how."))

    async def _hear(self, batch: Batch) -> None:
        loop, slot = asyncio.get_running_loop(), self._slot
        pcm = batch.samples.tobytes()
        try:
            heard = await loop.run_in_executor(slot.thread, slot.hear, self._call, pcm, batch.finish)
        except RuntimeError as error:  # its thread has ended
            raise _closed() from error
        if batch.finish:
            self._filter.clear()
            text = " ".join(heard.words)
            if text or batch.finalized:
                self._transcripts.put(Transcript(text, final=True, finalized=batch.finalized, until_ms=batch.until_ms))
            return
        if self._filter.push(heard.words):
            self._transcripts.put(Transcript(self._filter.text, final=False))
