"""The engine's one owner: facts in by `post`, orders out to `do`, both into the trace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from hocket.clock import SECOND, LoopClock
from hocket.trace.log import TraceLog
from hocket.trace.records import Mark, Record
from hocket.turn.commands import Command
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine
from hocket.turn.events import Event, TimerFired

INBOX_LIMIT: Final = 10_000
"""Facts caused by one fact. More is a loop between the engine and a stage, and a bug."""


class Turns:
    """Feeds a turn engine in the order of arrival, never re-entered."""

    __slots__ = ("_alarm", "_alarm_at", "_clock", "_do", "_draining", "_inbox", "_loop", "engine", "trace")

    def __init__(self, config: TurnConfig, trace: TraceLog, do: Callable[[Command], None]) -> None:
        self.engine = TurnEngine(config)
        self.trace = trace
        self._do = do
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock(self._loop)
        self._inbox: deque[Event] = deque()
        self._draining = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: int | None = None

    def post(self, event: Event) -> None:
        """Tell the engine a fact; every order it causes is carried out before this returns. Never awaits."""
        self._inbox.append(event)
        if self._draining:
            assert len(self._inbox) < INBOX_LIMIT, "facts cause facts without end"
            return
        self._draining = True
        try:
            while self._inbox:
                now, event = self._clock.now(), self._inbox.popleft()
                self.trace.write(now, event)
                for command in self.engine.handle(now, event):
                    self.trace.write(now, command)
                    self._do(command)
        finally:
            self._draining = False
        self._rearm()

    def write(self, record: Record) -> None:
        """Put something into the trace that the engine need not know."""
        self.trace.write(self._clock.now(), record)

    def mark(self, mark: Mark) -> None:
        self.trace.write(self._clock.now(), mark)

    def close(self) -> None:
        """No deadline fires any more."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def _rearm(self) -> None:
        """One alarm, at the engine's next deadline."""
        due = self.engine.deadline
        if due == self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        self._alarm = None if due is None else self._loop.call_at(due / SECOND, self._ring)

    def _ring(self) -> None:
        self._alarm = self._alarm_at = None
        self.post(TimerFired())
