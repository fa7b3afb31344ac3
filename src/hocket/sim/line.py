"""A transport to a simulated caller, with a stopwatch of its own: it measures what the caller hears, and when."""

from __future__ import annotations

import asyncio
import functools
from typing import Final

import numpy as np

from hocket.audio.frame import FRAME_MS, Frame, Samples
from hocket.clock import MS, SECOND
from hocket.errors import TransportError
from hocket.sim.caller import SimCaller
from hocket.sim.heard import HeardTurn, Interval, heard_turns
from hocket.sim.script import STEP_MS, Utterance
from hocket.sim.timeline import Timeline
from hocket.stages.transport import Receiver

SPEECH_LEVEL: Final = 4_000
NOISE_LEVEL: Final = 24
AUDIBLE_LEVEL: Final = 64
"""Samples above it are heard: -54 dB."""

DIP_MS: Final = 30
"""Quiet before each word but the first: no voice is loud for seconds on end, and noise floors are found by that."""

REPORT_FRAMES: Final = 5
"""Playout is reported every 100 ms."""

REPORT_BOUND_MS: Final = 1.0


class SimLine:
    """A line with a person at its end. Frames come on absolute deadlines, 20 ms apart; nothing is lost on the way."""

    name = "simulated"
    frame_ms = FRAME_MS

    def __init__(
        self, caller: SimCaller, timeline: Timeline, *, rate: int = 16_000, ahead_ms: int = 40, refuses: bool = False
    ) -> None:
        """`timeline` is where the line's simulated ears read what was said; `refuses`: the line cannot be opened."""
        self.input_rate = self.output_rate = rate
        self.ahead_ms = ahead_ms
        self._caller = caller
        self._timeline = timeline
        self._refuses = refuses
        self._frames = _frames(rate)
        self._mouth = _Mouth()
        self._ear = _Ear(rate)
        self._receiver: Receiver | None = None
        self._tick: asyncio.TimerHandle | None = None
        self._epoch = 0
        """`now` at media sample 0."""
        self._frame = 0

    async def start(self, receiver: Receiver) -> None:
        if self._refuses:
            raise TransportError("The simulated line refuses the call, as its script says.")
        loop = asyncio.get_running_loop()
        self._receiver = receiver
        self._epoch = round(loop.time() * SECOND)
        self._tick = loop.call_at((self._epoch + FRAME_MS * MS) / SECOND, self._deliver, loop, receiver)

    def send(self, samples: Samples) -> None:
        began_at = self._ear.hear(samples, self._now())
        if began_at is not None:
            self._caller.agent_began((began_at - self._epoch) // MS)

    def clear(self) -> int:
        return self._ear.clear(self._now())

    async def close(self) -> None:
        if self._tick is None:
            return
        try:
            await asyncio.sleep(max(0, self._ear.silent_at - self._now()) / SECOND)
            self._report()
        finally:
            self._hang_up()

    def heard(self) -> list[HeardTurn]:
        """What each of the caller's utterances met with, in `now` times."""
        return heard_turns(self._timeline.said, self._ear.intervals(), self._epoch)

    def _now(self) -> int:
        return round(asyncio.get_running_loop().time() * SECOND)

    def _deliver(self, loop: asyncio.AbstractEventLoop, receiver: Receiver) -> None:
        frame = self._frame
        self._frame = frame + 1
        self._tick = loop.call_at((self._epoch + (frame + 2) * FRAME_MS * MS) / SECOND, self._deliver, loop, receiver)
        rate = self.input_rate
        receiver.hear(Frame(self._frames[self._mouth.next()], rate, frame * rate * FRAME_MS // 1000))
        if frame % REPORT_FRAMES == 0:
            self._report()
        now_ms = (frame + 1) * FRAME_MS
        if now_ms >= self._caller.wake_ms:
            self._decide(now_ms)
            if self._caller.hung_up:
                self._hang_up()
                receiver.left("The caller hung up.")

    def _decide(self, now_ms: int) -> None:
        """The caller decides as a frame begins; it is delivered when it has been said."""
        agent_until_ms = (self._ear.audible_until - self._epoch) // MS if self._ear.audible_until else 0
        utterance = self._caller.speaks(now_ms, agent_until_ms)
        if utterance is not None:
            self._timeline.say(now_ms, utterance)
            self._mouth.say(utterance)

    def _report(self) -> None:
        if self._receiver is not None and (sample := self._ear.news(self._now())) is not None:
            self._receiver.played(sample, REPORT_BOUND_MS, "acknowledged")

    def _hang_up(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None


class _Mouth:
    """Which of the four frames comes next: bit 0 is speech in its first 10 ms, bit 1 in its second."""

    __slots__ = ("_at", "_shape")

    def __init__(self) -> None:
        self._shape = b""
        self._at = 0

    def say(self, utterance: Utterance) -> None:
        steps = bytearray(utterance.last_speech_ms // STEP_MS + 1)
        for start, end in utterance.stretches:
            steps[start // STEP_MS : end // STEP_MS] = b"\1" * ((end - start) // STEP_MS)
        for word in utterance.words:
            dip = word.start_ms // STEP_MS
            if dip and steps[dip - 1]:
                steps[dip : dip + DIP_MS // STEP_MS] = bytes(DIP_MS // STEP_MS)
        self._shape = bytes(first | second << 1 for first, second in zip(steps[::2], [*steps[1::2], 0], strict=False))
        self._at = 0

    def next(self) -> int:
        at = self._at
        if at >= len(self._shape):
            return 0
        self._at = at + 1
        return self._shape[at]


class _Ear:
    """The far end's playback buffer, and what of it was audible."""

    __slots__ = ("_intervals", "_last", "_rate", "_reported", "_sent", "audible_until", "silent_at")

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._sent = 0
        """Samples sent and not taken back."""
        self._reported = 0
        self._intervals: list[Interval] = []
        self._last: tuple[Samples, int] | None = None
        """The last frame with anything audible in it, and when it begins to sound."""
        self.silent_at = 0
        """When all that was sent has sounded."""
        self.audible_until = 0
        """The end, to the frame, of the last audible sound."""

    def hear(self, samples: Samples, now: int) -> int | None:
        """Take sound at the end of the buffer. Returns when it becomes audible, if nothing audible came before it."""
        starts_at = max(now, self.silent_at)
        self.silent_at = starts_at + len(samples) * SECOND // self._rate
        self._sent += len(samples)
        if samples.max() <= AUDIBLE_LEVEL:
            return None
        goes_on = self.audible_until == starts_at
        if not goes_on:
            self._settle()
        self._last = samples, starts_at
        self.audible_until = self.silent_at
        if goes_on:
            return None
        began_at = starts_at + int(np.argmax(np.abs(samples) > AUDIBLE_LEVEL)) * SECOND // self._rate
        self._intervals.append(Interval(began_at, self.silent_at))
        return began_at

    def clear(self, now: int) -> int:
        """Take back what has not sounded; returns how many samples."""
        if self.silent_at <= now:
            return 0
        dropped = (self.silent_at - now) * self._rate // SECOND
        self._sent -= dropped
        self.silent_at = now
        self.audible_until = min(self.audible_until, now)
        self._settle(now)
        return dropped

    def news(self, now: int) -> int | None:
        """How many samples have sounded by now, if more than was reported before."""
        sounded = self._sent - max(0, self.silent_at - now) * self._rate // SECOND
        if sounded <= self._reported:
            return None
        self._reported = sounded
        return sounded

    def intervals(self) -> list[Interval]:
        self._settle()
        return self._intervals

    def _settle(self, end: int | None = None) -> None:
        """Note exactly when the sound that has ended ended."""
        if self._last is None:
            return
        samples, starts_at = self._last
        audible = len(samples) - int(np.argmax(np.abs(samples[::-1]) > AUDIBLE_LEVEL))
        exact = starts_at + audible * SECOND // self._rate
        began_at = self._intervals[-1].began_at
        exact = exact if end is None else min(exact, end)
        self._last = None
        if exact > began_at:
            self._intervals[-1] = Interval(began_at, exact)
        else:  # taken back before it was audible
            self._intervals.pop()
            self.audible_until = self._intervals[-1].ended_at if self._intervals else 0


@functools.cache
def _frames(rate: int) -> tuple[Samples, Samples, Samples, Samples]:
    """Noise; speech then noise; noise then speech; speech."""
    half = rate * STEP_MS // 1000
    rng = np.random.default_rng(0)
    noise = rng.integers(-NOISE_LEVEL, NOISE_LEVEL + 1, half).astype(np.int16)
    speech = (SPEECH_LEVEL * np.sin(np.arange(half) * 2 * np.pi * 200 / rate)).astype(np.int16)
    made = [np.concatenate(halves) for halves in ((noise, noise), (speech, noise), (noise, speech), (speech, speech))]
    for samples in made:
        samples.setflags(write=False)
    return made[0], made[1], made[2], made[3]
