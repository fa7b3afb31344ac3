from __future__ import annotations

from hocket.clock import MS
from hocket.ids import ReplyId, TurnId
from hocket.trace.latency import TurnTrace, turns
from hocket.trace.records import Entry, Mark, Record
from hocket.turn.commands import (
    CloseTurn,
    CommitTurn,
    Finalize,
    PlayFiller,
    ScoreTurn,
    StartPlayout,
    StartReply,
    StartSay,
)
from hocket.turn.events import (
    PlayoutFinished,
    PlayoutStarted,
    ReplyFailed,
    ReplyReady,
    SpeechPaused,
    SpeechResumed,
    SpeechStarted,
    SpeechStopped,
    TimerFired,
    Transcribed,
)
from tests.trace.golden_traces import golden
from tests.trace.make import HEAD, TurnSpec, call

R1, R2, T1 = ReplyId(1), ReplyId(2), TurnId(1)
COMMIT = CommitTurn(T1, "hello", R1)


def entries(*moments: tuple[float, Record]) -> list[Entry]:
    return [Entry(0, HEAD), *(Entry(round(ms * MS), record) for ms, record in moments)]


def only(*moments: tuple[float, Record]) -> TurnTrace:
    (turn,) = turns(entries(*moments))
    return turn


def ms(value: int | None) -> float | None:
    return None if value is None else value / MS


def test_a_cold_turn() -> None:
    (turn,) = turns(golden("cold"))
    assert (turn.turn, turn.reply, turn.text, turn.heard) == (1, 1, "when are you open", "We open at nine.")
    assert (ms(turn.times.last_speech), ms(turn.times.flip), ms(turn.times.candidate)) == (2000, 2100, 2210)
    assert (ms(turn.response_latency), ms(turn.endpoint_to_first_byte)) == (515, 245)
    assert (turn.outcome, turn.interrupted, turn.filler, turn.unmeasured) == ("answered", False, False, "")
    assert (turn.speculation.result, turn.speculation.model_calls, turn.speculation.saved) == ("none", 1, 0)


def test_the_five_numbers() -> None:
    (turn,) = turns(golden("cold"))
    numbers = turn.numbers
    assert [ms(n) for n in (numbers.endpoint, numbers.stt_finalize, numbers.first_token)] == [270, 40, 100]
    assert [ms(n) for n in (numbers.first_byte, numbers.end_to_end)] == [100, 515]


def test_a_speculated_turn() -> None:
    (turn,) = turns(golden("speculated"))
    assert ms(turn.response_latency) == 280
    assert (turn.speculation.result, turn.speculation.model_calls) == ("hit", 2)
    assert (ms(turn.speculation.saved), turn.speculation.wasted_tokens) == (230, 5)
    assert ms(turn.numbers.stt_finalize) == 45


def test_the_first_token_of_a_turn_with_a_tool_is_that_of_the_last_round() -> None:
    (turn,) = turns(golden("tool"))
    assert (ms(turn.response_latency), ms(turn.numbers.first_token)) == (860, 100)


def test_a_withdrawn_turn_is_flagged_and_the_next_one_measured() -> None:
    withdrawn, interrupted = turns(golden("barge_in"))
    assert withdrawn.response_latency is None
    assert withdrawn.unmeasured == "no sound: the caller went on speaking, the reply was withdrawn"
    assert withdrawn.parts == ()
    assert (interrupted.outcome, interrupted.interrupted, interrupted.heard) == ("interrupted", True, "No, on Sunday")
    assert ms(interrupted.response_latency) == 500


def test_an_amended_turn_is_answered_by_the_restarted_reply() -> None:
    (turn,) = turns(call(TurnSpec(amended=True)))
    assert (turn.reply, turn.text) == (2, "when are you open on saturday please")
    assert (turn.speculation.result, turn.speculation.model_calls) == ("miss", 2)
    assert turn.speculation.wasted_tokens == 9


SPOKEN: list[tuple[float, Record]] = [
    (50, SpeechStarted(0)),
    (900, SpeechStopped(800 * MS)),
    (1000, TimerFired()),
    (1000, Finalize()),
    (1000, ScoreTurn()),
    (1060, TimerFired()),
    (1060, COMMIT),
    (1060, StartReply(R1, "hello", False)),
]


