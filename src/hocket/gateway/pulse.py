"""How well a process keeps time: how late its event loop comes round, collections of garbage, late frames."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, Final

from hocket.clock import MS, stopwatch
from hocket.gateway.watchdog import BLOCKED_MS, Watchdog
from hocket.trace.histogram import LATENESS_MS, Histogram

TICK_MS: Final = 10

WINDOW_S: Final = 5.0
"""Lag is that of the last so many seconds."""

_TICKS: Final = round(WINDOW_S * 1000 / TICK_MS)


class Pulse:
    """Made for one event loop, on whose thread `start` and `stop` are called.

    A tick is due every 10 ms, and its lag is how late it comes. A loop that stood still owes all the ticks it missed,
    each with its own lag, as audio frames would have been late: one long stop is not one late tick.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, frames: Histogram | None = None, watchdog: Watchdog | None = None
    ) -> None:
        self.lag = Histogram(LATENESS_MS)
        """Milliseconds, of all ticks."""
        self.frames = Histogram(LATENESS_MS) if frames is None else frames
        """How late frames of speech were sent, milliseconds; the timer wheel of the sessions adds to it."""
        self.gc = Collections()
        self.stalls = 0
        """How often the loop stood still for more than 50 ms."""
        self._loop = loop
        self._watchdog = watchdog
        self._recent = [0.0] * _TICKS
        self._place = 0
        self._due = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._due = self._loop.time() + TICK_MS / 1000
        self._handle = self._loop.call_at(self._due, self._tick)
        self.gc.start()
        if self._watchdog is not None:
            self._watchdog.start()

    def stop(self) -> None:
        """Nothing is measured any more; what was measured stays."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.gc.stop()
        if self._watchdog is not None:
            self._watchdog.stop()

    @property
    def lag_p99_ms(self) -> float:
        """Of the last 5 s: what one tick in a hundred exceeds."""
        return self._worst(_TICKS // 100)

    @property
    def lag_p95_ms(self) -> float:
        """Of the last 5 s. A single stop of the loop for less than 250 ms does not move it: it tells of load."""
        return self._worst(_TICKS // 20)

    def _worst(self, rank: int) -> float:
        return sorted(self._recent)[-rank - 1]

    def _tick(self) -> None:
        if self._watchdog is not None:
            self._watchdog.ticked()
        now = self._loop.time()
        late = now - self._due
        if late * 1000 > BLOCKED_MS:
            self.stalls += 1
        owed = 1 + min(int(late * 1000 / TICK_MS), 10 * _TICKS)  # a machine that was asleep is not made up for
        for number in range(owed):
            lag = max(0.0, late * 1000 - number * TICK_MS)
            self.lag.add(lag)
            self._recent[self._place] = lag
            self._place = (self._place + 1) % _TICKS
        self._due = max(self._due + owed * TICK_MS / 1000, now)
        self._handle = self._loop.call_at(self._due, self._tick)


class Collections:
    """The pauses that collecting garbage makes, of the whole process."""

    def __init__(self) -> None:
        self.pauses = Histogram(LATENESS_MS)
        """Milliseconds."""
        self._began = 0

    def start(self) -> None:
        gc.callbacks.append(self._called)

    def stop(self) -> None:
        if self._called in gc.callbacks:
            gc.callbacks.remove(self._called)

    def _called(self, phase: str, info: dict[str, Any]) -> None:
        if phase == "start":
            self._began = stopwatch()
        elif self._began:
            self.pauses.add((stopwatch() - self._began) / MS)
            self._began = 0
