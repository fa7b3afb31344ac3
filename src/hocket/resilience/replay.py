"""Audio that may have to be heard again, and what one recogniser has been given of it."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final, NamedTuple

import numpy as np

from hocket.audio.frame import FRAME_MS, Frame
from hocket.audio.g711 import decode_ulaw, ulaw_of
from hocket.audio.levels import VoiceLevel
from hocket.audio.ring import Ring
from hocket.stages.stt import SttStream, Transcript

KEPT_S: Final = 30
"""Of audio; as mu-law, 234 KiB for a call at 8 kHz and 469 KiB at 16 kHz."""

SILENCE_MS: Final = 300
"""What is left of a longer silence when audio is sent again, half of it at either end."""

PACE: Final = 1.25
"""Times real time at which audio is sent again: vendors refuse more. AssemblyAI closes with 3007, Deepgram's guide to
recovery recommends the same ceiling."""

BURST_MS: Final = SILENCE_MS
"""Sent at once before that pace, so that a call in which nothing was said goes on at once. AssemblyAI takes up to a
second in one message."""

SLACK_MS: Final = 300
"""An answer to finalize covers it when it reaches so near; a final that does not say how far it reaches is taken to be
so late."""

ASKED: Final = 64
"""Unanswered requests of one recogniser that are remembered, the newest."""


class Backlog:
    """The newest 30 s of a call, and where somebody may have spoken in it. Positions count samples from the first."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._ring = Ring(KEPT_S * rate, np.uint8)
        self._level = VoiceLevel(rate)
        self._voice: deque[tuple[int, int]] = deque()
        """Stretches with voice in them, silences of up to `SILENCE_MS` included."""
        self.edge = rate * SILENCE_MS // 2000
        """Samples of silence that stay before and after voice."""
        self._media = 0
        """Media time of position 0."""

    @property
    def start(self) -> int:
        """Position of the oldest sample that is kept."""
        return self._ring.start

    @property
    def end(self) -> int:
        """Position just after the newest sample."""
        return self._ring.end

    def push(self, frame: Frame) -> None:
        """Take the next frame. Runs 50 times a second for every call."""
        at = self.end
        self._media = frame.at - at
        self._ring.append(np.frombuffer(ulaw_of(frame), np.uint8))
        until = at + self._voiced(frame)
        if until > at:
            joins = self._voice and at <= self._voice[-1][1] + 2 * self.edge
            self._voice.append((self._voice.pop()[0] if joins else at, until))
        while self._voice and self._voice[0][1] <= self.start:
            self._voice.popleft()

    def forget(self) -> None:
        """Keep no audio from now on: the call is over, and half a minute of it would wait for the collector."""
        self._ring = Ring(1, np.uint8)
        self._voice.clear()

    def _voiced(self, frame: Frame) -> int:
        """Up to which of its samples a frame has voice."""
        if frame.voiced is not None:
            return frame.voiced
        self._level.push(frame.samples, frame.at)
        return max(0, self._level.last_voice_end - frame.at)

    def voiced(self, start: int, end: int) -> int:
        """How many of these samples lie in voice."""
        found = 0
        for since, until in reversed(self._voice):
            if until <= start:
                break
            found += max(0, min(end, until) - max(start, since))
        return found

    def worth(self, position: int) -> int:
        """Where to go on from `position`: there, or after a silence that need not be sent."""
        for since, until in self._voice:
            if position < until + self.edge:
                return max(position, since - self.edge)
        # Speech may begin softly just now.
        return max(position, self.end - self.edge)

    def piece(self, position: int) -> Frame:
        """20 ms from `position` on, or what there is, with its media time."""
        data = self._ring.since(position, self.rate * FRAME_MS // 1000).tobytes()
        return Frame(decode_ulaw(data), self.rate, self._media + position)


class _Request(NamedTuple):
    """A finalize that has not been answered."""

    position: int
    at_s: float


class Answered(NamedTuple):
    """What one answer is for."""

    position: int
    """Of the last request that it covers."""
    ms: float
    """After the first of them."""


class Feed:
    """What one recogniser has been given: first what its predecessor had not settled, then the frames as they come."""

    def __init__(self, stream: SttStream, backlog: Backlog, since: int) -> None:
        self.stream = stream
        self.since = since
        """Position from which it was to hear."""
        self.reached = since
        """Position up to which audio has been given, or left out."""
        self.live = since >= backlog.end
        """It has caught up: frames go to it as they come."""
        self.given = 0
        """Samples that it has been given: its own positions count them."""
        self.overrun = 0
        """Samples that were no longer kept when their turn came."""
        self.owed = 0
        """Samples of voice that it has been given since `heard`."""
        self.overdue_s: float | None = None
        """When they became too many, if they are."""
        self._backlog = backlog
        self._head = since + backlog.edge
        self._joints = [(0, since)]
        """Its position and ours, where they drift apart."""
        self._asked: deque[_Request] = deque(maxlen=ASKED)
        self._wanted: int | None = None
        """To be asked for when so much has been given."""

    def push(self, frame: Frame) -> None:
        """Take the frame that has just come; only while it is live."""
        assert self.live, "frames queue behind what is sent again"
        self._give(frame)

    def catch_up(self, allowed: int) -> None:
        """Send again until `allowed` samples have been given in all, or it is live."""
        backlog = self._backlog
        while True:
            # The beginning is sent whatever is in it: the next word may begin there softly.
            at = max(self.reached, backlog.start)
            self.overrun += at - self.reached
            at = at if at < self._head else backlog.worth(at)
            if at >= backlog.end:
                self.live = True
                return
            if self.given >= allowed:
                return
            if at != self.reached:
                self._joints.append((self.given, at))
                self.reached = at
            self._give(backlog.piece(at))
            self._ask_if_reached()

    def ask(self, position: int) -> None:
        """Have a final of all up to `position`; it is asked for when that has been given."""
        self._wanted = position
        self._ask_if_reached()

    def heard(self) -> None:
        """It has shown that it hears."""
        self.owed = 0
        self.overdue_s = None

    def settled_by(self, final: Transcript) -> int:
        """The position up to which a final settles the audio."""
        if final.until_ms is not None:
            return self._position(final.until_ms * self._backlog.rate // 1000)
        if final.finalized and self._asked:
            return self._asked[0].position
        return self._position(self.given - self._slack)

    def leaves_out(self, settled: int) -> int:
        """How many samples of voice an answer that reaches so far leaves out of what was asked for."""
        if not self._asked or self._asked[0].position <= settled + self._slack:
            return 0
        return self._backlog.voiced(settled, self._asked[0].position)

    def answered(self, settled: int) -> Answered | None:
        """An answer has come that reaches so far. None when nothing had been asked."""
        if not self._asked:
            return None
        first = last = self._asked.popleft()
        while self._asked and self._asked[0].position <= settled + self._slack:
            last = self._asked.popleft()
        return Answered(last.position, (asyncio.get_running_loop().time() - first.at_s) * 1000)

    @property
    def _slack(self) -> int:
        return self._backlog.rate * SLACK_MS // 1000

    def _give(self, frame: Frame) -> None:
        self.stream.push(frame)
        count = len(frame.samples)
        self.owed += self._backlog.voiced(self.reached, self.reached + count)
        self.given += count
        self.reached += count

    def _ask_if_reached(self) -> None:
        if self._wanted is not None and self.reached >= self._wanted:
            self._asked.append(_Request(self._wanted, asyncio.get_running_loop().time()))
            self._wanted = None
            self.stream.finalize()

    def _position(self, given: int) -> int:
        """Our position for one of its own."""
        given = min(max(given, 0), self.given)
        theirs, ours = next(joint for joint in reversed(self._joints) if joint[0] <= given)
        return ours + given - theirs
