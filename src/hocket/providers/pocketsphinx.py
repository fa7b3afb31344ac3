"""Speech-to-text without a key or a network: pocketsphinx, in worker processes, beside a grammar of the agent's words.

English only. Open speech from one clear reader comes with a third of its words wrong; what is made of words that the
agent itself uses is recognised far better. Use a hosted recogniser for callers who may say anything.
"""

from __future__ import annotations

import asyncio
import importlib.util
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from hocket.audio.frame import Frame, Samples
from hocket.audio.levels import VoiceLevel
from hocket.audio.resample import Resampler
from hocket.errors import MissingError, SttError
from hocket.providers.sphinx_decoding import RATE
from hocket.providers.sphinx_processes import Call, Slot
from hocket.providers.stability import StabilityFilter
from hocket.stages.stt import SttStream, Transcript

BATCH_MS = 40
"""Audio goes to the worker in pieces of at least this length."""

MAX_BATCH_MS = 400
"""What has piled up goes in pieces, so that other calls of the worker get their turn."""

BACKLOG_S = 30
"""Audio that waits for the worker; the oldest is dropped first."""

UTTERANCE_S = 30
"""A longer utterance is cut, or the search would slow down."""

LEAD_IN_MS = 300
"""What is recognised of the time before the level first rose to that of voice."""

QUIET_MS = 1_500
"""An utterance without a word is over after so much quiet: the level rose for a noise."""

AGREEING = 2
AGE_MS = 0
"""Of the stability filter. From `benchmarks/recognition.py`."""

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
        opening = loop.run_in_executor(slot.thread, slot.open)
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


def _end_unused(slot: Slot, opening: asyncio.Future[Call]) -> None:
    """Nobody waits for the call any more."""
    if not opening.cancelled() and opening.exception() is None:
        opening.get_loop().run_in_executor(slot.thread, slot.end, opening.result())


class _Stream:
    """One call: audio waits in `_pending`, a task takes it to the worker, transcripts wait in `_ready`."""

    def __init__(self, slot: Slot, call: Call, rate: int) -> None:
        self._slot = slot
        self._call = call
        self._pending = Pending(rate)
        self._ready: deque[Transcript] = deque()
        self._news = asyncio.Event()
        self._filter = StabilityFilter(AGREEING, AGE_MS)
        self._error: Exception | None = None
        self._closed = False
        self._task = asyncio.create_task(self._work(), name="pocketsphinx")

    @property
    def dropped_samples(self) -> int:
        """Of 16 kHz, because the worker was too slow."""
        return self._pending.dropped

    def push(self, frame: Frame) -> None:
        if not self._closed:
            self._pending.push(frame)

    def finalize(self) -> None:
        if not self._closed:
            self._pending.finish()

    def __aiter__(self) -> AsyncIterator[Transcript]:
        return self

    async def __anext__(self) -> Transcript:
        while True:
            if self._ready:
                return self._ready.popleft()
            if self._closed:
                raise StopAsyncIteration
            if self._error:
                raise self._error
            self._news.clear()
            await self._news.wait()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._ready.clear()
        self._news.set()
        self._task.cancel()
        self._slot.calls -= 1
        with suppress(RuntimeError):  # the recogniser was closed before
            ending = asyncio.get_running_loop().run_in_executor(self._slot.thread, self._slot.end, self._call)
            await asyncio.shield(ending)

    async def _work(self) -> None:
        try:
            while True:
                await self._hear(*await self._pending.take())
        except Exception as error:  # whatever it is, the reader has to know
            self._error = error
            self._news.set()

    async def _hear(self, pcm: bytes, finish: bool, finalized: bool) -> None:
        loop = asyncio.get_running_loop()
        try:
            heard = await loop.run_in_executor(self._slot.thread, self._slot.hear, self._call, pcm, finish)
        except RuntimeError as error:
            raise SttError("This recogniser has been closed. Make a new one.", retryable=False) from error
        self._pending.has_words = bool(heard.words)
        if finish:
            self._filter.clear()
            text = " ".join(word.text for word in heard.words)
            if text or finalized:
                self._emit(Transcript(text, final=True, finalized=finalized))
        elif self._filter.push(heard.words, self._pending.heard_ms):
            self._emit(Transcript(self._filter.text, final=False))

    def _emit(self, transcript: Transcript) -> None:
        """Queue it. An interim that nobody has read yet makes room for what is newer."""
        if self._ready and not self._ready[-1].final:
            self._ready.pop()
        self._ready.append(transcript)
        self._news.set()


class Pending:
    """The audio of one stream on its way to the worker, at 16 kHz, cut into utterances.

    Nothing is recognised until the level rises to that of voice: search in silence costs as much as in speech.
    """

    def __init__(self, rate: int) -> None:
        self.dropped = 0
        self.heard_ms = 0
        """Of this utterance, what was taken."""
        self.has_words = False
        self._resampler = Resampler(rate, RATE)
        self._level = VoiceLevel(RATE)
        self._at = 0
        self._quiet_until = 0
        self._parts: deque[Samples | None] = deque()  # None: finish
        self._samples = 0
        self._finishes = 0
        self._news = asyncio.Event()

    def push(self, frame: Frame) -> None:
        samples = self._resampler.push(frame.samples)
        self._level.push(samples, self._at)
        self._at += len(samples)
        self._parts.append(samples)
        self._samples += len(samples)
        while self._samples > BACKLOG_S * RATE:
            self._drop_oldest()
        self._news.set()

    def finish(self) -> None:
        self._parts.append(None)
        self._finishes += 1
        self._news.set()

    async def take(self) -> tuple[bytes, bool, bool]:
        """The next samples; whether the utterance ends after them; whether that was asked for."""
        while True:
            self._news.clear()
            if not self.heard_ms and not self._finishes and self._level.last_voice_end <= self._quiet_until:
                self._forget_lead_in()
            elif self._finishes or self._samples >= BATCH_MS * RATE // 1000:
                return self._take()
            await self._news.wait()

    def _take(self) -> tuple[bytes, bool, bool]:
        taken: list[Samples] = []
        count = 0
        finalized = False
        while self._parts and count < MAX_BATCH_MS * RATE // 1000:
            part = self._parts.popleft()
            if part is None:
                self._finishes -= 1
                finalized = True
                break
            taken.append(part)
            count += len(part)
        self._samples -= count
        self.heard_ms += count * 1000 // RATE
        noise = not self.has_words and self._level.quiet_ms > QUIET_MS and self.heard_ms > QUIET_MS
        finish = finalized or noise or self.heard_ms > UTTERANCE_S * 1000
        if finish:
            self.heard_ms = 0
            self.has_words = False
            self._quiet_until = self._at - self._samples
        return np.concatenate(taken).tobytes() if taken else b"", finish, finalized

    def _forget_lead_in(self) -> None:
        while self._parts and self._samples > LEAD_IN_MS * RATE // 1000:
            part = self._parts.popleft()
            assert part is not None
            self._samples -= len(part)

    def _drop_oldest(self) -> None:
        """The oldest samples; what was asked for, an end, stays."""
        at = next(index for index, part in enumerate(self._parts) if part is not None)
        part = self._parts[at]
        assert part is not None
        del self._parts[at]
        self._samples -= len(part)
        self.dropped += len(part)
