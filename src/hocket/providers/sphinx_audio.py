"""One caller's audio on its way to a recogniser: at 16 kHz, without the silence before speech, cut into utterances."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np

from hocket.audio.frame import Samples
from hocket.audio.levels import VoiceLevel
from hocket.audio.resample import Resampler
from hocket.providers.sphinx_decoding import RATE

BATCH_MS = 40
"""Audio goes to the worker in pieces of at least this length."""

MAX_BATCH_MS = 400
"""What has piled up goes in pieces, so that other calls of the worker get their turn."""

BACKLOG_S = 6
"""Audio that may wait for the worker; the oldest is dropped first. An answer to what is older would come too late."""

UTTERANCE_S = 30
"""A longer utterance is cut, or the search would slow down."""

LEAD_IN_MS = 300
"""What is recognised of the time before the level first rose to that of voice."""

QUIET_MS = 1_500
"""An utterance is over after so much quiet, asked for or not: what was a noise must not stand before the next words."""


class Batch(NamedTuple):
    """Some audio of the utterance that is going on."""

    samples: Samples
    finish: bool
    """The utterance ends after it."""
    finalized: bool
    """That was asked for."""
    until_ms: int
    """How much of the stream has come out with it, or was left out."""


class PendingAudio:
    """Frames and asked-for ends go in, batches come out.

    Nothing comes out until the level rises to that of voice: search in silence costs as much as in speech.
    """

    def __init__(self, rate: int) -> None:
        self.dropped = 0
        """Samples of 16 kHz that were too old."""
        self.heard_ms = 0
        """How much of this utterance has come out."""
        self._resampler = Resampler(rate, RATE)
        self._level = VoiceLevel(RATE)
        self._end = 0
        self._utterance_start = 0
        self._parts: deque[Samples | None] = deque()  # None: an end
        self._waiting = 0
        self._ends = 0

    def push(self, samples: Samples) -> None:
        """Take the next samples, shape (n,), at the stream's own rate."""
        samples = self._resampler.push(samples)
        self._level.push(samples, self._end)
        self._end += len(samples)
        self._parts.append(samples)
        self._waiting += len(samples)
        while self._waiting > BACKLOG_S * RATE:
            self._drop_oldest()

    def finish(self) -> None:
        """The utterance ends after what was pushed so far."""
        self._parts.append(None)
        self._ends += 1

    def next(self) -> Batch | None:
        """What is ready, if anything is."""
        if not self._ends:
            if not self.heard_ms and self._level.last_voice_end <= self._utterance_start:
                self._forget_silence()
                return None
            if self._waiting < BATCH_MS * RATE // 1000:
                return None
        samples, finalized = self._take()
        quiet = min(self._level.quiet_ms, self.heard_ms) > QUIET_MS
        finish = finalized or quiet or self.heard_ms > UTTERANCE_S * 1000
        if finish:
            self.heard_ms = 0
            self._utterance_start = self._end - self._waiting
        return Batch(samples, finish, finalized, (self._end - self._waiting) * 1000 // RATE)

    def _take(self) -> tuple[Samples, bool]:
        """Samples up to the next end, or of at most `MAX_BATCH_MS`; whether the end was reached."""
        taken: list[Samples] = [np.zeros(0, np.int16)]
        count = 0
        ended = False
        while self._parts and count < MAX_BATCH_MS * RATE // 1000 and not ended:
            part = self._parts.popleft()
            if part is None:
                ended = True
                self._ends -= 1
            else:
                taken.append(part)
                count += len(part)
        self._waiting -= count
        self.heard_ms += count * 1000 // RATE
        return np.concatenate(taken), ended

    def _forget_silence(self) -> None:
        while self._parts and self._waiting > LEAD_IN_MS * RATE // 1000:
            part = self._parts.popleft()
            assert part is not None
            self._waiting -= len(part)

    def _drop_oldest(self) -> None:
        """The oldest samples; an end stays."""
        at = next(index for index, part in enumerate(self._parts) if part is not None)
        part = self._parts[at]
        assert part is not None
        del self._parts[at]
        self._waiting -= len(part)
        self.dropped += len(part)
