"""The newest samples of a stream, found again by their absolute position."""

from __future__ import annotations

import numpy as np

from hocket.audio.frame import Samples


class Ring:
    """Keeps the last `capacity` samples. Positions count from the stream's first sample."""

    def __init__(self, capacity: int) -> None:
        self._kept = np.zeros(capacity, np.int16)
        self.end = 0
        """Position just after the newest sample."""

    @property
    def start(self) -> int:
        """Position of the oldest sample that is still kept."""
        return max(self.end - len(self._kept), 0)

    def append(self, samples: Samples) -> None:
        """Take the stream's next samples, shape (n,); the oldest make room."""
        capacity = len(self._kept)
        newest = samples[-capacity:]
        self.end += len(samples)
        at = (self.end - len(newest)) % capacity
        before_edge = newest[: capacity - at]
        self._kept[at : at + len(before_edge)] = before_edge
        self._kept[: len(newest) - len(before_edge)] = newest[len(before_edge) :]

    def since(self, position: int) -> Samples:
        """A copy of the samples from `position`, or from `start` if that is later, to `end`: shape (n,)."""
        capacity = len(self._kept)
        first = min(max(position, self.start), self.end)
        at, count = first % capacity, self.end - first
        return np.concatenate((self._kept[at : at + count], self._kept[: max(at + count - capacity, 0)]))
