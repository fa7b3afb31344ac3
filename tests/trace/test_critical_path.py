from __future__ import annotations

from dataclasses import replace
from typing import Literal

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from hocket.clock import MS
from hocket.ids import ReplyId, ToolCallId, TurnId
from hocket.trace.critical_path import PART_NAMES
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.records import Entry, Mark, Record
from hocket.turn.commands import (
    CloseTurn,
    CommitTurn,
    Finalize,
    PlayFiller,
    RunTool,
    ScoreTurn,
    StartPlayout,
    StartReply,
    StartSay,
)
from hocket.turn.events import (
    PlayoutStarted,
    ReplyFailed,
    ReplyReady,
    SpeechPaused,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    ToolRequested,
    Transcribed,
)
from tests.trace.golden_traces import golden
from tests.trace.make import HEAD, TurnSpec, call

R1, R2, T1 = ReplyId(1), ReplyId(2), TurnId(1)


def parts(turn: TurnTrace) -> list[tuple[str, float]]:
    return [(part.name, part.duration / MS) for part in turn.parts]


def of(*moments: tuple[float, Record]) -> list[tuple[str, float]]:
    (turn,) = turns([Entry(0, HEAD), *(Entry(round(ms * MS), record) for ms, record in moments)])
    assert_exact(turn)
    return parts(turn)


def assert_exact(turn: TurnTrace) -> None:
    """What every critical path must be, whatever the trace."""
    if turn.response_latency is None:
        assert turn.unmeasured
        assert turn.parts == ()
        return
    assert sum(part.duration for part in turn.parts) == turn.response_latency
    at = turn.times.last_speech
    for part in turn.parts:
        assert part.start == at
        assert part.end > part.start
        assert part.name in PART_NAMES
        at = part.end
    assert at == turn.times.first_audible


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cold", "vad 100, silence 110, confirm 60, llm 101, segment 36, tts 100, playout 8"),
        ("speculated", "vad 100, silence 110, confirm 60, playout 10"),
        ("tool", "vad 100, silence 110, llm 120, tool 300, llm 102, segment 18, tts 100, playout 10"),
        ("barge_in", "vad 100, silence 110, confirm 60, llm 101, segment 20, tts 100, playout 9"),
    ],
)
def test_the_golden_traces_add_up(name: str, expected: str) -> None:
    turn = turns(golden(name))[-1]
    assert_exact(turn)
    assert ", ".join(f"{part} {ms:g}" for part, ms in parts(turn)) == expected


HEARD: list[tuple[float, Record]] = [
    (50, SpeechStarted(0)),
    (900, SpeechStopped(800 * MS)),
    (1010, TimerFired()),
    (1010, Finalize()),
    (1010, ScoreTurn()),
]
COMMIT = CommitTurn(T1, "hello", R1)
COMMITTED: list[tuple[float, Record]] = [
    *HEARD,
    (1070, TimerFired()),
    (1070, COMMIT),
    (1070, StartReply(R1, "hello", False)),
    (1070, Mark("llm", "started", R1)),
]
ENDPOINT = [("vad", 100), ("silence", 110), ("confirm", 60)]


def spoken(reply: ReplyId, at: float) -> list[tuple[float, Record]]:
    return [(at, ReplyReady(reply)), (at, StartPlayout(reply)), (at + 5, PlayoutStarted(reply))]


def voiced(reply: ReplyId, token: float) -> list[tuple[float, Record]]:
    return [
        (token, Mark("llm", "first", reply)),
        (token + 20, Mark("tts", "started", reply)),
        *spoken(reply, token + 100),
    ]


def test_words_that_came_late_are_what_was_waited_for() -> None:
    late = [*HEARD, (1200.0, Transcribed("hello", True, True)), (1200.0, TimerFired())]
    found = of(*late, (1200, COMMIT), (1200, StartReply(R1, "hello", False)), *voiced(R1, 1300))
    assert found[:3] == [("vad", 100), ("silence", 110), ("transcript", 190)]


def test_a_final_that_was_asked_for_when_speech_paused_was_waiting_for_detection_first() -> None:
    early: list[tuple[float, Record]] = [
        (50, SpeechStarted(0)),
        (820, SpeechPaused(800 * MS)),
        (820, Finalize()),
        (880, Transcribed("hello", True, True)),
        (880, StartReply(R1, "hello", True)),
        (900, SpeechStopped(800 * MS)),
        (1010, TimerFired()),
        (1010, ScoreTurn()),
        (1070, TimerFired()),
        (1070, COMMIT),
    ]
    assert of(*early, *voiced(R1, 1080))[:3] == [("vad", 20), ("transcript", 60), ("llm", 200)]


