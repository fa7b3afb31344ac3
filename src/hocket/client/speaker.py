"""A loudspeaker that is only calculated: what sounds when, by the positions that the gateway counts in."""

from __future__ import annotations

from hocket.audio.frame import Samples
from hocket.audio.playback import Playback


class Speaker:
    """What is played sounds in order, each sample as soon as it can. Times count samples, and do not go back."""

    def __init__(self) -> None:
        self.clears = 0
        """How many times the gateway has taken audio back."""
        self._playback = Playback()
        self._shift = 0
        """From samples that have sounded to positions."""

    @property
    def silent_at(self) -> int:
        """When all that is queued has sounded."""
        return self._playback.end

    def play(self, samples: Samples, now: int) -> None:
        """Queue audio, shape (n,)."""
        self._playback.play(samples, now)

    def position(self, now: int) -> int:
        """Just after the last sample that has sounded."""
        return self._shift + self._playback.sounded(now)

    def clear(self, keep: int, now: int) -> None:
        """Fall silent; what is played next has position `keep`."""
        self._stand_at(keep, now)
        self.clears += 1

    def cut(self, now: int) -> int:
        """Fall silent for want of a connection; returns the position."""
        self._playback.drop(now)
        return self.position(now)

    def resume(self, position: int, clears: int, now: int) -> None:
        """What is played next has this position, and audio has been taken back so many times."""
        self._stand_at(position, now)
        self.clears = clears

    def hear(self, since: int, now: int) -> Samples:
        """What sounded in between, with zeros where nothing did; it is forgotten then."""
        return self._playback.render(since, now)

    def _stand_at(self, position: int, now: int) -> None:
        self._playback.drop(now)
        self._shift = position - self._playback.sounded(now)
