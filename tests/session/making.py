"""Parts that tests of the session share: a line that notes what sounds when, and stages that misbehave as told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import replace
from typing import Literal, TypeVar

import numpy as np

from hocket.agent.agent import Agent
from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.clock import MS, SECOND, LoopClock
from hocket.session.pacing import Wheel
from hocket.session.sayings import Sayings
from hocket.session.session import Session, Stages
from hocket.stages.llm import LlmDelta, LlmRequest, TextDelta, ToolCall
from hocket.stages.transport import Receiver
from hocket.stages.tts import SpeechChunk
from hocket.stages.vad import OnWindow, VadWindow
from hocket.trace.log import TraceLog
from hocket.trace.records import Mark
from hocket.turn.config import TurnConfig
from hocket.turn.events import Event

E = TypeVar("E")

RATE = 16_000
FRAME = RATE * FRAME_MS // 1000
QUIET = TurnConfig(fillers=(), greeting="", reprompts=(), goodbye="")


def now() -> int:
    return LoopClock().now()


def ramp(milliseconds: int, first: int = 1) -> Samples:
    """Audible samples, each other than its neighbours, so that one lost or doubled shows."""
    return (1000 + (first + np.arange(RATE * milliseconds // 1000)) % 20_000).astype(np.int16)


def speech(milliseconds: int, text: str = "word", first: int = 1) -> SpeechChunk:
    return SpeechChunk(ramp(milliseconds, first), text)


class FakeLine:
    """A line whose far end plays what it is sent, in order, without a gap where there need not be one."""

    name = "fake"
    input_rate = output_rate = RATE

    def __init__(
        self, *, ahead_ms: int = 40, frame_ms: int = FRAME_MS, clears: bool = True, frames: bool = True
    ) -> None:
        self.ahead_ms = ahead_ms
        self.frame_ms = frame_ms
        self.clears = clears
        self.sent_at: list[int] = []
        self.early_ms: list[float] = []
        """How long before it sounds each frame was sent."""
        self.closed = 0
        self.receiver: Receiver | None = None
        self.plan: Callable[[Receiver, int], None] = lambda receiver, frame: None
        """Called after each of the caller's frames, with their count."""
        self._frames = frames
        self._playing: list[tuple[int, Samples]] = []
        self._tick: asyncio.TimerHandle | None = None

    async def start(self, receiver: Receiver) -> None:
        self.receiver = receiver
        self._loop = asyncio.get_running_loop()
        self._epoch = self._loop.time()
        if self._frames:
            self._deliver(0)

    def send(self, samples: Samples) -> None:
        starts_at = max(now(), self.silent_at)
        self.sent_at.append(now())
        self.early_ms.append((starts_at - now()) / MS)
        self._playing.append((starts_at, samples))

    def clear(self) -> int:
        if not self.clears:
            return 0
        dropped = 0
        while self._playing and self.silent_at > now():
            starts_at, samples = self._playing.pop()
            kept = max(0, (now() - starts_at) * RATE // SECOND)
            dropped += len(samples) - kept
            if kept:
                self._playing.append((starts_at, samples[:kept]))
                break
        return dropped

    async def close(self) -> None:
        self.closed += 1
        if self._tick is not None:
            self._tick.cancel()

    @property
    def silent_at(self) -> int:
        if not self._playing:
            return 0
        starts_at, samples = self._playing[-1]
        return starts_at + len(samples) * SECOND // RATE

    def heard(self) -> Samples:
        """All that sounded, gaps left out."""
        return np.concatenate([samples for _, samples in self._playing] or [np.zeros(0, np.int16)])

    def gaps_ms(self) -> list[float]:
        """Silences between frames."""
        found = []
        for (starts_at, samples), (following, _) in zip(self._playing, self._playing[1:], strict=False):
            gap = following - starts_at - len(samples) * SECOND // RATE
            if gap > 0:
                found.append(gap / MS)
        return found

    def _deliver(self, count: int) -> None:
        receiver = self.receiver
        assert receiver is not None
        if count:
            receiver.hear(Frame(np.zeros(FRAME, np.int16), RATE, (count - 1) * FRAME))
            self.plan(receiver, count)
        self._tick = self._loop.call_at(self._epoch + (count + 1) * FRAME_MS / 1000, self._deliver, count + 1)


class FakeVad:
    """Hears speech between the given milliseconds of media time."""

    name = "fake"

    def __init__(self, *speech_ms: tuple[int, int]) -> None:
        self.speech_ms = speech_ms
        self.open_streams = 0

    def open(self, rate: int, on_window: OnWindow) -> FakeVadStream:
        self.open_streams += 1
        return FakeVadStream(self, on_window)


class FakeVadStream:
    def __init__(self, vad: FakeVad, on_window: OnWindow) -> None:
        self._vad = vad
        self._on_window = on_window

    def push(self, frame: Frame) -> None:
        at_ms = frame.end * 1000 // RATE
        spoken = any(start < at_ms <= end for start, end in self._vad.speech_ms)
        self._on_window(VadWindow(frame.at, frame.end, 0.9 if spoken else 0.1))

    def close(self) -> None:
        self._vad.open_streams -= 1


class FakeLlm:
    """Replies with pieces of text, tool calls, waits (seconds) and exceptions, in the order given; the last script is
    repeated."""

    name = "fake"

    def __init__(self, *scripts: tuple[str | float | ToolCall | Exception, ...]) -> None:
        self.scripts = scripts
        self.requests: list[LlmRequest] = []
        self.closed = 0

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(request)
        try:
            for step in script:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, str):
                    yield TextDelta(step)
                elif isinstance(step, ToolCall):
                    yield step
                else:
                    await asyncio.sleep(step)
        finally:
            self.closed += 1


