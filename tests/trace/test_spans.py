from __future__ import annotations

import pytest

from hocket.clock import MS
from hocket.ids import ReplyId, ToolCallId, TurnId
from hocket.trace.records import Entry, Mark, Record
from hocket.trace.spans import ROWS, How, Row, endpointing, spans
from hocket.trace.turn_records import split
from hocket.turn.commands import CommitTurn, Finalize, PlayFiller, RunTool, StartReply
from hocket.turn.events import PlayoutFinished, PlayoutStarted, PlayoutStopped, ToolFinished, Transcribed
from tests.trace.make import HEAD, TurnSpec, call, calm_call

R1, R2, OTHER = ReplyId(1), ReplyId(2), ReplyId(9)
COMMITTED: list[tuple[int, Record]] = [
    (100, CommitTurn(TurnId(1), "hello", R1)),
    (100, StartReply(R1, "hello", speculative=False)),
]

Bar = tuple[Row, float, float | None, float, How]


def bars(*moments: tuple[int, Record]) -> list[Bar]:
    """The spans of the only turn: row, start, first, end in milliseconds, and how it ended."""
    (turn,) = split([Entry(0, HEAD), *(Entry(ms * MS, record) for ms, record in [*COMMITTED, *moments])])
    return [
        (span.row, span.start / MS, None if span.first is None else span.first / MS, span.end / MS, span.how)
        for span in spans(turn)
    ]


def test_the_bars_of_a_whole_turn() -> None:
    (turn,) = split(call(TurnSpec(speculate="no")))
    found = [(span.row, round(span.start / MS), round(span.end / MS), span.how) for span in spans(turn)]
    # 1000 + 1500 of speech + 103 + 110 to the candidate, 60 to the commit.
    assert found == [
        ("stt", 2713, 2755, "ended"),
        ("llm", 2774, 3035, "ended"),
        ("tts", 2915, 3417, "ended"),
        ("playout", 3025, 4825, "ended"),
    ]


@pytest.mark.parametrize("step", ["ended", "cancelled", "failed"])
def test_a_stage_ends_once_in_the_way_that_was_marked(step: How) -> None:
    started: list[tuple[int, Record]] = [(110, Mark("llm", "started", R1)), (150, Mark("llm", "first", R1))]
    end = Mark("llm", step, R1)  # type: ignore[arg-type]
    assert bars(*started, (180, end)) == [("llm", 110, 150, 180, step)]
    # A later mark does not change how it ended.
    assert bars(*started, (180, end), (190, Mark("llm", "ended", R1)))[0][4] == step


def test_a_stage_whose_end_nobody_marked_is_open_up_to_its_last_sign() -> None:
    assert bars((110, Mark("llm", "started", R1))) == [("llm", 110, None, 110, "open")]
    segments = [(130, Mark("tts", "first", R1)), (170, Mark("tts", "segment", R1, "Hello.", 6))]
    assert bars((110, Mark("tts", "started", R1)), *segments) == [("tts", 110, 130, 170, "open")]


def test_the_first_token_is_the_first_one() -> None:
    firsts = [(130, Mark("llm", "first", R1)), (140, Mark("llm", "first", R1))]
    assert bars((110, Mark("llm", "started", R1)), *firsts) == [("llm", 110, 130, 140, "open")]


def test_a_model_that_is_asked_again_after_a_tool_has_two_bars() -> None:
    again: list[tuple[int, Record]] = [(200, Mark("llm", "started", R1)), (230, Mark("llm", "first", R1))]
    found = bars((110, Mark("llm", "started", R1)), (150, Mark("llm", "ended", R1)), *again)
    assert found == [("llm", 110, None, 150, "ended"), ("llm", 200, 230, 230, "open")]


def test_a_fillers_voice_has_a_bar_of_its_own() -> None:
    found = bars(
        (110, Mark("tts", "started", R1)),
        (120, Mark("tts", "started", R1, "filler")),
        (125, Mark("tts", "first", R1, "filler")),
        (150, Mark("tts", "first", R1)),
        (160, Mark("tts", "ended", R1, "filler")),
    )
    assert found == [("tts", 110, 150, 150, "open"), ("tts", 120, 125, 160, "ended")]


def test_work_for_other_turns_and_marks_without_a_beginning_have_no_bar() -> None:
    assert bars((110, Mark("llm", "started", OTHER)), (120, Mark("llm", "first", R1))) == []
    assert bars((110, Mark("vad", "started")), (120, Mark("playout", "started"))) == []
    assert bars((120, PlayoutStarted(OTHER)), (130, PlayFiller(OTHER, "One moment."))) == []
    assert bars((120, RunTool(OTHER, ToolCallId("t"), "slots", "{}"))) == []


