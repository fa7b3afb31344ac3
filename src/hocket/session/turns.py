"""The engine's one owner: facts in by `post`, orders out to `do`, both into the trace."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final

from hocket.clock import SECOND, LoopClock
from hocket.trace.log import TraceLog
from hocket.trace.records import Closed, Mark, Record
from hocket.turn.commands import Command
from hocket.turn.config import TurnConfig
from hocket.turn.engine import TurnEngine
from hocket.turn.events import Event, TimerFired

INBOX_LIMIT: Final = 10_000
"""Facts caused by one fact. More is a loop between the engine and a stage, and a bug: asserted, nothing is dropped."""


class Turns:
    """Feeds a turn engine in the order of arrival, never re-entered.

    `failed` is told what the engine or `do` raised. After that, and after `close`, facts are nobody's any more.
    """

    __slots__ = (
        "_alarm",
        "_alarm_at",
        "_clock",
        "_closed",
        "_do",
        "_draining",
        "_failed",
        "_inbox",
        "_loop",
        "_sealed",
        "engine",
        "trace",
    )

    def __init__(
        self,
        config: TurnConfig,
        trace: TraceLog,
        do: Callable[[Command], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.engine = TurnEngine(config)
        self.trace = trace
        self._do = do
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._clock = LoopClock(self._loop)
        self._inbox: deque[Event] = deque()
        self._draining = False
        self._closed = self._sealed = False
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at: int | None = None

    def post(self, event: Event) -> None:
        """Tell the engine a fact; every order it causes is carried out before this returns. Never awaits.

        Raises what the engine or an order raised: a bug, or a stage that broke its contract.
        """
        if self._closed:
            return
        self._inbox.append(event)
        if self._draining:
            assert len(self._inbox) < INBOX_LIMIT, "facts cause facts without end"
            return
        self._draining = True
        try:
            while self._inbox:
                self._handle(self._inbox.popleft())
        except Exception as error:
            self.close()  # an engine that has failed is not asked again
            self._failed(error)
            raise
        finally:
            self._draining = False
        self._rearm()

    @property
    def sealed(self) -> bool:
        """The call is over."""
        return self._sealed

    def write(self, record: Record) -> None:
        """Put something into the trace that the engine need not know."""
        if not self._sealed:
            self.trace.write(self._clock.now(), record)

    def mark(self, mark: Mark) -> None:
        self.write(mark)

    def close(self) -> None:
        """No fact and no deadline counts any more."""
        self._closed = True
        self._inbox.clear()
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def seal(self, reason: str, dropped: dict[str, int], failed: bool = False) -> None:
        """Write the trace's foot; nothing comes after it."""
        if self.trace.dropped:
            dropped = dropped | {"trace": self.trace.dropped}
        self.write(Closed(reason, dropped, failed))
        self._sealed = True
        self.trace.flush()
        self._do = self._failed = _nobody

    def _handle(self, event: Event) -> None:
        now = self._clock.now()
        self.trace.write(now, event)
        for command in self.engine.handle(now, event):
            self.trace.write(now, command)
            self._do(command)

    def _rearm(self) -> None:
        """One alarm, at the engine's next deadline."""
        due = self.engine.deadline
        if due == self._alarm_at or self._closed:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = due
        self._alarm = None if due is None else self._loop.call_at(due / SECOND, self._ring)

    def _ring(self) -> None:
        due = self._alarm_at
        self._alarm = self._alarm_at = None
        if due is not None and self._clock.now() >= due:
            self.post(TimerFired())
        else:  # some loops round timers to the millisecond, and fire early
            self._rearm()


def _nobody(_: object) -> None:
    """Carries out no order, and is told of no failure."""
