"""Speaking with a synthesiser that blocks a thread: segments in, speech out.

A synthesiser hands out audio from inside one long call, so every segment is a job on the synthesiser's own thread. The
job trims, resamples and captions what it is given and leaves it in a queue, which is bounded because a job's text is
(`LONGEST_TEXT`). The event loop collects piece after piece with `run_in_executor(take)`. Each piece carries the
processor time it cost, so a loop whose time is virtual charges the first piece with its own cost and not with that
of the whole segment.

While one segment is sent out, one more is synthesised. Closing the stream raises a flag that the job sees at the next
audio the synthesiser hands out; nobody waits for it.
"""

from __future__ import annotations

import asyncio
import functools
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple, Protocol, TypeAlias

import msgspec
import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.resample import Resampler
from hocket.clock import thread_cpu_time
from hocket.errors import TtsError
from hocket.providers.captions import Captions
from hocket.providers.trim import Trim, pause_ms
from hocket.stages.tts import SpeechChunk

LONGEST_TEXT = 120
"""Characters of one job; a longer segment is spoken in parts. Bounds memory, and what one call waits for another."""

FIRST_PIECE_MS = 20
LARGEST_PIECE_MS = 160
"""Pieces double from the first size to the largest: the first sound is early, and the later ones cost few wake-ups."""

TAKE_TIMEOUT_S = 10.0
_AT_ONCE = 2
_MOST_WAITING = 64


class Word(NamedTuple):
    """A word that the synthesiser says."""

    offset: int
    """Where it stands in the text, in characters."""
    start: int
    """Its first sample, at the synthesiser's rate."""


Emit: TypeAlias = Callable[[Samples, Sequence[Word], int], bool]
"""Takes the next samples, the words that begin in them or later, and the nanoseconds of processor time spent on them in
other processes. False means: stop."""


class Synthesiser(Protocol):
    """Something that makes audio from text, in a call that blocks."""

    rate: int
    """Hertz of what it makes."""

    @property
    def thread(self) -> Executor:
        """Where it works; one worker where it must not be called twice at once."""
        ...

    def synthesise(self, text: str, emit: Emit) -> None:
        """Make all audio of a text, handing it to `emit` as it is made. Raises `TtsError`."""
        ...


async def speak_segments(
    synthesiser: Synthesiser, text: AsyncIterator[str], rate: int
) -> AsyncGenerator[SpeechChunk, None]:
    """A stream of `Tts.speak`: every word begins a chunk. Raises `TtsError`, and what the iterator raises."""
    loop = asyncio.get_running_loop()
    stopped = threading.Event()
    jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
    permits = asyncio.Semaphore(_AT_ONCE)
    begin = functools.partial(_Job, synthesiser, rate, stopped)
    feeder = loop.create_task(_feed(text, begin, jobs, permits), name="speak: feed segments")
    try:
        while (job := await jobs.get()) is not None:
            last = False
            while not last:
                piece = await loop.run_in_executor(_waiters(), job.take)
                for chunk in piece.chunks:
                    yield chunk
                last = piece.last
            permits.release()
        await feeder
    finally:
        stopped.set()
        feeder.cancel()
        await asyncio.gather(feeder, return_exceptions=True)


def parts(text: str, longest: int = LONGEST_TEXT) -> Iterator[str]:
    """The text in parts of at most `longest` characters, cut after punctuation or else after a space if possible."""
    while len(text) > longest:
        head = text[:longest]
        cut = max(head.rfind(mark) + 2 for mark in (". ", "? ", "! ", ", ", "; ", ": "))
        if cut <= longest // 4:
            cut = head.rfind(" ") + 1 or longest
        yield text[:cut]
        text = text[cut:]
    yield text


async def _feed(
    text: AsyncIterator[str],
    begin: Callable[[str], _Job],
    jobs: asyncio.Queue[_Job | None],
    permits: asyncio.Semaphore,
) -> None:
    """Begin a job for each segment as it comes, at most `_AT_ONCE` unfinished; None ends the queue."""
    try:
        async for segment in text:
            for part in parts(segment):
                await permits.acquire()
                jobs.put_nowait(begin(part))
    finally:
        jobs.put_nowait(None)