class FakeTts:
    """Speaks each piece of text at once, 100 ms of sound for each; `before` and `after` are waits or exceptions."""

    name = "fake"
    takes: Literal["tokens", "segments"] = "tokens"

    def __init__(
        self, *, before: float | Exception = 0.0, after: float | Exception = 0.0, ms: int = 100, swallows: bool = False
    ) -> None:
        self.before, self.after, self.ms, self.swallows = before, after, ms, swallows
        self.said: list[str] = []
        self.streams = self.closed = 0

    async def speak(self, text: AsyncIterator[str], rate: int) -> AsyncGenerator[SpeechChunk, None]:
        self.streams += 1
        at = 1
        try:
            await _wait_or_raise(self.before)
            try:
                async for piece in text:
                    self.said.append(piece)
                    yield SpeechChunk(ramp(self.ms, at), piece)
                    at += RATE * self.ms // 1000
            except Exception:
                if not self.swallows:
                    raise
            await _wait_or_raise(self.after)
        finally:
            self.closed += 1


async def _wait_or_raise(what: float | Exception) -> None:
    if isinstance(what, Exception):
        raise what
    if what:
        await asyncio.sleep(what)


class News:
    """Collects what a part of the session posts and marks."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.times: list[int] = []
        self.marks: list[Mark] = []
        self.failures: list[Exception] = []

    def post(self, event: Event) -> None:
        self.events.append(event)
        self.times.append(now())

    def mark(self, mark: Mark) -> None:
        self.marks.append(mark)

    def failed(self, error: Exception) -> None:
        self.failures.append(error)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def at(self, kind: type[E]) -> list[int]:
        return [at for event, at in zip(self.events, self.times, strict=True) if isinstance(event, kind)]


def session(stages: Stages, *, agent: Agent | None = None, config: TurnConfig = QUIET) -> Session:
    return Session(
        agent or Agent("You are being tested."),
        stages,
        config,
        Wheel(),
        call_id="test",
        time="virtual",
        trace=TraceLog(),
    )


def with_voice(stages: Stages, tts: FakeTts) -> Stages:
    return replace(stages, tts=tts, sayings=Sayings(tts, stages.transport.output_rate))


def events(record_of: Session, kind: type[E]) -> list[E]:
    return [entry.record for entry in record_of.trace.entries if isinstance(entry.record, kind)]


def marks(record_of: Session, stage: str) -> list[Mark]:
    return [e.record for e in record_of.trace.entries if isinstance(e.record, Mark) and e.record.stage == stage]


def timers_left() -> list[asyncio.TimerHandle]:
    """Timers of the running virtual loop that somebody has set and not cancelled."""
    pending = asyncio.get_running_loop()._timers  # type: ignore[attr-defined]
    return [handle for _, _, handle in pending if not handle._cancelled]
