from __future__ import annotations

from hocket.clock import MS
from hocket.ids import ReplyId
from hocket.trace.barge_ins import barge_ins
from hocket.trace.records import Entry, Record
from hocket.turn.commands import PausePlayout, StopPlayout
from hocket.turn.events import PlayoutFinished, PlayoutStarted, SpeechStarted, SpeechStopped
from tests.trace.golden_traces import golden

R1 = ReplyId(1)


def found(*moments: tuple[int, Record]) -> list[tuple[str, int | None]]:
    entries = [Entry(ms * MS, record) for ms, record in moments]
    return [(b.outcome, None if b.stop_latency is None else b.stop_latency // MS) for b in barge_ins(entries)]


def test_a_cough_is_resumed_from_and_words_stop_the_agent() -> None:
    seen = [(b.outcome, b.reply, (b.stop_latency or 0) / MS) for b in barge_ins(golden("barge_in"), fade_ms=15)]
    assert seen == [("resumed", 1, 65), ("stopped", 1, 85), ("stopped", 3, 75)]


def test_the_decision_is_timed() -> None:
    assert [b.decided for b in barge_ins(golden("barge_in"))] == [800 * MS, 1700 * MS, 4150 * MS]


def test_a_stop_without_a_pause_is_when_it_yielded() -> None:
    assert found((0, PlayoutStarted(R1)), (200, SpeechStarted(150 * MS)), (300, StopPlayout(R1))) == [("stopped", 165)]


def test_a_caller_who_began_before_the_agent_sounded_is_measured_from_the_sound() -> None:
    assert found((100, PlayoutStarted(R1)), (120, SpeechStarted(50 * MS)), (120, PausePlayout(R1))) == [("ignored", 35)]


def test_an_agent_that_does_not_yield_is_reported_each_time() -> None:
    speech: list[tuple[int, Record]] = [
        (200, SpeechStarted(150 * MS)),
        (400, SpeechStopped(350 * MS)),
        (600, SpeechStarted(550 * MS)),
        (900, PlayoutFinished(R1, "All.")),
    ]
    assert found((0, PlayoutStarted(R1)), *speech) == [("ignored", None), ("ignored", None)]


def test_speech_while_the_agent_is_silent_is_no_barge_in() -> None:
    assert found((100, SpeechStarted(50 * MS)), (500, PlayoutStarted(R1)), (600, SpeechStopped(500 * MS))) == []
