"""Counts of values in fixed buckets: cheap to add to, sent between processes as it is, merged by addition."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec

LATENESS_MS: Final = (0.5, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 50, 100, 200, 500, 1000)
"""For what should take no time at all."""

LATENCY_MS: Final = (
    100,
    150,
    200,
    250,
    300,
    350,
    400,
    450,
    500,
    600,
    700,
    800,
    900,
    1000,
    1200,
    1500,
    2000,
    3000,
    5000,
)
"""For what a caller waits for: 300 and 350 ms are told apart, and so are a bad turn and a lost one."""


class Histogram(msgspec.Struct):
    """The unit is the bounds'."""

    bounds: tuple[float, ...]
    """Upper ends of the buckets, included, growing."""
    counts: list[int] = []
    """One more than bounds: the last bucket has no end."""
    total: float = 0.0
    """Of all values."""

    def __post_init__(self) -> None:
        if not self.counts:
            self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float, times: int = 1) -> None:
        self.counts[bisect_left(self.bounds, value)] += times
        self.total += value * times

    def merge(self, other: Histogram) -> None:
        """Take in what the other has, which has the same bounds."""
        assert self.bounds == other.bounds, "buckets of one kind are merged"
        self.counts = [mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)]
        self.total += other.total

    @property
    def count(self) -> int:
        return sum(self.counts)

    def quantile(self, fraction: float) -> float | None:
        """The upper end of the bucket of the nearest rank: no less than the true value. None when empty; infinity in
        the last bucket."""
        rank = max(1.0, fraction * self.count)
        seen = 0
        for count, bound in zip(self.counts, (*self.bounds, float("inf")), strict=True):
            seen += count
            if count and seen >= rank - 1e-9:
                return bound
        return None