def test_retrieval_belongs_to_no_reply_and_is_shown() -> None:
    found = bars((110, Mark("retrieval", "started")), (114, Mark("retrieval", "ended")))
    assert found == [("retrieval", 110, None, 114, "ended")]


def test_the_turn_detector_has_a_row_with_what_it_said() -> None:
    (turn,) = split(
        [
            Entry(10 * MS, Mark("turn", "started")),
            Entry(50 * MS, Mark("turn", "ended", detail="complete 0.07, 40 ms")),
            Entry(60 * MS, CommitTurn(TurnId(1), "hello", R1)),
        ]
    )
    assert [(span.row, span.start, span.end, span.how, span.detail) for span in spans(turn)] == [
        ("turn", 10 * MS, 50 * MS, "ended", "complete 0.07, 40 ms")
    ]


def test_a_final_counts_only_when_it_was_asked_for() -> None:
    (turn,) = split(
        [
            Entry(10 * MS, Transcribed("hello", final=True)),
            Entry(20 * MS, Finalize()),
            Entry(30 * MS, Transcribed("there", final=True)),
            Entry(50 * MS, Transcribed("friend", final=True, finalized=True)),
            Entry(60 * MS, CommitTurn(TurnId(1), "hello there friend", R1)),
            Entry(70 * MS, Finalize()),
            Entry(90 * MS, Transcribed("", final=True, finalized=True)),
        ]
    )
    assert [(span.row, span.start, span.end, span.detail) for span in spans(turn)] == [
        ("stt", 20 * MS, 50 * MS, "friend")
    ]


def test_tools_end_fail_or_stay_open() -> None:
    slots, prices = ToolCallId("a"), ToolCallId("b")
    asked: list[tuple[int, Record]] = [(110, RunTool(R1, slots, "slots", "{}")), (111, RunTool(R1, prices, "p", "{}"))]
    assert bars(
        *asked, (160, ToolFinished(R1, prices, "gone", failed=True)), (170, ToolFinished(R1, slots, "nine"))
    ) == [
        ("tool", 110, None, 170, "ended"),
        ("tool", 111, None, 160, "failed"),
    ]
    assert bars(*asked[:1]) == [("tool", 110, None, 110, "open")]


def test_playout_ends_or_is_cut_off() -> None:
    began = (200, PlayoutStarted(R1))
    assert bars(began, (900, PlayoutFinished(R1, "Hello."))) == [("playout", 200, 200, 900, "ended")]
    assert bars(began, (500, PlayoutStopped(R1, "Hel"))) == [("playout", 200, 200, 500, "cancelled")]
    assert bars(began) == [("playout", 200, 200, 200, "open")]
    # What stopped before it began is of an earlier round.
    assert bars((150, PlayoutStopped(R1, "")), began) == [("playout", 200, 200, 200, "open")]


def test_bars_stand_in_order_of_their_start_and_then_from_the_caller_to_the_caller() -> None:
    for turn in split(calm_call(20)):
        found = spans(turn)
        keys = [(span.start, ROWS.index(span.row)) for span in found]
        assert keys == sorted(keys)
        assert all(span.start <= span.end for span in found)
        assert all(span.first is None or span.start <= span.first <= span.end for span in found)
    assert [bar[0] for bar in bars((110, PlayFiller(R1, "Hm.")), (110, Mark("llm", "started", R1)))] == [
        "llm",
        "filler",
    ]


@pytest.mark.parametrize(
    ("flip", "candidate", "expected"),
    [
        (100, 210, [("vad", 0, 100), ("silence", 100, 210), ("confirm", 210, 270)]),
        (None, 210, [("silence", 0, 210), ("confirm", 210, 270)]),
        (100, None, [("vad", 0, 100), ("silence", 100, 270)]),
        (None, None, [("silence", 0, 270)]),
        (100, 100, [("vad", 0, 100), ("confirm", 100, 270)]),
        # A candidate before the flip is no step of its own, and nothing lies after the commit.
        (100, 50, [("vad", 0, 100), ("confirm", 100, 270)]),
        (300, 270, [("silence", 0, 270)]),
    ],
)
def test_endpointing_is_three_steps_without_gaps(
    flip: int | None, candidate: int | None, expected: list[tuple[Row, int, int]]
) -> None:
    assert [(span.row, span.start, span.end) for span in endpointing(0, flip, candidate, 270)] == expected