class _Piece(msgspec.Struct, frozen=True):
    chunks: tuple[SpeechChunk, ...]
    cpu_ns: int
    last: bool


class _Job:
    """The synthesis of one text."""

    def __init__(self, synthesiser: Synthesiser, rate: int, stopped: threading.Event, text: str) -> None:
        self._synthesiser = synthesiser
        self._rate = rate
        self._stopped = stopped
        self._text = text
        self._made: queue.SimpleQueue[_Piece | BaseException] = queue.SimpleQueue()
        try:
            synthesiser.thread.submit(self._run)
        except RuntimeError:
            self._made.put(TtsError("This voice has been closed. Make a new one.", retryable=False))

    def take(self) -> _Piece:
        """Wait for the next piece. Raises what the synthesis raised."""
        try:
            made = self._made.get(timeout=TAKE_TIMEOUT_S)
        except queue.Empty:
            raise TtsError(f"The voice made no sound for {TAKE_TIMEOUT_S:g} s. The machine is overloaded.") from None
        if isinstance(made, BaseException):
            raise made
        return made

    def _run(self) -> None:
        try:
            rendering = _Rendering(self._synthesiser.rate, self._rate, self._text, self._made.put)

            def emit(samples: Samples, words: Sequence[Word], cpu_ns: int) -> bool:
                if not self._stopped.is_set():
                    rendering.push(samples, words, cpu_ns)
                return not self._stopped.is_set()

            if not self._stopped.is_set():
                self._synthesiser.synthesise(self._text, emit)
            rendering.finish()
        except BaseException as error:
            self._made.put(error)


class _Rendering:
    """Raw audio to pieces, on the job's thread."""

    def __init__(self, source_rate: int, rate: int, text: str, put: Callable[[_Piece], None]) -> None:
        self._rates = (source_rate, rate)
        self._text = text
        self._put = put
        self._trim = Trim(source_rate)
        self._resampler = Resampler(source_rate, rate)
        self._captions = Captions(text, rate)
        self._words: list[Word] = []
        self._heard: list[Samples] = []
        self._piece_samples = source_rate * FIRST_PIECE_MS // 1000
        self._elsewhere_ns = 0
        self._since_ns = thread_cpu_time()

    def push(self, samples: Samples, words: Sequence[Word], cpu_ns: int) -> None:
        self._elsewhere_ns += cpu_ns
        self._words += words
        self._heard.append(self._trim.push(samples))
        if sum(map(len, self._heard)) >= self._piece_samples:
            self._deliver(self._resampler.push(self._collect()))
            self._piece_samples = min(2 * self._piece_samples, self._rates[0] * LARGEST_PIECE_MS // 1000)

    def finish(self) -> None:
        self._heard.append(self._trim.finish(pause_ms(self._text)))
        tail = self._resampler.push(self._collect())
        self._deliver(np.concatenate((tail, self._resampler.flush())), last=True)

    def _collect(self) -> Samples:
        heard, self._heard = np.concatenate(self._heard), []
        return heard

    def _deliver(self, samples: Samples, last: bool = False) -> None:
        source_rate, rate = self._rates
        for word in self._words:
            self._captions.expect(word.offset, (word.start - (self._trim.lead or 0)) * rate // source_rate)
        self._words.clear()
        chunks = self._captions.cut(samples)
        if last:
            chunks += self._captions.rest()
        now_ns = thread_cpu_time()
        self._put(_Piece(tuple(chunks), now_ns - self._since_ns + self._elsewhere_ns, last))
        self._since_ns, self._elsewhere_ns = now_ns, 0


@functools.cache
def _waiters() -> ThreadPoolExecutor:
    """Threads that only wait for pieces."""
    return ThreadPoolExecutor(_MOST_WAITING, thread_name_prefix="hocket-voice-wait")
