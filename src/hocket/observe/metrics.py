"""What a worker's calls came to, counted from their traces as turns and calls end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import msgspec

from hocket.clock import MS
from hocket.trace.barge_ins import BargeIns
from hocket.trace.following import Following
from hocket.trace.histogram import LATENCY_MS, Histogram
from hocket.trace.latency import TurnTrace
from hocket.trace.percentiles import LONG_NS
from hocket.trace.records import Closed, Entry, Mark, Record
from hocket.turn.commands import PausePlayout, ResumePlayout, StopPlayout
from hocket.turn.events import (
    CallerLeft,
    EndRequested,
    PlayoutFinished,
    PlayoutStarted,
    PlayoutStopped,
    SpeechStarted,
    SpeechStopped,
)

YIELD_MS: Final = (20, 40, 60, 80, 100, 120, 140, 160, 200, 250, 300, 400, 500, 1000)
"""Onset of the caller's voice to silence of the agent."""

STEP_MS: Final = (5, 10, 20, 30, 50, 75, 100, 150, 200, 250, 300, 400, 500, 750, 1000, 1500, 2000, 3000, 5000)
"""A single step of a turn."""

End: TypeAlias = Literal["caller", "agent", "policy", "failed"]
"""Who ended a call; policy: nobody spoke for too long, or it had lasted too long."""


class TurnFigures(msgspec.Struct):
    """Of all turns; histograms in milliseconds."""

    outcomes: dict[str, int] = {}
    unmeasured: int = 0
    """Turns without a response latency."""
    long: int = 0
    """Answered after more than 500 ms."""
    response_latency: Histogram = msgspec.field(default_factory=lambda: Histogram(LATENCY_MS))
    endpoint_to_first_byte: Histogram = msgspec.field(default_factory=lambda: Histogram(STEP_MS))
    steps: dict[str, Histogram] = {}
    """endpoint, stt_finalize, first_token, first_byte -> how long that took; with the response latency they are the
    five numbers of a turn."""


class SpeculationFigures(msgspec.Struct):
    """Of all turns."""

    results: dict[str, int] = {}
    """hit, miss, none -> turns."""
    saved_ms: float = 0.0
    wasted_tokens: int = 0
    wasted_characters: int = 0


class BargeInFigures(msgspec.Struct):
    """Of all calls that have ended."""

    outcomes: dict[str, int] = {}
    """stopped; resumed: the agent yielded to what were no words, and went on; ignored."""
    yields: Histogram = msgspec.field(default_factory=lambda: Histogram(YIELD_MS))
    """Milliseconds."""


class ProviderFigures(msgspec.Struct):
    """Of all calls, and of the process's accounts."""

    model_calls: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    failures: dict[str, int] = {}
    """Stage -> requests that failed."""
    left: dict[str, int] = {}
    """Stage -> how often a provider was given up for the next."""
    hedges: int = 0
    openers: dict[str, int] = {}
    """hit, missed -> turns whose opener was looked up."""


class CallFigures(msgspec.Struct):
    live: int = 0
    started: int = 0
    ended: dict[str, int] = {}
    """An `End` -> calls."""
    refused: dict[str, int] = {}
    """Reason -> calls that were not taken."""
    dropped: dict[str, int] = {}
    """Queue -> items dropped because it was full."""


class ProcessFigures(msgspec.Struct):
    """Of the worker itself; histograms in milliseconds."""

    loop_lag: Histogram | None = None
    frame_lateness: Histogram | None = None
    gc_pauses: Histogram | None = None
    stalls: int = 0
    """How often the event loop stood still for more than 50 ms."""
    shed: int = 0
    """A `turn.shedding.Shed`."""
    memory_bytes: int = 0
    """Resident."""
    tasks: int = 0
    """Of the event loop."""
    open_files: int = 0
    """Sockets are files too."""
    cpu_s: float = 0.0
    slots: dict[str, int] = {}
    """Account -> streams in use."""


class WorkerMetrics(msgspec.Struct):
    """A worker's figures since it began, as it sends them to the front."""

    calls: CallFigures = msgspec.field(default_factory=CallFigures)
    turns: TurnFigures = msgspec.field(default_factory=TurnFigures)
    speculation: SpeculationFigures = msgspec.field(default_factory=SpeculationFigures)
    barge_ins: BargeInFigures = msgspec.field(default_factory=BargeInFigures)
    providers: ProviderFigures = msgspec.field(default_factory=ProviderFigures)
    process: ProcessFigures = msgspec.field(default_factory=ProcessFigures)


