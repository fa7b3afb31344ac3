"""Ears for a simulated line: voice activity and recognition that know the truth, and are late and wrong as real ones.

They read media time off the frames they are pushed and look the rest up in the line's timeline; no sample is looked at.
"""

from __future__ import annotations

import asyncio
from collections import deque
from random import Random
from typing import Final

from hocket.audio.frame import Frame
from hocket.clock import MS, SECOND
from hocket.errors import SttError
from hocket.sim.delays import Delays
from hocket.sim.recognition import Recognition
from hocket.sim.timeline import Timeline
from hocket.stages.bell import Bell
from hocket.stages.stt import Transcript
from hocket.stages.vad import OnWindow, VadWindow

WINDOW_MS: Final = 32
COUGH_HEARD_PART: Final = 0.5
"""Of coughs, that voice activity takes for speech."""

TRANSCRIPTS_BOUND: Final = 256
"""Transcripts that nobody has read; beyond, the oldest is dropped."""

_NEVER: Final = 1 << 62


class SimVad:
    """Voice activity for one line. Late by Silero's own lateness, to the 32 ms window."""

    name = "simulated"

    def __init__(self, timeline: Timeline, delays: Delays, rng: Random) -> None:
        self._timeline = timeline
        self._delays = delays
        self._rng = Random(rng.getrandbits(64))

    def open(self, rate: int, on_window: OnWindow) -> SimVadStream:
        return SimVadStream(self._timeline, self._delays, self._rng, rate, on_window)


class SimVadStream:
    """The windows of one stream."""

    __slots__ = ("_delays", "_end", "_off", "_on", "_on_window", "_rate", "_rng", "_size", "_stretch", "_timeline")

    def __init__(self, timeline: Timeline, delays: Delays, rng: Random, rate: int, on_window: OnWindow) -> None:
        self._timeline = timeline
        self._delays = delays
        self._rng = rng
        self._rate = rate
        self._on_window: OnWindow | None = on_window
        self._size = rate * WINDOW_MS // 1000
        self._end = self._size
        self._stretch = 0
        """How many stretches of the timeline have been looked at."""
        self._on = self._off = -1
        """Media time, in samples, from which and until which windows show speech."""

    def push(self, frame: Frame) -> None:
        end = frame.at + len(frame.samples)
        while self._end <= end and self._on_window is not None:
            if self._end >= self._off:
                self._next_stretch()
            high = self._on <= self._end < self._off
            window = VadWindow(self._end - self._size, self._end, 0.95 if high else 0.02)
            self._end += self._size
            self._on_window(window)

    def close(self) -> None:
        self._on_window = None

    def _next_stretch(self) -> None:
        """Take up the sounds that have begun by now. A pause that the last sound's lateness outlasts is never shown."""
        stretches = self._timeline.stretches
        while self._stretch < len(stretches) and self._end >= self._off:
            stretch = stretches[self._stretch]
            if stretch.start_ms * self._rate > self._end * 1000:
                return
            self._stretch += 1
            if not stretch.voiced and self._rng.random() >= COUGH_HEARD_PART:
                continue
            # A window shows an edge half a window late on average, which the measured lateness has in it.
            half = self._size // 2
            self._on = self._samples(stretch.start_ms, self._delays.vad_onset()) - half
            self._off = self._samples(stretch.end_ms, self._delays.vad_offset()) - half

    def _samples(self, ms: int, late_ns: int) -> int:
        return (ms * MS + late_ns) * self._rate // SECOND


class SimStt:
    """A recogniser for one line: words that were said, interims with some of them wrong, finals when asked."""

    name = "simulated"

    def __init__(self, timeline: Timeline, delays: Delays, rng: Random, *, lost_after_ms: int | None = None) -> None:
        """`lost_after_ms`: each stream is lost when it has been given so much audio."""
        self._timeline = timeline
        self._delays = delays
        self._rng = Random(rng.getrandbits(64))
        self._lost_after_ms = lost_after_ms

    async def open(self, rate: int, language: str = "en") -> SimSttStream:
        return SimSttStream(self._timeline, self._delays, self._rng, rate, self._lost_after_ms)


class SimSttStream:
    """Recognition of one stream."""

    def __init__(
        self, timeline: Timeline, delays: Delays, rng: Random, rate: int, lost_after_ms: int | None = None
    ) -> None:
        self._recognition = Recognition(timeline.words, rng)
        self._delays = delays
        self._rate = rate
        self._lost_after_ms = _NEVER if lost_after_ms is None else lost_after_ms
        self._position_ms = 0
        self._pushed: int | None = None
        """Samples; None before the first, which decides what this stream can have heard."""
        self._out = _Outbox()

    @property
    def dropped(self) -> int:
        return 0

    def push(self, frame: Frame) -> None:
        if self._pushed is None:
            self._pushed = 0
            self._recognition.begin(frame.at * 1000 // self._rate)
        self._pushed += len(frame.samples)
        self._position_ms = position_ms = (frame.at + len(frame.samples)) * 1000 // self._rate
        interim = self._recognition.interim(position_ms)
        if interim is not None:
            self._out.put(Transcript(interim, False))
        if self._pushed * 1000 >= self._lost_after_ms * self._rate:
            self._out.fail(SttError("The simulated recogniser was lost, as its script says; open another stream."))

    def finalize(self) -> None:
        final = self._recognition.final(self._position_ms)
        left_ms = self._position_ms - self._recognition.settled_ms(self._position_ms)
        until_ms = max(0, (self._pushed or 0) * 1000 // self._rate - left_ms)
        self._out.put_later(self._delays.stt_finalize(), Transcript(final, True, True, until_ms))

    def __aiter__(self) -> SimSttStream:
        return self

    async def __anext__(self) -> Transcript:
        return await self._out.get()

    async def close(self) -> None:
        self._out.close()


class _Outbox:
    """Transcripts on their way to one reader, in order."""

    __slots__ = ("_closed", "_due", "_error", "_items", "_last_due", "_loop", "_news")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[Transcript] = deque(maxlen=TRANSCRIPTS_BOUND)
        self._news = Bell()
        self._due: deque[tuple[Transcript, asyncio.TimerHandle]] = deque()
        self._last_due = 0.0
        self._error: SttError | None = None
        self._closed = False

    def put(self, transcript: Transcript) -> None:
        """Deliver now, or right after the finals that are on their way."""
        if self._due:
            self._schedule(self._last_due, transcript)
        elif not self._closed:
            self._items.append(transcript)
            self._news.ring()

    def put_later(self, delay_ns: int, transcript: Transcript) -> None:
        self._schedule(max(self._last_due, self._loop.time() + delay_ns / SECOND), transcript)

    def fail(self, error: SttError) -> None:
        self._error = self._error or error
        self._news.ring()

    def close(self) -> None:
        self._closed = True
        while self._due:
            self._due.popleft()[1].cancel()
        self._items.clear()
        self._news.ring()

    async def get(self) -> Transcript:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            if self._error is not None:
                raise self._error
            await self._news.rung()
        return self._items.popleft()

    def _schedule(self, due: float, transcript: Transcript) -> None:
        if not self._closed:
            self._last_due = due
            self._due.append((transcript, self._loop.call_at(due, self._deliver)))

    def _deliver(self) -> None:
        self._items.append(self._due.popleft()[0])
        self._news.ring()
