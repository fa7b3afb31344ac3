"""The demo's call, held in modelled time with the real detector, recogniser, responder and voice, then listened to."""

from __future__ import annotations

import re
import statistics
from pathlib import Path

import msgspec
import pytest

from hocket.agent.call import CallRecord
from hocket.cli.demo import demo
from hocket.clock import MS
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.log import Trace, read_trace
from hocket.trace.records import Opened
from hocket.trace.replay import check
from hocket.turn.commands import CloseTurn, PausePlayout, ResumePlayout, StopPlayout
from hocket.turn.events import PlayoutStarted
from tests import listen


class Demo:
    """What the call left behind."""

    def __init__(self, folder: Path) -> None:
        self.trace: Trace = read_trace(folder / "trace.jsonl")
        self.record = msgspec.json.decode((folder / "call.json").read_bytes(), type=CallRecord)
        self.turns: list[TurnTrace] = turns(self.trace)
        self.caller, agent, self.rate = listen.channels(folder / "call.wav")
        self.agent_heard = listen.heard(agent, self.rate, floor_db=-50, bridge_ms=150)
        self.caller_heard = listen.heard(self.caller, self.rate, floor_db=-40, bridge_ms=700)
        self.page = (folder / "report.html").read_text()
        head = self.trace[0].record
        assert isinstance(head, Opened)
        self.head = head

    def ms(self, now: int) -> float:
        """A time of the trace as a place in the recording."""
        return (now - self.head.media_epoch) / MS


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo")
    demo(folder, fast=True)
    return Demo(folder)


def test_the_agent_is_heard_when_the_trace_says_so(held: Demo) -> None:
    starts = [start for start, _ in held.agent_heard]
    said = [held.ms(entry.now) for entry in held.trace if isinstance(entry.record, PlayoutStarted)]
    cut = [held.ms(entry.now) for entry in held.trace if isinstance(entry.record, StopPlayout)]
    assert len(said) >= 6
    # An answer that follows on one that was stopped just before begins in what is heard as one stretch.
    apart = [at for at in said if not any(0 <= at - stop < 500 for stop in cut)]
    assert len(apart) >= 5
    for at in apart:
        assert abs(at - listen.nearest(at, starts)) <= 20


def test_the_agent_falls_silent_when_the_trace_says_so(held: Demo) -> None:
    pauses = [held.ms(entry.now) for entry in held.trace if isinstance(entry.record, PausePlayout)]
    assert pauses
    for at in pauses:  # it goes on 300 ms later at the soonest
        assert not [(start, end) for start, end in held.agent_heard if start < at + 20 < end - 1], at


def test_the_end_of_the_callers_speech_is_where_the_recording_has_it(held: Demo) -> None:
    errors = [
        abs(held.ms(turn.times.last_speech) - listen.last_voice(held.caller, held.rate, held.ms(turn.times.flip)))
        for turn in held.turns
        if turn.times.last_speech is not None and turn.times.flip is not None
    ]
    print("last speech, trace against recording, ms:", sorted(errors))
    assert len(errors) >= 5
    assert statistics.median(errors) <= 20


def test_a_pause_in_the_middle_of_a_sentence_is_not_cut(held: Demo) -> None:
    start, end = max(held.caller_heard, key=lambda stretch: stretch[1] - stretch[0])
    assert end - start > 8_000, "the long sentence, its pauses bridged"
    assert not any(start + 500 < begins < end for begins, _ in held.agent_heard)


def test_a_backchannel_lets_the_agent_finish_and_a_barge_in_stops_it(held: Demo) -> None:
    outcomes = [entry.record.outcome for entry in held.trace if isinstance(entry.record, CloseTurn)]
    assert outcomes[0] == "answered"
    assert "interrupted" in outcomes
    assert any(isinstance(entry.record, StopPlayout) for entry in held.trace)


def test_it_answers_what_it_can_and_says_what_it_does_not_know(held: Demo) -> None:
    said = " ".join(entry.text for entry in held.record.transcript if entry.who == "agent")
    assert "degrees" in said  # the weather, from a tool
    assert "I don't know" in said


def test_it_answers_as_fast_as_people_do(held: Demo) -> None:
    latencies = [turn.response_latency / MS for turn in held.turns if turn.response_latency is not None]
    assert len(latencies) >= 5
    assert statistics.median(latencies) <= 400


def test_the_parts_of_every_turn_sum_exactly_and_little_is_unexplained(held: Demo) -> None:
    for turn in held.turns:
        if turn.response_latency is not None:
            assert sum(part.duration for part in turn.parts) == turn.response_latency
            assert sum(part.duration for part in turn.parts if part.name == "unexplained") < 5 * MS


def test_the_log_replays_to_the_same_orders(held: Demo) -> None:
    from hocket.agent.loader import load_agent
    from hocket.assembly.assembly import turn_config
    from hocket.cli.demo import _root
    from hocket.turn.engine import TurnEngine

    agent = load_agent(str(_root() / "examples" / "harbour_kayaks" / "agent.py"))
    assert check(held.trace, TurnEngine(turn_config(agent, has_knowledge=True))) is None


def test_a_resumed_reply_goes_on_after_every_resume(held: Demo) -> None:
    starts = [start for start, _ in held.agent_heard]
    for entry in held.trace:
        if isinstance(entry.record, ResumePlayout):
            at = held.ms(entry.now)
            assert any(at - 1 <= start <= at + 400 for start in starts)


def test_the_page_is_whole_and_needs_no_other_address(held: Demo) -> None:
    assert "modelled" in held.page
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=.?https?:", held.page)
