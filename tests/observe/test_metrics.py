from __future__ import annotations

from collections.abc import Sequence

import msgspec
import pytest

from hocket.clock import MS
from hocket.observe.metrics import CallMeter, Meters, WorkerMetrics, both
from hocket.sim.calls import hold_call
from hocket.trace.barge_ins import barge_ins
from hocket.trace.latency import turns
from hocket.trace.percentiles import summary
from hocket.trace.records import Closed, Entry, Mark, Record
from hocket.turn.events import CallerLeft, EndRequested
from tests.trace.golden_traces import golden
from tests.trace.make import HEAD, TurnSpec, call, calm_call


def metered(*calls: Sequence[Entry]) -> WorkerMetrics:
    meters = Meters()
    for entries in calls:
        meter = meters.call()
        for entry in entries:
            meter.record(entry.now, entry.record)
    return meters.figures


@pytest.mark.parametrize("entries", [calm_call(20), hold_call(5, turns=25).trace.entries], ids=["made", "simulated"])
def test_figures_are_those_of_the_traces(entries: list[Entry]) -> None:
    figures = metered(entries)
    whole = turns(entries)
    total = summary(whole)
    assert figures.turns.outcomes == total.outcomes
    assert figures.turns.response_latency.count == total.response_latency.count
    assert figures.turns.long == total.long
    latencies = [turn.response_latency / MS for turn in whole if turn.response_latency is not None]
    assert figures.turns.response_latency.total == pytest.approx(sum(latencies))
    assert {name: steps.count for name, steps in figures.turns.steps.items()} == {
        name: percentiles.count for name, percentiles in total.numbers.items() if percentiles.count
    }
    assert figures.speculation.results == total.speculation
    assert figures.speculation.wasted_tokens == total.wasted_tokens
    assert figures.speculation.saved_ms == pytest.approx(sum(turn.speculation.saved for turn in whole) / MS)
    assert figures.providers.model_calls == sum(turn.speculation.model_calls for turn in whole)
    found = barge_ins(entries)
    assert sum(figures.barge_ins.outcomes.values()) == len(found) > 0
    assert figures.barge_ins.yields.count == sum(one.stop_latency is not None for one in found)


def test_a_yield_to_no_words_is_told_from_one_to_words() -> None:
    assert metered(golden("barge_in")).barge_ins.outcomes == {"resumed": 1, "stopped": 2}


@pytest.mark.parametrize(
    ("records", "by"),
    [
        ([CallerLeft("hung up"), Closed("hung up")], "caller"),
        ([EndRequested("done"), Closed("done")], "agent"),
        ([Closed("the caller said nothing")], "policy"),
        ([CallerLeft("The recogniser broke."), Closed("The recogniser broke.", failed=True)], "failed"),
    ],
)
def test_calls_are_counted_by_who_ended_them(records: list[Record], by: str) -> None:
    figures = metered([Entry(0, HEAD), *(Entry(1, record) for record in records)])
    assert figures.calls.ended == {by: 1}
    assert (figures.calls.started, figures.calls.live) == (1, 0)


def test_a_simulated_caller_hangs_up() -> None:
    assert metered(hold_call(1, turns=2).trace.entries).calls.ended == {"caller": 1}


def test_a_call_is_live_until_its_trace_is_closed_or_somebody_says_so() -> None:
    meters = Meters()
    one, other = meters.call(), meters.call()
    assert meters.figures.calls.live == 2
    one.record(0, Closed("done"))
    one.over()
    assert meters.figures.calls.live == 1
    other.over()
    other.over()
    assert meters.figures.calls.live == 0


def test_providers_that_fail_are_counted_by_stage() -> None:
    marks = [Mark("stt", "failed"), Mark("llm", "left", detail="slow"), Mark("llm", "left"), Mark("tts", "hit")]
    figures = metered([Entry(0, mark) for mark in marks] + [Entry(1, Closed("x", {"stt": 7}))])
    assert figures.providers.failures == {"stt": 1}
    assert figures.providers.left == {"llm": 2}
    assert figures.calls.dropped == {"stt": 7}


def test_refusals_are_counted_by_reason() -> None:
    meters = Meters()
    for reason in ("busy", "busy", "draining"):
        meters.refused(reason)
    assert meters.figures.calls.refused == {"busy": 2, "draining": 1}


def test_withdrawn_turns_are_no_gap_in_the_measurement() -> None:
    entries = golden("barge_in")
    assert metered(entries).turns.unmeasured == 0
    assert metered(entries).turns.outcomes["withdrawn"] == 1


def test_figures_travel() -> None:
    figures = metered(call(TurnSpec()))
    assert msgspec.json.decode(msgspec.json.encode(figures), type=WorkerMetrics) == figures


def test_two_workers_figures_share_nothing() -> None:
    one, other = Meters(), Meters()
    one.refused("busy")
    CallMeter(one)
    assert other.figures == WorkerMetrics()


def test_two_can_watch_one_trace() -> None:
    seen: list[tuple[str, int]] = []

    def one(now: int, record: Record) -> None:
        seen.append(("one", now))

    def other(now: int, record: Record) -> None:
        seen.append(("other", now))

    both(one, other)(7, Closed("x"))
    assert seen == [("one", 7), ("other", 7)]
    assert both(one, None) is one
