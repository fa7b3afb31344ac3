"""What the agent's own code is told of a call while it goes on, and when it is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any, Final

from hocket.agent.call import Call, CallRecord, TranscriptEntry
from hocket.clock import MS, LoopClock
from hocket.ids import CallId
from hocket.session.tasks import Tasks
from hocket.turn.commands import StartReply, StartSay
from hocket.turn.events import Event, PlayoutFinished, PlayoutStarted, PlayoutStopped

log = logging.getLogger(__name__)

CALLBACK_S: Final = 60.0
"""How long a subscriber's coroutine may take while the call goes on."""

ENDED_S: Final = 5.0
"""How long subscribers may take once the call is over."""


class Subscribers:
    """Tells the subscribers of one call. They run beside it and cannot hold it up."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._tasks = Tasks(partial(_failed, call.id))
        self._clock = LoopClock()
        self._epoch = 0
        self._began = 0
        self._kind = "reply"

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a subscriber's coroutine, for at most a minute, and 5 s after the end of the call."""
        self._tasks.start(_bounded(work))

    def started(self, epoch: int) -> None:
        self._epoch = epoch
        self._call.emit("started")

    def turn(self, text: str, onset: int) -> None:
        """The caller's turn, which began at `onset` (`now` time), is committed."""
        self._call.emit("turn", TranscriptEntry("caller", text, self._ms(onset)))

    def begun(self, command: StartReply | StartSay) -> None:
        """The agent is about to speak."""
        self._kind = command.kind if isinstance(command, StartSay) else "reply"

    def playout(self, event: Event) -> None:
        """What became of the agent's speech."""
        match event:
            case PlayoutStarted():
                self._began = self._clock.now()
            case PlayoutFinished(heard=heard) if heard:
                self._heard(heard, interrupted=False)
            case PlayoutStopped(heard=heard) if heard:
                self._heard(heard, interrupted=True)

    async def ended(self, record: CallRecord) -> None:
        """The call is over: all who are still busy, and those who are told now, have 5 s."""
        try:
            self._call.emit("ended", record)
            await self._tasks.finish(ENDED_S)
        finally:
            await self._tasks.close()

    def _heard(self, text: str, *, interrupted: bool) -> None:
        self._call.emit("reply", TranscriptEntry("agent", text, self._ms(self._began), interrupted, self._kind))

    def _ms(self, now: int) -> int:
        return max(0, now - self._epoch) // MS


def _failed(call: CallId, error: Exception) -> None:
    log.error("call %s: a subscriber failed", call, exc_info=error)


async def _bounded(work: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(CALLBACK_S):
            await work
    finally:
        work.close()  # if it was cancelled before it began
