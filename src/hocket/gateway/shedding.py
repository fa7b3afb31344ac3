"""Leaving optional work out before calls suffer: how late the loop is -> how much goes."""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_left
from collections.abc import Callable
from typing import Final

from hocket.session.load import LoadLevel
from hocket.turn.shedding import Shed

log = logging.getLogger(__name__)

STEPS_MS: Final = (3.0, 6.0, 12.0, 24.0)
"""Lag above which the levels 1 to 4 are reached. Frames last 20 ms and are sent up to 60 ms ahead: at 24 ms of lag one
late frame in three is heard."""

BACK: Final = 0.5
"""Of its step the lag has to fall below this for a level to be left. What is left out makes room, so the lag without
it is lower than the lag that asked for it."""

CALM_S: Final = 10.0
"""How long it has to stay there, for each level."""

EVERY_S: Final = 0.25
"""Between two looks."""


class Hysteresis:
    """Lag -> level: up at once by as many levels as it takes, down slowly one by one."""

    def __init__(self) -> None:
        self.level = 0
        self._calm_since: float | None = None

    def update(self, now_s: float, lag_ms: float) -> int:
        """The level from now on."""
        reached = bisect_left(STEPS_MS, lag_ms)
        if reached > self.level:
            self.level = reached
            self._calm_since = None
        elif self.level == 0 or lag_ms >= STEPS_MS[self.level - 1] * BACK:
            self._calm_since = None
        elif self._calm_since is None:
            self._calm_since = now_s
        elif now_s - self._calm_since >= CALM_S:
            self.level -= 1
            self._calm_since = now_s
        return self.level


class Shedding:
    """Looks at the lag four times a second and sets the load level of a process's calls."""

    def __init__(self, lag_ms: Callable[[], float], load: LoadLevel) -> None:
        self._lag_ms = lag_ms
        self._load = load
        self._hysteresis = Hysteresis()
        self._loop = asyncio.get_running_loop()
        self._handle: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._handle = self._loop.call_later(EVERY_S, self._look)

    def stop(self) -> None:
        """The level stays as it is."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _look(self) -> None:
        self.start()
        lag_ms = self._lag_ms()
        before = self._load.level
        level = self._hysteresis.update(self._loop.time(), lag_ms)
        if level != before:
            what = Shed(level).name.lower().replace("_", " ")
            log.log(
                logging.WARNING if level > before else logging.INFO,
                "The loop is %.1f ms late, so calls leave out %s (level %d of %d)",
                lag_ms,
                what if level < 2 else f"all up to {what}",
                level,
                len(STEPS_MS),
            )
            self._load.set(level)
