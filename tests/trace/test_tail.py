from __future__ import annotations

from hocket.clock import MS
from hocket.trace.latency import turns
from hocket.trace.percentiles import Summary
from hocket.trace.tail import cause
from tests.trace.make import TurnSpec, call


def after(*usual: TurnSpec) -> Summary:
    totals = Summary()
    for turn in turns(call(*usual)):
        totals.add(turn)
    return totals


def test_a_turn_that_is_not_long_has_no_cause() -> None:
    [turn] = turns(call(TurnSpec()))
    assert turn.response_latency is not None
    assert turn.response_latency < 500 * MS
    assert cause(turn, Summary().parts) is None


def test_the_first_turn_is_long_because_of_its_longest_part() -> None:
    [turn] = turns(call(TurnSpec(llm=400)))
    assert cause(turn, Summary().parts) == "llm"


def test_a_part_that_is_always_long_is_not_what_made_this_turn_long() -> None:
    usual = [TurnSpec(at=1000 + 6000 * n, llm=400) for n in range(9)]
    [turn] = turns(call(TurnSpec(llm=410, tts=350)))
    assert cause(turn, after(*usual).parts) == "tts"


def test_a_part_that_is_not_on_the_usual_path_counts_whole() -> None:
    [turn] = turns(call(TurnSpec(tool=300)))
    assert cause(turn, after(TurnSpec()).parts) == "tool"