def test_a_filler_that_was_ordered_and_not_heard_explains_nothing() -> None:
    late: list[tuple[float, Record]] = [(1700, TimerFired()), (1700, PlayFiller(R1, "One moment."))]
    assert of(*COMMITTED, *late, *voiced(R1, 1750))[-4:] == [("llm", 680), ("segment", 20), ("tts", 80), ("playout", 5)]


def test_an_apology_that_was_synthesised_ahead() -> None:
    failed: list[tuple[float, Record]] = [
        (1170, ReplyFailed(R1, "down")),
        (1170, CloseTurn(T1, "failed")),
        (1170, StartSay(R2, "Sorry.", "apology")),
        *spoken(R2, 1172),
    ]
    assert of(*COMMITTED, *failed) == [*ENDPOINT, ("llm", 100), ("tts", 2), ("playout", 5)]


def test_an_interim_that_started_the_reply_covers_detection() -> None:
    early: list[tuple[float, Record]] = [
        (50, SpeechStarted(0)),
        (880, Transcribed("hello", False)),
        (880, StartReply(R1, "hello", True)),
        *HEARD[1:],
        (1070, TimerFired()),
        (1070, COMMIT),
    ]
    assert of(*early, *voiced(R1, 1080))[:2] == [("transcript", 80), ("llm", 200)]


def test_a_speculation_that_waited_for_the_last_word_was_waiting_for_the_transcript() -> None:
    timed: list[tuple[float, Record]] = [
        *HEARD[:2],
        (950, TimerFired()),
        (950, StartReply(R1, "hello", True)),
        *HEARD[2:],
        (1070, TimerFired()),
        (1070, COMMIT),
    ]
    assert of(*timed, *voiced(R1, 1080))[:2] == [("transcript", 150), ("llm", 130)]


def test_a_reply_that_started_before_the_last_speech_sample_leaves_only_what_came_after_it() -> None:
    ahead: list[tuple[float, Record]] = [
        (50, SpeechStarted(0)),
        (600, Transcribed("hello", False)),
        (600, StartReply(R1, "hello", True)),
        *HEARD[1:],
        (1070, TimerFired()),
        (1070, COMMIT),
    ]
    assert of(*ahead, *voiced(R1, 1080))[0] == ("llm", 280)


def test_a_gate_that_was_held_is_named() -> None:
    ready: list[tuple[float, Record]] = [(1100, Mark("llm", "first", R1)), (1110, Mark("tts", "started", R1))]
    held: list[tuple[float, Record]] = [
        (1150, ReplyReady(R1)),
        (1300, TimerFired()),
        (1300, StartPlayout(R1)),
        (1305, PlayoutStarted(R1)),
    ]
    assert of(*COMMITTED, *ready, *held)[-3:] == [("tts", 40), ("gate", 150), ("playout", 5)]
    speculated = [*HEARD, (1015.0, StartReply(R1, "hello", True)), (1050.0, ReplyReady(R1)), (1070.0, TimerFired())]
    found = of(*speculated, (1070, COMMIT), (1200, TimerFired()), (1200, StartPlayout(R1)), (1210, PlayoutStarted(R1)))
    assert found == [*ENDPOINT, ("gate", 130), ("playout", 10)]


def test_a_filler_while_the_model_thinks_and_while_a_tool_runs() -> None:
    filler: list[tuple[float, Record]] = [
        (1700, TimerFired()),
        (1700, PlayFiller(R1, "One moment.")),
        (1720, Mark("tts", "first", R1, "filler")),
        (1730, Mark("playout", "first", R1, "filler")),
        (2100, ReplyReady(R1)),
        (2110, PlayoutStarted(R1)),
    ]
    assert of(*COMMITTED, *filler) == [*ENDPOINT, ("llm", 630), ("tts", 20), ("playout", 10)]
    tool: list[tuple[float, Record]] = [
        (1170, ToolRequested(R1, ToolCallId("t"), "slots", "{}")),
        (1170, RunTool(R1, ToolCallId("t"), "slots", "{}")),
    ]
    assert of(*COMMITTED, *tool, *filler) == [*ENDPOINT, ("llm", 100), ("tool", 530), ("tts", 20), ("playout", 10)]


