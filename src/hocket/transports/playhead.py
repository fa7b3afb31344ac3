"""How far a remote player is that buffers what it is sent: an estimate between two certainties.

Certain are the last word from the player, before which all has sounded, and time: nothing sounds before it is sent. In
between, time is the better guess, because a request to clear takes the same way as the audio did. The player's words
say when it is not: if they take longer than the quickest did, the player is behind by so much. Some players echo marks
that were sent between the audio, others report positions of their own accord.
"""

from __future__ import annotations

from collections import deque
from typing import Final, NamedTuple

MARKS_KEPT: Final = 256
"""Marks without an echo; the oldest are forgotten, and a later echo stands for them."""

USUAL_LAG_S: Final = 0.25
"""An echo may take so long before anything is known about the line: once around the world."""


class Playhead:
    """Positions count samples that were sent and not taken back; times are the event loop's, in seconds."""

    __slots__ = ("_lag", "_last", "_least_lag", "_marked", "_marks", "_patience_s", "_rate", "acknowledged", "sent",
                 "silent_at")  # fmt: skip

    def __init__(self, rate: int, patience_s: float = 0.0) -> None:
        """`patience_s`: how long after a mark is passed the player may say so; 0 where it echoes every mark."""
        self._rate = rate
        self._patience_s = patience_s
        self.sent = 0
        self.acknowledged = 0
        """All samples before it have sounded: for sure, or as well as could be told when the rest was taken back."""
        self.silent_at = 0.0
        """When all that was sent has sounded, if each sample sounds as soon as it can."""
        self._marks: deque[_Mark] = deque(maxlen=MARKS_KEPT)
        self._marked = 0
        self._last = 0
        self._lag = 0.0
        self._least_lag = USUAL_LAG_S

    @property
    def unmarked(self) -> int:
        """Samples that were sent after the last mark."""
        return self.sent - self._marked

    def add(self, count: int, now: float) -> None:
        """So many samples are sent now."""
        if now > self.silent_at:  # the player has caught up
            self.silent_at = now
            self._lag = 0.0
        self.silent_at += count / self._rate
        self.sent += count

    def mark(self) -> int:
        """A mark is sent now; returns its number, from 1."""
        self._last += 1
        self._marked = self.sent
        self._marks.append(_Mark(self._last, self.sent, self.silent_at))
        return self._last

    def echoed(self, number: int, now: float) -> bool:
        """A mark came back. False when it says nothing new."""
        if number > self._last:
            return False
        found = None
        while self._marks and self._marks[0].number <= number:
            found = self._marks.popleft()
        if found is None:
            return False
        self._lag = max(0.0, now - found.due)
        self._least_lag = min(self._least_lag, self._lag)
        self.acknowledged = found.sample
        return True

    def reported(self, sample: int, now: float) -> bool:
        """The player says that all before `sample` has sounded. False when that is nothing new. Its lag is known where
        a mark was set behind every stretch of audio."""
        if not self.acknowledged < sample <= self.sent:
            return False
        while self._marks and self._marks[0].sample < sample:
            self._marks.popleft()
        if self._marks:
            mark = self._marks[0]
            due = mark.due - (mark.sample - sample) / self._rate
            self._lag = max(0.0, now - due)
            self._least_lag = min(self._least_lag, self._lag)
            if mark.sample == sample:
                self._marks.popleft()
        self.acknowledged = sample
        return True

    def restart(self, heard: int, now: float) -> None:
        """A player begins anew that has played all before `heard`; what was sent after that is sent again now."""
        assert self.acknowledged <= heard <= self.sent, "what has sounded was sent, and stays so"
        self.acknowledged = heard
        self._marked = self.sent
        self._marks.clear()
        self._lag = 0.0
        self.silent_at = now + (self.sent - heard) / self._rate
        if heard < self.sent:
            self.mark()

    def take_back(self, now: float) -> int:
        """What has not sounded is dropped; returns how many samples that is. The player sends all marks back at once,
        whether they were passed or not, so those are forgotten."""
        dropped = self._pending(now)
        self.sent -= dropped
        self.acknowledged = self._marked = self.sent
        self.silent_at = min(self.silent_at, now)
        self._marks.clear()
        self._lag = 0.0
        return dropped

    def _pending(self, now: float) -> int:
        lag = max(self._lag, now - self._marks[0].due - self._patience_s) if self._marks else self._lag
        behind = max(0.0, lag - self._least_lag)
        pending = round((self.silent_at + behind - now) * self._rate)
        return min(max(0, pending), self.sent - self.acknowledged)


class _Mark(NamedTuple):
    number: int
    sample: int
    due: float
    """When it is passed, if each sample sounds as soon as it can."""