class Meters:
    """Adds up the calls of one process."""

    def __init__(self) -> None:
        self.figures = WorkerMetrics()

    def call(self) -> CallMeter:
        """A call begins; its trace is to be watched with `CallMeter.record`."""
        self.figures.calls.started += 1
        self.figures.calls.live += 1
        return CallMeter(self)

    def refused(self, reason: str) -> None:
        """A call was not taken, for one of a few reasons."""
        count(self.figures.calls.refused, reason)

    def add_turn(self, turn: TurnTrace) -> None:
        figures = self.figures.turns
        count(figures.outcomes, turn.outcome)
        numbers = turn.numbers
        for name in ("endpoint", "stt_finalize", "first_token", "first_byte"):
            if (took := getattr(numbers, name)) is not None:
                if name not in figures.steps:
                    figures.steps[name] = Histogram(STEP_MS)
                figures.steps[name].add(took / MS)
        if turn.endpoint_to_first_byte is not None:
            figures.endpoint_to_first_byte.add(turn.endpoint_to_first_byte / MS)
        latency = turn.response_latency
        if latency is None:
            figures.unmeasured += turn.outcome != "withdrawn"
        else:
            figures.response_latency.add(latency / MS)
            figures.long += latency > LONG_NS
        self._add_work(turn)

    def _add_work(self, turn: TurnTrace) -> None:
        speculation, early = self.figures.speculation, turn.speculation
        count(speculation.results, early.result)
        speculation.saved_ms += early.saved / MS
        speculation.wasted_tokens += early.wasted_tokens
        speculation.wasted_characters += early.wasted_characters
        providers, asked = self.figures.providers, turn.providing
        providers.model_calls += early.model_calls
        providers.input_tokens += asked.input_tokens
        providers.cached_tokens += asked.cached_tokens
        providers.output_tokens += asked.output_tokens
        providers.hedges += asked.hedges
        if asked.opener != "none":
            count(providers.openers, asked.opener)


class CallMeter:
    """Counts one call. It looks at few kinds of records, and at a turn once, when it has ended."""

    __slots__ = ("_barge_ins", "_end", "_following", "_meters", "_over")

    def __init__(self, meters: Meters) -> None:
        self._meters = meters
        self._following = Following(meters.add_turn)
        self._barge_ins = BargeIns()
        self._end: End = "policy"
        self._over = False

    def record(self, now: int, record: Record) -> None:
        """The next entry of the trace."""
        self._following.take(now, record)
        kind = type(record)
        if kind in _OF_BARGE_INS:
            self._barge_ins.take(Entry(now, record))
        elif kind in _COUNTED:
            self._count(record)

    def over(self) -> None:
        """The call is over, however it ended; nothing happens the second time."""
        if not self._over:
            self._over = True
            self._meters.figures.calls.live -= 1

    def _count(self, record: Record) -> None:
        figures = self._meters.figures
        match record:
            case Mark(stage=stage, step="failed"):
                count(figures.providers.failures, stage)
            case Mark(stage=stage, step="left"):
                count(figures.providers.left, stage)
            case CallerLeft():
                self._end = "caller"
            case EndRequested():
                self._end = "agent"
            case Closed(dropped=dropped, failed=failed):
                count(figures.calls.ended, "failed" if failed else self._end)
                for queue, items in dropped.items():
                    count(figures.calls.dropped, queue, items)
                self._add_barge_ins()
                self.over()
            case _:
                pass

    def _add_barge_ins(self) -> None:
        figures = self._meters.figures.barge_ins
        for found in self._barge_ins.found:
            count(figures.outcomes, found.outcome)
            if found.stop_latency is not None:
                figures.yields.add(found.stop_latency / MS)


def count(counts: dict[str, int], name: str, times: int = 1) -> None:
    counts[name] = counts.get(name, 0) + times


Watch: TypeAlias = Callable[[int, Record], None]


def both(one: Watch, other: Watch | None) -> Watch:
    """Two watch one trace."""
    if other is None:
        return one
    second = other

    def tell(now: int, record: Record) -> None:
        one(now, record)
        second(now, record)

    return tell


_OF_BARGE_INS: Final = frozenset(
    (
        PausePlayout,
        PlayoutFinished,
        PlayoutStarted,
        PlayoutStopped,
        ResumePlayout,
        SpeechStarted,
        SpeechStopped,
        StopPlayout,
    )
)
_COUNTED: Final = frozenset((CallerLeft, Closed, EndRequested, Mark))
