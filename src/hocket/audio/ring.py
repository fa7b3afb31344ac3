"""The newest samples of a stream, found again by their absolute position."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Ring:
    """Keeps the last `capacity` samples. Positions count from the stream's first sample."""

    def __init__(self, capacity: int, dtype: DTypeLike = np.int16) -> None:
        """`dtype`: of a sample, as it is handed in and out."""
        self._kept: NDArray[Any] = np.zeros(capacity, dtype)
        self.end = 0
        """Position just after the newest sample."""

    @property
    def start(self) -> int:
        """Position of the oldest sample that is still kept."""
        return max(self.end - len(self._kept), 0)

    def append(self, samples: NDArray[Any]) -> None:
        """Take the stream's next samples, shape (n,); the oldest make room."""
        capacity, count = len(self._kept), len(samples)
        at = self.end % capacity
        if at + count <= capacity:
            self._kept[at : at + count] = samples
            self.end += count
            return
        newest = samples[-capacity:]
        self.end += count
        at = (self.end - len(newest)) % capacity
        before_edge = newest[: capacity - at]
        self._kept[at : at + len(before_edge)] = before_edge
        self._kept[: len(newest) - len(before_edge)] = newest[len(before_edge) :]

    def since(self, position: int, count: int | None = None) -> NDArray[Any]:
        """A copy of the samples from `position`, or from `start` if that is later: at most `count`, else all, (n,)."""
        capacity = len(self._kept)
        first = min(max(position, self.start), self.end)
        at, found = first % capacity, self.end - first
        found = found if count is None else min(found, count)
        return np.concatenate((self._kept[at : at + found], self._kept[: max(at + found - capacity, 0)]))
