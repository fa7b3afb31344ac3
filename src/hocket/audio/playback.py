"""A model of a playback device: what is queued sounds in order, each sample as soon as the device is free."""

from __future__ import annotations

from collections import deque

from hocket.audio.frame import Samples, silence


class Playback:
    """Places audio on one time axis that is counted in samples. Times never go backwards between calls."""

    def __init__(self) -> None:
        self._queue: deque[tuple[int, Samples]] = deque()
        self._accepted = 0
        self.end = 0
        """When all that is queued will have sounded."""

    def play(self, samples: Samples, now: int) -> None:
        """Queue audio, shape (n,); it sounds after what is queued, or now."""
        start = max(now, self.end)
        self._queue.append((start, samples))
        self._accepted += len(samples)
        self.end = start + len(samples)

    def drop(self, now: int) -> int:
        """Forget what has not sounded; returns how many samples that is."""
        dropped = 0
        while self._queue and self._queue[-1][0] + len(self._queue[-1][1]) > now:
            start, samples = self._queue.pop()
            kept = samples[: max(now - start, 0)]
            dropped += len(samples) - len(kept)
            if len(kept):
                self._queue.append((start, kept))
                break
        self._accepted -= dropped
        self.end = min(self.end, now)
        return dropped

    def sounded(self, now: int) -> int:
        """How many samples have sounded, of all that were queued and not dropped."""
        pending = 0
        for start, samples in reversed(self._queue):
            if start + len(samples) <= now:
                break
            pending += len(samples) - max(now - start, 0)
        return self._accepted - pending

    def render(self, start: int, end: int) -> Samples:
        """What sounds from `start` to `end`, zeros where nothing does; what lies before `end` is then forgotten."""
        heard = silence(end - start)
        while self._queue and self._queue[0][0] < end:
            begins, samples = self._queue[0]
            part = samples[max(start - begins, 0) : end - begins]
            at = max(begins - start, 0)
            heard[at : at + len(part)] = part
            if begins + len(samples) > end:
                break
            self._queue.popleft()
        return heard
