"""A caller with a script: says each turn, waits for the reply, and goes on when the agent has fallen silent."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Final

import msgspec
import numpy as np

from benchmarks.latency.line import Lines
from benchmarks.latency.speech import MS, RATE, Turn, levels, line_noise
from hocket.audio.frame import Samples, silence
from hocket.audio.g711 import decode_ulaw, encode_ulaw

FRAME: Final = 20 * MS
AUDIBLE_DBFS: Final = -50.0
BEGIN_MS: Final = 1_200
"""From the first frame to the first word: the caller does not wait for a greeting."""

NOISE_S: Final = 20


class Manners(msgspec.Struct, frozen=True):
    """When a caller goes on. Milliseconds."""

    gap_ms: int = 700
    """Of the agent's silence after a reply."""
    patience_ms: int = 6_000
    """Without a reply."""
    barge_in_ms: tuple[int, int] | None = None
    """Talks over every reply but the last, so long after it became audible; drawn evenly."""
    enough_ms: int | None = None
    """Has heard enough of the last reply after so long, and hangs up."""


class SaidTurn(msgspec.Struct, frozen=True):
    """A turn and where it was said: samples of the call."""

    turn: Turn
    start: int
    barged: bool
    """Said while the agent was speaking, on purpose."""

    @property
    def end(self) -> int:
        return self.start + len(self.turn.samples)


class ScriptedParty:
    """A `hocket.sim.twilio.Party`. What it says goes over a noisy line and is known to the recogniser's ear."""

    def __init__(self, turns: Sequence[Turn], lines: Lines, seed: int, manners: Manners) -> None:
        self.said: list[SaidTurn] = []
        self.began_s = float("inf")
        """The loop's time at the first sample of the call; frames are late at times, but never early."""
        self._turns = list(turns)
        self._lines = lines
        self._manners = manners
        self._rng = Random(seed)
        self._noise = line_noise(seed, NOISE_S)
        self.line = lines.open()
        self.line.say(silence(FRAME))
        self._hung_up = False
        self._at = FRAME
        """The first sample of the frame to come."""
        self._reply_at: int | None = None
        self._audible_at = 0
        self._draw()

    def frame(self, heard: Samples) -> Samples | None:
        self.began_s = min(self.began_s, asyncio.get_running_loop().time() - self._at / RATE)
        self._listen(heard)
        if self._hung_up or self._decide():
            self.hang_up()
            return None
        frame = self._frame()
        self.line.say(frame)
        self._at += FRAME
        return frame

    def hang_up(self) -> None:
        """No more is said. Legal twice."""
        if not self._hung_up:
            self._hung_up = True
            self._lines.close(self.line)

    def _listen(self, heard: Samples) -> None:
        if levels(heard, 2).max() > AUDIBLE_DBFS:
            self._audible_at = self._at
            if self.said and self._reply_at is None and self._at - FRAME >= self.said[-1].end:
                self._reply_at = self._at

    def _decide(self) -> bool:
        """Whether it is time to hang up; if it is time to speak, the next turn is begun."""
        if self.said and self._at < self.said[-1].end:
            return False
        if not self._is_due():
            return False
        if not self._turns:
            return True
        self._begin(self._turns.pop(0))
        return False

    def _is_due(self) -> bool:
        if not self.said:
            return self._at >= BEGIN_MS * MS
        if self._reply_at is None:
            return self._at - self.said[-1].end >= self._manners.patience_ms * MS
        if self._turns and self._manners.barge_in_ms is not None:
            return self._at - self._reply_at >= self._barge_in
        if not self._turns and self._manners.enough_ms is not None:
            return self._at - self._reply_at >= self._manners.enough_ms * MS
        return self._at - self._audible_at >= self._gap

    def _begin(self, turn: Turn) -> None:
        # In mid-frame, as people do: nothing may depend on where a word lies in a frame.
        start = self._at + self._rng.randrange(FRAME)
        barged = bool(self.said) and self._manners.barge_in_ms is not None and self._reply_at is not None
        self.said.append(SaidTurn(turn, start, barged))
        self.line.words += [(word.text, start + word.start_ms * MS, start + word.end_ms * MS) for word in turn.words]
        self._reply_at = None
        self._draw()

    def _draw(self) -> None:
        self._gap = (self._manners.gap_ms + self._rng.randrange(20)) * MS
        self._barge_in = self._rng.randint(*(self._manners.barge_in_ms or (0, 0))) * MS

    def _frame(self) -> Samples:
        at = self._at % len(self._noise)
        frame = self._noise[at : at + FRAME].astype(np.int32)
        if self.said:
            turn, start = self.said[-1].turn, self.said[-1].start
            begin, end = max(self._at, start), min(self._at + FRAME, self.said[-1].end)
            if begin < end:
                frame[begin - self._at : end - self._at] += turn.samples[begin - start : end - start]
        return decode_ulaw(encode_ulaw(np.clip(frame, -32768, 32767).astype(np.int16)))