def test_a_tool_that_waited_for_the_commit() -> None:
    found = turns(call(TurnSpec(tool=300, confirm=200)))[0]
    assert_exact(found)
    assert [name for name, _ in parts(found)] == [
        "vad",
        "silence",
        "confirm",
        "tool",
        "llm",
        "segment",
        "tts",
        "playout",
    ]


def test_an_apology_was_waiting_for_the_stage_that_failed() -> None:
    failed: list[tuple[float, Record]] = [
        (1170, Mark("llm", "failed", R1)),
        (1170, ReplyFailed(R1, "down")),
        (1170, CloseTurn(T1, "failed")),
        (1170, StartSay(R2, "Sorry.", "apology")),
        (1171, Mark("tts", "started", R2)),
        *spoken(R2, 1200),
    ]
    assert of(*COMMITTED, *failed) == [*ENDPOINT, ("llm", 100), ("tts", 30), ("playout", 5)]


def test_what_no_record_explains_is_said_to_be_unexplained() -> None:
    assert of(*COMMITTED, (1400, PlayoutStarted(R1))) == [("unexplained", 600)]
    assert of(*COMMITTED, *spoken(R1, 1300)) == [("unexplained", 500), ("playout", 5)]
    # Work without an order: the model's own time is known, why it began is not.
    orderless = [*COMMITTED[:-2], (1100.0, Mark("llm", "started", R1)), *voiced(R1, 1200)]
    assert of(*orderless) == [("unexplained", 300), ("llm", 100), ("segment", 20), ("tts", 80), ("playout", 5)]


milliseconds = st.floats(0, 900, allow_nan=False)
specs = st.builds(
    TurnSpec,
    speech=st.floats(60, 5000),
    vad=milliseconds,
    silence=milliseconds,
    confirm=milliseconds,
    stt=milliseconds,
    llm=milliseconds,
    segment=milliseconds,
    tts=milliseconds,
    playout=milliseconds,
    reply=st.floats(300, 3000),
    speculate=st.sampled_from(["interim", "candidate", "final", "no"]),
    interim=milliseconds,
    tool=st.none() | milliseconds,
    amended=st.booleans(),
    barge_in=st.booleans(),
)


@given(specs)
def test_the_parts_of_any_plausible_turn_sum_exactly(spec: TurnSpec) -> None:
    (turn,) = turns(call(spec))
    assert turn.response_latency is not None
    assert_exact(turn)
    assert "unexplained" not in dict(parts(turn))
    for span in turn.spans:
        assert span.start <= span.end


@settings(max_examples=200)
@given(specs, st.data())
def test_the_parts_sum_exactly_when_records_are_missing_or_out_of_order(spec: TurnSpec, data: st.DataObject) -> None:
    entries = call(TurnSpec(at=500), replace(spec, at=9000))
    kept = data.draw(st.lists(st.sampled_from(entries), unique_by=id, max_size=len(entries)))
    order: Literal["shuffled", "sorted"] = data.draw(st.sampled_from(["shuffled", "sorted"]))
    if order == "sorted":
        kept.sort(key=lambda entry: entry.now)
    for turn in turns(kept):
        assert_exact(turn)


def test_a_connection_that_had_to_be_opened_is_a_part_of_its_own() -> None:
    def dialled(start: float, end: float) -> list[tuple[float, Record]]:
        return [(start, Mark("connect", "started", R1, "v")), (end, Mark("connect", "ended", R1, "v"))]

    found = of(
        *HEARD,
        (1110, COMMIT),
        (1110, StartReply(R1, "hello", False)),
        (1110, Mark("llm", "started", R1)),
        *dialled(1112, 1192),
        (1300, Mark("llm", "first", R1)),
        (1310, Mark("tts", "started", R1)),
        *dialled(1310, 1360),
        *spoken(R1, 1450),
    )
    assert found[-7:] == [
        ("llm", 2),
        ("connect", 80),
        ("llm", 108),
        ("segment", 10),
        ("connect", 50),
        ("tts", 90),
        ("playout", 5),
    ]


def test_a_connection_of_a_second_call_that_was_not_waited_for_explains_only_its_own_time() -> None:
    found = of(
        *HEARD,
        (1110, COMMIT),
        (1110, StartReply(R1, "hello", False)),
        (1110, Mark("llm", "started", R1)),
        (1150, Mark("connect", "started", R1, "v")),  # still dialling when the first call answers
        *voiced(R1, 1200),
    )
    assert ("connect", 50) in found
    assert ("llm", 40) in found
