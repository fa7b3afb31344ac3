"""A second call to a model whose first token is late.

Source of the idea: Dean and Barroso, "The Tail at Scale", CACM 56 (2013): asking again at the 95th percentile costs
about 5 % more requests and takes most of the tail away.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Final, Literal

from hocket.clock import MS, LoopClock
from hocket.resilience.budget import Budget
from hocket.resilience.closing import Closing
from hocket.stages.llm import Llm, LlmDelta, LlmRequest, TextDelta, ToolCall
from hocket.stages.notices import notify
from hocket.trace.percentiles import Percentiles

EXTRA_SHARE: Final = 0.08
"""Second calls are at most so many of all calls; more would be load on a provider that has too much of it."""

BURST: Final = 3

EARLIEST_MS: Final = 200.0
"""The ordinary spread of a fast model is no reason for a second call."""

LATEST_MS: Final = 800.0
"""A turn feels broken after 1,200 ms: the second call has to come in time for its own first token."""

UNKNOWN_MS: Final = 500.0
KNOWN_CALLS: Final = 20
"""Before so many calls the model's pace is not known, and the one above is taken."""

STALLED: Final = 3.0
"""Times the median: a 95th percentile beyond it is one of stalled calls, which are those not to wait for."""

GENERATION: Final = 200
"""Pace is that of the last 200 to 400 calls."""


class HedgedLlm:
    """`llm` with a second call beside the first, on a connection of its own; the first to bring a usable token wins.

    late: the second is made when nothing has come by the 95th percentile of the model's first tokens, within 200 and
    800 ms, as long as second calls stay under 8 % of all. both: it is made at once, always.

    Shared by all calls of a process.
    """

    def __init__(self, llm: Llm, *, when: Literal["late", "both"] = "late") -> None:
        self.name = llm.name
        self._llm = llm
        self._when = when
        self._pace = Pace()
        self._budget = Budget(EXTRA_SHARE, BURST)
        self._closing = Closing()
        self._clock = LoopClock()

    async def reply(self, request: LlmRequest) -> AsyncGenerator[LlmDelta, None]:
        """Stream the reply. Closing the generator cancels both calls. Raises the first call's error when it comes
        before a second call is due, and when both fail."""
        self._budget.called()
        calls: list[_Call] = []
        try:
            winner = await self._race(request, calls)
            for call in calls:
                if call is not winner:
                    self._closing.later(call.deltas, call.reading)
            calls[:] = [winner]
            for delta in winner.begun:
                yield delta
            async for delta in winner.deltas:
                yield delta
            calls.clear()
        finally:
            for call in calls:
                self._closing.later(call.deltas, call.reading)

    async def close(self) -> None:
        """Wait until the calls that lost are closed; the model is closed by whoever opened it. Legal twice."""
        await self._closing.close()

    async def _race(self, request: LlmRequest, calls: list[_Call]) -> _Call:
        """The call that answers first. All that are made are put into `calls`, for the caller to end."""
        began = self._clock.now()
        calls.append(first := _Call(self._llm.reply(request)))
        if self._when == "late":
            await asyncio.wait({first.reading}, timeout=self._pace.patience_ms / 1000)
            if first.reading.done() or not self._budget.take():
                await first.reading
                self._pace.add(_ms(self._clock.now() - began))
                return first
        notify("llm", "hedged", self.name)
        calls.append(second := _Call(self._llm.reply(request)))
        pending = {first.reading, second.reading}
        while pending:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for number, call in enumerate(calls, 1):
                if call.reading.done() and call.reading.exception() is None:
                    if call is first:
                        # Of a second that won, the first is known only to have taken longer: that is not learned.
                        self._pace.add(_ms(self._clock.now() - began))
                    notify("llm", "won", self.name, number)
                    return call
        await first.reading
        raise AssertionError("both calls failed")


def usable(delta: LlmDelta) -> bool:
    """Whether a caller's answer has begun with this."""
    return isinstance(delta, ToolCall) or (isinstance(delta, TextDelta) and bool(delta.text))


class _Call:
    """One call, read in a task of its own up to its first usable token; whoever takes it reads on directly."""

    __slots__ = ("begun", "deltas", "reading")

    def __init__(self, deltas: AsyncGenerator[LlmDelta, None]) -> None:
        self.deltas = deltas
        self.begun: list[LlmDelta] = []
        self.reading = asyncio.create_task(self._read(), name="first token")

    async def _read(self) -> None:
        async for delta in self.deltas:
            self.begun.append(delta)
            if usable(delta):
                break


class Pace:
    """How long a model's first tokens take when they come.

    What was not waited for to its end is missing here: so the calls of a model that has become slower throughout are
    missing as long as seconds overtake them. They seldom can: a second call is as slow, and there are few of them.
    """

    __slots__ = ("_older", "_younger")

    def __init__(self) -> None:
        self._older = Percentiles()
        self._younger = Percentiles()

    def add(self, ms: float) -> None:
        self._older.add(ms)
        self._younger.add(ms)
        if self._younger.count >= GENERATION:
            self._older, self._younger = self._younger, Percentiles()

    @property
    def patience_ms(self) -> float:
        """After so long a call is late."""
        median, late = self._older.p50, self._older.p95
        if median is None or late is None or self._older.count < KNOWN_CALLS:
            return UNKNOWN_MS
        return min(max(min(late, median * STALLED), EARLIEST_MS), LATEST_MS)


def _ms(nanoseconds: int) -> float:
    return nanoseconds / MS