def test_an_apology_answers_a_turn_that_failed() -> None:
    turn = only(
        *SPOKEN,
        (1300, ReplyFailed(R1, "the model is down")),
        (1300, CloseTurn(T1, "failed")),
        (1300, StartSay(R2, "Sorry.", "apology")),
        (1301, ReplyReady(R2)),
        (1301, StartPlayout(R2)),
        (1310, PlayoutStarted(R2)),
        (1900, PlayoutFinished(R2, "Sorry.")),
    )
    assert (turn.reply, turn.outcome, turn.heard) == (2, "failed", "Sorry.")
    assert ms(turn.response_latency) == 510


def test_what_is_said_after_an_answer_is_not_the_answer() -> None:
    turn = only(
        *SPOKEN,
        (1300, CloseTurn(T1, "answered")),
        (1300, StartSay(R2, "Are you still there?", "reprompt")),
        (1310, PlayoutStarted(R2)),
    )
    assert turn.unmeasured == "no sound of the reply was reported"


def test_a_failure_without_a_sound_is_flagged_with_its_reason() -> None:
    turn = only(*SPOKEN, (1300, ReplyFailed(R1, "no key")), (1300, CloseTurn(T1, "failed")))
    assert turn.unmeasured == "no sound: the reply failed (no key)"


def test_a_call_that_ended_or_a_trace_that_was_cut_off_is_flagged() -> None:
    assert only(*SPOKEN, (1300, CloseTurn(T1, "ended"))).unmeasured == "no sound: the call ended first"
    cut_off = only(*SPOKEN)
    assert (cut_off.outcome, cut_off.unmeasured) == ("open", "no sound: the trace ends before the turn does")


def test_a_turn_that_voice_activity_did_not_hear_is_flagged_and_keeps_what_can_be_known() -> None:
    turn = only((1060, TimerFired()), (1060, COMMIT), (1300, PlayoutStarted(R1)))
    assert turn.unmeasured == "voice activity reported no end of speech before the commit"
    assert (turn.response_latency, ms(turn.endpoint_to_first_byte)) == (None, 240)


def test_speech_that_was_answered_already_is_not_measured_again() -> None:
    second = CommitTurn(TurnId(2), "again", R2)
    _, turn = turns(entries(*SPOKEN, (1300, PlayoutStarted(R1)), (2000, second), (2100, PlayoutStarted(R2))))
    assert turn.unmeasured == "voice activity reported no end of speech before the commit"


def test_a_pause_counts_while_voice_activity_goes_on() -> None:
    paused: list[tuple[float, Record]] = [(50.0, SpeechStarted(0)), (820.0, SpeechPaused(800 * MS)), (1060.0, COMMIT)]
    sound = (1200.0, PlayoutStarted(R1))
    assert ms(only(*paused, sound).response_latency) == 400
    resumed = [*paused[:2], (830.0, SpeechResumed()), paused[2], sound]
    assert only(*resumed).response_latency is None


def test_a_filler_is_the_first_sound_when_its_playout_is_marked() -> None:
    turn = only(
        *SPOKEN,
        (1500, TimerFired()),
        (1500, PlayFiller(R1, "One moment.")),
        (1510, Mark("playout", "first", R1, "filler")),
        (2500, PlayoutStarted(R1)),
    )
    assert (ms(turn.response_latency), turn.filler) == (710, True)


def test_a_close_after_the_next_commit_still_counts() -> None:
    second = CommitTurn(TurnId(2), "again", R2)
    first, _ = turns(entries(*SPOKEN, (2000, second), (2001, CloseTurn(T1, "withdrawn"))))
    assert first.outcome == "withdrawn"


def test_a_final_without_a_finalize_is_not_the_finalize_number() -> None:
    turn = only(*SPOKEN, (1070, Transcribed("hello", True)))
    assert turn.numbers.stt_finalize is None


def test_a_trace_without_turns() -> None:
    assert turns([]) == turns(entries()) == []
