from __future__ import annotations

import asyncio

import pytest

from hocket.clock import SECOND
from hocket.session.turns import Turns
from hocket.sim.loop import VirtualLoop, run
from hocket.trace.log import TraceLog
from hocket.trace.records import Closed, Mark
from hocket.turn.commands import Command, EndCall, StartSay
from hocket.turn.config import TurnConfig
from hocket.turn.events import CallerLeft, CallStarted, SpeechStarted, TimerFired, Transcribed

CONFIG = TurnConfig(greeting="Hello.", reprompts=(), goodbye="", no_input_ms=1_000)


def unexpected(error: Exception) -> None:
    raise error


def records(trace: TraceLog) -> list[str]:
    return [type(entry.record).__name__ for entry in trace.entries]


def test_facts_that_an_order_causes_are_handled_after_it() -> None:
    async def scenario() -> None:
        done: list[str] = []

        def do(command: Command) -> None:
            done.append(type(command).__name__)
            if isinstance(command, StartSay):
                turns.post(Transcribed("um", False))  # must not be handled in the middle of this one
                done.append("posted")

        trace = TraceLog()
        turns = Turns(CONFIG, trace, do, unexpected)
        turns.post(CallStarted())
        assert done[:2] == ["StartSay", "posted"]
        assert records(trace) == ["CallStarted", "StartSay", "Transcribed"]
        turns.close()

    run(scenario())


def test_the_engines_deadline_rings_on_time() -> None:
    async def scenario() -> None:
        trace = TraceLog()
        turns = Turns(TurnConfig(greeting="", reprompts=(), goodbye="", no_input_ms=1_000), trace, print, unexpected)
        turns.post(CallStarted())
        await asyncio.sleep(2)
        fired = [entry.now for entry in trace.entries if isinstance(entry.record, TimerFired)]
        assert fired == [1 * SECOND]
        assert isinstance(trace.entries[-1].record, EndCall)
        turns.close()

    run(scenario())


def test_a_timer_that_fires_early_is_no_fact() -> None:
    """Loops that round to the millisecond do that."""

    async def scenario() -> None:
        trace = TraceLog()
        turns = Turns(TurnConfig(greeting="", reprompts=(), goodbye="", no_input_ms=1_000), trace, print, unexpected)
        turns.post(CallStarted())
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        turns._ring()
        await asyncio.sleep(2)
        assert [entry.now for entry in trace.entries if isinstance(entry.record, TimerFired)] == [1 * SECOND]
        turns.close()

    run(scenario())


def test_after_a_failure_the_engine_is_not_asked_again() -> None:
    async def scenario() -> None:
        failures: list[Exception] = []

        def do(command: Command) -> None:
            raise ValueError("an order cannot be carried out")

        trace = TraceLog()
        turns = Turns(CONFIG, trace, do, failures.append)
        with pytest.raises(ValueError, match="cannot be carried out"):
            turns.post(CallStarted())
        count = len(trace.entries)
        turns.post(SpeechStarted(0))
        assert len(trace.entries) == count
        assert len(failures) == 1
        await asyncio.sleep(10)  # no deadline rings
        assert len(trace.entries) == count

    run(scenario())


def test_closed_takes_no_facts_and_sealed_no_marks() -> None:
    async def scenario() -> None:
        trace = TraceLog(limit=3)
        turns = Turns(CONFIG, trace, lambda command: None, unexpected)
        turns.post(CallStarted())
        turns.close()
        turns.post(CallerLeft("too late"))
        turns.mark(Mark("llm", "cancelled"))
        turns.mark(Mark("llm", "cancelled"))
        turns.seal("over", {})
        turns.mark(Mark("llm", "ended"))
        await asyncio.sleep(100)
        assert records(trace) == ["CallStarted", "StartSay", "Mark"]
        assert trace.dropped == 2  # one mark, and the foot itself

    run(scenario())


def test_what_the_trace_had_no_room_for_is_told_in_its_foot() -> None:
    async def scenario() -> None:
        written: list[Closed] = []

        class Sink(TraceLog):
            def write(self, now: int, record: object) -> None:
                if isinstance(record, Closed):
                    written.append(record)
                super().write(now, record)  # type: ignore[arg-type]

        turns = Turns(CONFIG, Sink(limit=1), lambda command: None, unexpected)
        turns.post(CallStarted())
        turns.close()
        turns.seal("over", {"stt": 3})
        assert written == [Closed("over", {"stt": 3, "trace": 1})]

    run(scenario())
